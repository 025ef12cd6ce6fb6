#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <upconv/framework/hdf5/library.h>

namespace upconv::hdf5 {

/// One filter of a dataset's pipeline, as its creation properties have it.
struct Filter {
  H5Z_filter_t id = 0;
  unsigned flags = 0;
  std::array<unsigned, 64> values{};  ///< Its parameters.
  std::size_t value_count = 64;
  std::array<char, 64> name{};

  std::span<const unsigned> used() const { return {values.data(), value_count}; }
};

/// The filters of a dataset's creation properties, in the order they are applied. Throws: LoadError.
std::vector<Filter> get_filters(hid_t dcpl);

/// For people: "gzip(4)", "shuffle", ...
std::string name_of_filter(const Filter& filter);

/// The names of the filters. Throws: LoadError naming the first that this process cannot undo, with the
/// remedy.
std::vector<std::string> describe_filters(hid_t dcpl);

/// Why `stored_bytes` cannot be what `filters` made of `bytes`, or "" if they can: too short for a filter's
/// own header or checksum, fewer than the filters could pack the rest into, or more than they could make of
/// it. Bit i of `filter_mask` tells that filter i was left out. Says nothing of filters it does not know.
std::string size_problem(std::span<const Filter> filters, unsigned filter_mask, std::uint64_t stored_bytes,
                         std::uint64_t bytes);

/// A filter that the library has for the life of this object.
class RegisteredFilter {
 public:
  explicit RegisteredFilter(const H5Z_class2_t& description);
  ~RegisteredFilter();
  RegisteredFilter(const RegisteredFilter&) = delete;
  RegisteredFilter& operator=(const RegisteredFilter&) = delete;

 private:
  H5Z_filter_t id_;
  const void* code_;
};

}  // namespace upconv::hdf5
