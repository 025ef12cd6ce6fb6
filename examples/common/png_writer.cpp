#include "common/png_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

#include <zlib.h>

#include <upconv/framework/message.h>

namespace examples {

namespace fs = std::filesystem;
using upconv::message;

namespace {

constexpr int kCompression = 4;  // 6 takes three times as long to save 4 %
constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<std::uint8_t, 5> kColourType = {0, 0, 4, 2,
                                                     6};  // by channels: grey, +alpha, RGB, +alpha

std::array<std::uint8_t, 4> big_endian(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

/// The neighbour that is nearest to left + above - corner.
std::uint8_t paeth(int left, int above, int corner) {
  const int to_left = std::abs(above - corner);
  const int to_above = std::abs(left - corner);
  const int to_corner = std::abs(left + above - 2 * corner);
  if (to_left <= to_above && to_left <= to_corner) return static_cast<std::uint8_t>(left);
  return static_cast<std::uint8_t>(to_above <= to_corner ? above : corner);
}

/// out[i] = row[i] - predict(left, above, corner). Returns the sum of the differences' magnitudes, which
/// tells well how they will compress. `row` and `above` may be read `channels` bytes before their start.
template <class Predict>
std::uint64_t filter(std::span<std::uint8_t> out, const std::uint8_t* row, const std::uint8_t* above,
                     std::ptrdiff_t channels, const Predict& predict) {
  const std::uint8_t* left = row - channels;
  const std::uint8_t* corner = above - channels;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(row[i] - predict(left[i], above[i], corner[i]));
    sum += static_cast<unsigned>(std::abs(static_cast<std::int8_t>(out[i])));
  }
  return sum;
}

}  // namespace

/// zlib's compressor, which hands out what it has whenever its buffer is full.
class PngWriter::Deflate {
 public:
  Deflate() {
    if (deflateInit(&stream_, kCompression) != Z_OK) throw std::bad_alloc();
  }
  ~Deflate() { deflateEnd(&stream_); }
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;

  /// Takes all of `data`; with Z_FINISH, also gives all that is left. Calls put(data, size).
  template <class Put>
  void compress(std::span<std::uint8_t> data, int flush, const Put& put) {
    stream_.next_in = data.data();
    stream_.avail_in = static_cast<uInt>(data.size());
    do {
      if (stream_.avail_out == 0) {
        stream_.next_out = buffer_.data();
        stream_.avail_out = static_cast<uInt>(buffer_.size());
      }
      deflate(&stream_, flush);
      if (stream_.avail_out == 0 || flush == Z_FINISH)
        put(buffer_.data(), buffer_.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

 private:
  z_stream stream_{};
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(std::size_t{1} << 16);
};

PngWriter::PngWriter(fs::path path, std::int64_t width, std::int64_t height, int channels)
    : path_(std::move(path)),
      width_(static_cast<std::uint32_t>(width)),
      height_(static_cast<std::uint32_t>(height)),
      channels_(channels),
      file_(nullptr, &std::fclose) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
  if (width > kLargest / channels || height > kLargest) {
    fail(message("too large: a PNG file of ", width, 'x', height, " with ", channels,
                 " channels cannot be written; at most ", kLargest / channels, 'x', kLargest, " can"));
  }
  const std::size_t bytes = std::size_t{width_} * static_cast<std::size_t>(channels);
  row_.resize(static_cast<std::size_t>(channels) + bytes);
  above_.resize(row_.size());
  candidate_.resize(1 + bytes);
  best_.resize(1 + bytes);
}

PngWriter::~PngWriter() {
  if (file_ == nullptr) return;
  std::error_code ignored;
  if (fs::is_regular_file(path_, ignored)) fs::remove(path_, ignored);
}

void PngWriter::fail(const std::string& what) const {
  throw PictureError(message(path_.string(), ": ", what));
}

void PngWriter::write_bytes(const void* data, std::size_t size) {
  if (std::fwrite(data, 1, size, file_.get()) != size) fail(message("cannot write it: ", last_error()));
}

void PngWriter::write_chunk(const char* type, const std::uint8_t* data, std::size_t size) {
  write_bytes(big_endian(static_cast<std::uint32_t>(size)).data(), 4);
  write_bytes(type, 4);
  uLong sum = crc32(0, reinterpret_cast<const Bytef*>(type), 4);
  if (size > 0) {
    write_bytes(data, size);
    sum = crc32(sum, data, static_cast<uInt>(size));
  }
  write_bytes(big_endian(static_cast<std::uint32_t>(sum)).data(), 4);
}

void PngWriter::open() {
  file_.reset(std::fopen(path_.c_str(), "wb"));
  if (file_ == nullptr) fail(message("cannot write it: ", last_error()));
  deflate_ = std::make_unique<Deflate>();
  write_bytes(kSignature.data(), kSignature.size());
  std::array<std::uint8_t, 13> header{};
  std::ranges::copy(big_endian(width_), header.begin());
  std::ranges::copy(big_endian(height_), header.begin() + 4);
  header[8] = 8;  // bits a channel
  header[9] = kColourType.at(static_cast<std::size_t>(channels_));
  write_chunk("IHDR", header.data(), header.size());
}

/// Leaves the row in best_, filtered in the way that promises to compress best.
void PngWriter::filter_row(const std::uint8_t* row) {
  const std::ptrdiff_t channels = channels_;
  std::copy_n(row, row_.size() - static_cast<std::size_t>(channels), row_.begin() + channels);
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  const auto attempt = [&](std::uint8_t type, const auto& predict) {
    const std::uint64_t sum = filter(std::span(candidate_).subspan(1), row_.data() + channels,
                                     above_.data() + channels, channels, predict);
    if (sum >= least) return;
    least = sum;
    candidate_[0] = type;
    std::swap(candidate_, best_);
  };
  attempt(0, [](int, int, int) { return 0; });
  attempt(1, [](int left, int, int) { return left; });
  attempt(2, [](int, int above, int) { return above; });
  attempt(3, [](int left, int above, int) { return (left + above) / 2; });
  attempt(4, [](int left, int above, int corner) { return int{paeth(left, above, corner)}; });
  std::swap(row_, above_);
}

void PngWriter::write(const Picture& rows) {
  errno = 0;
  if (file_ == nullptr) open();
  for (int y = 0; y < rows.height; ++y) {
    filter_row(rows.at(0, y));
    deflate_->compress(best_, Z_NO_FLUSH, [this](const std::uint8_t* data, std::size_t size) {
      write_chunk("IDAT", data, size);
    });
  }
}

void PngWriter::finish() {
  deflate_->compress({}, Z_FINISH,
                     [this](const std::uint8_t* data, std::size_t size) { write_chunk("IDAT", data, size); });
  write_chunk("IEND", nullptr, 0);
  if (std::fflush(file_.get()) != 0) fail(message("cannot write it: ", last_error()));
  file_.reset();
}

void save_png(const fs::path& path, const Picture& picture) {
  PngWriter writer(path, picture.width, picture.height, picture.channels);
  writer.write(picture);
  writer.finish();
}

}  // namespace examples
