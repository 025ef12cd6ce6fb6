#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <upconv/framework/hdf5/file.h>

/// What upconv and upconv-read-hdf5 say to each other, over a socket and on one machine: frames of a length
/// and that many bytes. The program answers each request with a frame that begins with a Status, and an
/// entry's values follow its frame as they are. The reading side believes nothing that it is told.
namespace upconv::hdf5::wire {

/// Begins the first request and the first answer.
inline constexpr std::string_view kGreeting = "upconv-read-hdf5 1";

enum class Status : std::uint8_t {
  fine,
  refused,        ///< A LoadError; its text follows.
  bad_argument,   ///< An ArgumentError; its text follows.
  out_of_memory,  ///< The limit was met.
};

/// Appends values to a frame.
class Writer {
 public:
  void number(std::uint64_t value);
  void text(std::string_view value);
  void texts(const std::vector<std::string>& values);
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

/// Takes them out again. Throws: LoadError where the frame does not hold what is asked for.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t number();
  std::string text();
  std::vector<std::string> texts();
  bool at_end() const { return bytes_.empty(); }

 private:
  std::span<const std::byte> take(std::uint64_t count);

  std::span<const std::byte> bytes_;
};

/// The first request.
struct Order {
  std::filesystem::path path;
  Hdf5ReadOptions options;
};

void write(Writer& out, const Order& order);
Order read_order(Reader& in);

/// Without the storage types, which only the side that reads the file needs.
void write(Writer& out, const Contents& contents);
Contents read_contents(Reader& in);

}  // namespace upconv::hdf5::wire
