#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include <upconv/framework/hdf5/hdf5.h>

/// What upconv-inspect prints for people.
namespace inspect {

/// Sums over entries.
struct Totals {
  std::size_t entries = 0;
  std::size_t refused = 0;
  std::int64_t values = 0;         ///< Tied ones once.
  std::uint64_t bytes = 0;         ///< In memory.
  std::uint64_t stored_bytes = 0;  ///< In the file.

  void add(const upconv::Hdf5Entry& entry);
};

/// Bytes of an entry in memory; 0 if it is refused for its type.
std::uint64_t memory_bytes(const upconv::Hdf5Entry& entry);

/// With commas between thousands: "1,234,567".
std::string grouped(std::uint64_t value);

/// To three digits, in units of a thousand: "96 B", "37.6 kB", "1.23 GB".
std::string size_text(std::uint64_t bytes);

struct Module {
  std::string name;
  Totals totals;
};

/// Subtotals of the modules that hold the entries, in the order of their first: by the first `depth` parts of
/// the names. An entry at the root, which has no module, is under "".
std::vector<Module> modules(const std::vector<upconv::Hdf5Entry>& entries, std::size_t depth);

/// Every entry in a line, the subtotals, and the sum. Colour is for terminals.
void print_tables(const std::vector<upconv::Hdf5Entry>& entries, std::size_t depth, bool color,
                  std::ostream& out);

}  // namespace inspect
