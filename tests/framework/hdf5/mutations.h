#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Damaged weight files, each made from a number alone.
namespace hdf5_mutations {

/// A sound file of one kind of storage.
struct Original {
  std::string name;
  std::vector<char> bytes;
};

/// One for every way in which groups, datasets and chunks can lie in a file, old format and new.
std::vector<Original> originals();

/// One of the originals with one to four places changed: bits, bytes, and fields of eight bytes, which become
/// sizes and addresses that are wild, or those of something else; blocks moved; the end cut off.
std::vector<char> mutated(const std::vector<Original>& originals, std::uint64_t seed);

}  // namespace hdf5_mutations
