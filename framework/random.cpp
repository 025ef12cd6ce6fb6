#include <upconv/framework/random.h>

namespace upconv {

namespace {

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

std::uint64_t hash(std::string_view name) {
  std::uint64_t result = 0xcbf29ce484222325u;
  for (const char c : name)
    result = (result ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return result;
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view name) : state_(mix(mix(seed) ^ hash(name))) {}

std::uint64_t RandomStream::next() {
  state_ += 0x9e3779b97f4a7c15u;
  return mix(state_);
}

float RandomStream::symmetric(double bound) {
  // The first factor is exact, so that only one product is rounded, the same with and without fused
  // multiply-add.
  const auto steps = static_cast<double>(static_cast<std::int64_t>(next() >> 40) - (1 << 23));
  return static_cast<float>(bound * (steps * 0x1p-23));
}

}  // namespace upconv
