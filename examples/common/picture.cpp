#include "common/picture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include <unistd.h>

#include <upconv/framework/message.h>

#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_FAILURE_USERMSG
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

namespace examples {

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

/// What stb_image last failed on.
std::string decoder_error() {
  const char* reason = stbi_failure_reason();
  const std::string text = reason != nullptr ? reason : "unknown reason";
  if (text.find("too large") == std::string::npos) return "cannot be read as PNG or JPEG: " + text;
  return "too large: at most 2^30 bytes of pixels can be read, 357 megapixels in RGB. Cut the picture into "
         "parts";
}

}  // namespace

std::string last_error() {
  return std::generic_category().message(errno);
}

std::string describe_picture(int width, int height, int channels) {
  static constexpr std::array<const char*, 5> kNames = {"", "grey", "grey and alpha", "RGB", "RGB and alpha"};
  return message(width, 'x', height, ' ', kNames.at(static_cast<std::size_t>(channels)));
}

LoadedPicture load_picture(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) fail(path, "is a directory, not a picture");
  const File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) fail(path, message("cannot read it: ", last_error()));

  LoadedPicture result;
  int width = 0, height = 0, channels = 0;
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

}  // namespace examples
