#include "files.h"

#include <fstream>
#include <iterator>

namespace hdf5_files {

#ifdef __SANITIZE_ADDRESS__
const int kSlowdown = 10;
#else
const int kSlowdown = 1;
#endif

std::vector<char> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_bytes(const std::filesystem::path& path, std::span<const char> bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void flip_byte(const std::filesystem::path& path, std::uint64_t offset) {
  std::vector<char> bytes = read_bytes(path);
  bytes.at(offset) = static_cast<char>(~bytes.at(offset));
  write_bytes(path, bytes);
}

}  // namespace hdf5_files
