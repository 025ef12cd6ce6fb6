#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "common/picture.h"

namespace examples {

/// Writes a PNG file of 8 bits a channel, rows from the top, a few at a time: each is filtered, compressed
/// and written as it comes, so that neither the picture nor the file ever stands in memory. Source: the PNG
/// specification, https://www.w3.org/TR/png-3/.
class PngWriter {
 public:
  /// The file is made by the first `write`. Throws: PictureError, naming the limit, if PNG cannot hold it.
  PngWriter(std::filesystem::path path, std::int64_t width, std::int64_t height, int channels);
  /// Removes the file unless `finish` was reached.
  ~PngWriter();
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;

  /// The next rows of the picture, of its width and channels. Throws: PictureError.
  void write(const Picture& rows);
  /// Ends the file after the last row. Throws: PictureError.
  void finish();

 private:
  class Deflate;

  void open();
  void filter_row(const std::uint8_t* row);
  void write_chunk(const char* type, const std::uint8_t* data, std::size_t size);
  void write_bytes(const void* data, std::size_t size);
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path path_;
  std::uint32_t width_;
  std::uint32_t height_;
  int channels_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::unique_ptr<Deflate> deflate_;
  // Rows stand behind a pixel of zeros, which is what filters see to the left of the first pixel.
  std::vector<std::uint8_t> row_, above_;
  std::vector<std::uint8_t> candidate_, best_;  // filtered rows; byte 0 names the filter
};

/// Writes the whole picture. Throws: PictureError.
void save_png(const std::filesystem::path& path, const Picture& picture);

}  // namespace examples
