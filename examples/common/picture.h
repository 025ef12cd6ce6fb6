#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/plane.h"

namespace examples {

/// A file that cannot be read, written or used; the text names it and says what to do.
class PictureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// "384x256 RGB"
std::string describe_picture(int width, int height, int channels);

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
  /// Adds the rows of a picture of the same width and channels at the bottom.
  void append(const Picture& rows) {
    height += rows.height;
    pixels.insert(pixels.end(), rows.pixels.begin(), rows.pixels.end());
  }
  double megapixels() const { return 1e-6 * width * height; }
  std::uint8_t* at(int x, int y) { return pixels.data() + offset(x, y); }
  const std::uint8_t* at(int x, int y) const { return pixels.data() + offset(x, y); }
  std::string describe() const { return describe_picture(width, height, channels); }

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
/// rotation and colour profiles are ignored. At most 2^30 bytes of pixels. Throws: PictureError.
LoadedPicture load_picture(const std::filesystem::path& path);

/// Throws PictureError unless a PNG file could be written there, as far as can be told without writing.
void check_writable(const std::filesystem::path& path);

/// The text of errno, as "No such file or directory".
std::string last_error();

}  // namespace examples
