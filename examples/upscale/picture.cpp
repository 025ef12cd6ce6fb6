#include "upscale/picture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <system_error>

#include <unistd.h>
#include <zlib.h>

#include <upconv/framework/message.h>

namespace {

/// The writer's compressor: its own counts to 2^30 bytes only, and a 100-megapixel picture has more.
/// The caller frees the result with std::free.
unsigned char* zlib_compress(unsigned char* data, int size, int* compressed_size, int level) {
  uLongf bound = compressBound(static_cast<uLong>(size));
  auto* compressed = static_cast<unsigned char*>(std::malloc(bound));
  const bool done = compressed != nullptr &&
                    compress2(compressed, &bound, data, static_cast<uLong>(size), level) == Z_OK &&
                    bound <= static_cast<uLongf>(std::numeric_limits<int>::max());
  if (!done) {
    std::free(compressed);
    return nullptr;
  }
  *compressed_size = static_cast<int>(bound);
  return compressed;
}

}  // namespace

#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_FAILURE_USERMSG
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

#define STBIW_ZLIB_COMPRESS zlib_compress
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

namespace upscale {

namespace fs = std::filesystem;
using upconv::message;

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw PictureError(message(path.string(), ": ", what));
}

/// The text of errno, as "No such file or directory".
std::string last_error() {
  return std::generic_category().message(errno);
}

File open(const fs::path& path, const char* mode) {
  File file(std::fopen(path.c_str(), mode));
  if (file == nullptr)
    fail(path, message(*mode == 'r' ? "cannot read it: " : "cannot write it: ", last_error()));
  return file;
}

/// What stb_image last failed on.
std::string decoder_error() {
  const char* reason = stbi_failure_reason();
  return message("cannot be read as PNG or JPEG: ", reason != nullptr ? reason : "unknown reason");
}

/// Bytes that the PNG writer compresses: each row, and one byte that names its filter.
std::int64_t filtered_bytes(std::int64_t width, std::int64_t height, int channels) {
  return (width * channels + 1) * height;
}

}  // namespace

std::string Picture::describe() const {
  static constexpr std::array<const char*, 5> kNames = {"", "grey", "grey and alpha", "RGB", "RGB and alpha"};
  return message(width, 'x', height, ' ', kNames.at(static_cast<std::size_t>(channels)));
}

LoadedPicture load_picture(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) fail(path, "is a directory, not a picture");
  const File file = open(path, "rb");

  LoadedPicture result;
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_file(file.get(), &width, &height, &channels))  // if not, loading says why
    check_png_size(path, std::int64_t{width} * kScale, std::int64_t{height} * kScale, channels);
  if (stbi_is_16_bit_from_file(file.get())) result.notes.emplace_back("16 bits a channel, read as 8");

  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
      stbi_load_from_file(file.get(), &width, &height, &channels, 0), &stbi_image_free);
  if (pixels == nullptr) fail(path, decoder_error());
  result.picture = Picture(width, height, channels);
  std::copy_n(pixels.get(), result.picture.pixels.size(), result.picture.pixels.begin());
  return result;
}

void check_writable(const fs::path& path) {
  std::error_code ignored;
  if (path.extension() != ".png") fail(path, "the output is a PNG file: give it a name that ends in .png");
  if (fs::is_directory(path, ignored)) fail(path, "is a directory; give the name of a file");
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (!fs::is_directory(folder, ignored)) fail(path, message("there is no folder ", folder.string()));
  const fs::path& target = fs::exists(path, ignored) ? path : folder;
  if (::access(target.c_str(), W_OK) != 0) fail(path, message("cannot write it: ", last_error()));
}

void check_png_size(const fs::path& path, std::int64_t width, std::int64_t height, int channels) {
  constexpr std::int64_t kLimit = std::numeric_limits<int>::max();
  if (width <= kLimit / (channels + 1) && filtered_bytes(width, height, channels) <= kLimit) return;
  fail(path, message("too large: a PNG of ", width, 'x', height, " with ", channels,
                     " channels cannot be written; at most ", kLimit / channels / 1'000'000,
                     " megapixels can. Cut the picture into parts"));
}

void save_png(const fs::path& path, const Picture& picture) {
  check_png_size(path, picture.width, picture.height, picture.channels);
  stbi_write_png_compression_level = 4;  // 6 takes three times as long to save 4 %
  const File file = open(path, "wb");
  struct Sink {
    std::FILE* file;
    bool failed;
  } sink{file.get(), false};
  const auto write = [](void* context, void* data, int size) {
    auto& to = *static_cast<Sink*>(context);
    const auto bytes = static_cast<std::size_t>(size);
    to.failed = std::fwrite(data, 1, bytes, to.file) != bytes || std::fflush(to.file) != 0;
  };
  errno = 0;
  const int encoded = stbi_write_png_to_func(write, &sink, picture.width, picture.height, picture.channels,
                                             picture.pixels.data(), picture.width * picture.channels);
  if (!encoded) fail(path, "cannot be compressed: not enough memory");
  if (sink.failed) fail(path, message("cannot write it: ", last_error()));
}

}  // namespace upscale
