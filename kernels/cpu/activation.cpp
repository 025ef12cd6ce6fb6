// Every elementwise function on a piece of L1, compiled once for each instruction set; what calls it is
// compiled for the same ones. The table is made of the enumerators.

#include <array>
#include <cstdint>
#include <utility>

#include <upconv/kernels/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/activation.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/activation-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

namespace {

using PieceFunction = void (*)(float*, std::int64_t, float, float);

template <ActivationKind kKind>
void apply_to_piece(float* piece, std::int64_t count, float a_value, float b_value) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(lanes());
  const VF a = hn::Set(d, a_value), b = hn::Set(d, b_value);
  for (std::int64_t i = 0; i < count; i += step)
    hn::Store(activate<kKind>(hn::Load(d, piece + i), a, b), d, piece + i);
}

template <std::size_t... kIndices>
constexpr auto piece_functions(std::index_sequence<kIndices...>) {
  return std::array<PieceFunction, sizeof...(kIndices)>{apply_to_piece<kActivationNames[kIndices].first>...};
}

}  // namespace

void activate_piece(ActivationKind kind, float* piece, std::int64_t count, float a, float b) {
  if (kind == ActivationKind::none) return;
  static constexpr auto kFunctions = piece_functions(std::make_index_sequence<kActivationNames.size()>());
  kFunctions[static_cast<std::size_t>(kind)](piece, count, a, b);
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();
