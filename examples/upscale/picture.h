#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "upscale/plane.h"

namespace upscale {

/// A file that cannot be read, written or used; the text names it and says what to do.
class PictureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A picture as files hold it: 8 bits a channel, channels interleaved, rows from the top.
/// Channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
struct Picture {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;

  Picture() = default;
  Picture(int w, int h, int c)
      : width(w),
        height(h),
        channels(c),
        pixels(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * static_cast<std::size_t>(c)) {}

  bool has_colour() const { return channels >= 3; }
  bool has_alpha() const { return channels % 2 == 0; }
  double megapixels() const { return 1e-6 * width * height; }
  std::uint8_t* at(int x, int y) { return pixels.data() + offset(x, y); }
  const std::uint8_t* at(int x, int y) const { return pixels.data() + offset(x, y); }
  /// "384x256 RGB"
  std::string describe() const;

 private:
  std::ptrdiff_t offset(int x, int y) const {
    return (static_cast<std::ptrdiff_t>(y) * width + x) * channels;
  }
};

/// A picture, and what was lost on reading it, in words.
struct LoadedPicture {
  Picture picture;
  std::vector<std::string> notes;
};

/// Reads a PNG or JPEG file. 16-bit channels are read as 8-bit, of an animation the first frame; EXIF
/// rotation and colour profiles are ignored. Throws: PictureError.
LoadedPicture load_picture(const std::filesystem::path& path);

/// Throws PictureError unless save_png could write there, as far as can be told without writing.
void check_writable(const std::filesystem::path& path);

/// Throws PictureError, naming the limit, if a picture of this size is more than the PNG writer can take.
void check_png_size(const std::filesystem::path& path, std::int64_t width, std::int64_t height, int channels);

/// Writes a PNG file. Throws: PictureError.
void save_png(const std::filesystem::path& path, const Picture& picture);

}  // namespace upscale
