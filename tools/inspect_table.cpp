#include "inspect_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <unordered_map>

#include <upconv/framework/state_dict.h>

namespace inspect {

namespace {

using upconv::Hdf5Entry;
using upconv::printable;

/// Terminal colours, or nothing.
struct Palette {
  const char* bold = "";
  const char* red = "";
  const char* dim = "";
  const char* end = "";
};

constexpr Palette kColors{"\033[1m", "\033[31m", "\033[2m", "\033[0m"};

/// Rows of text in columns as wide as their widest cell.
class Table {
 public:
  explicit Table(std::vector<bool> right_aligned)
      : right_(std::move(right_aligned)), widths_(right_.size()) {}

  void add(std::vector<std::string> cells) {
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths_[i] = std::max(widths_[i], cells[i].size());
    rows_.push_back(std::move(cells));
  }
  std::size_t size() const { return rows_.size(); }
  std::string line(std::size_t row) const {
    std::string text;
    for (std::size_t i = 0; i < right_.size(); ++i) {
      const std::string& cell = rows_[row][i];
      const std::string padding(widths_[i] - cell.size(), ' ');
      text += (i == 0 ? "" : "  ") + (right_[i] ? padding + cell : cell + padding);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

 private:
  std::vector<bool> right_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

std::string join(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts)
    text += (text.empty() ? "" : separator) + part;
  return text;
}

std::string storage(const Hdf5Entry& entry) {
  std::string text = entry.layout.empty() ? "-" : entry.layout;
  if (!entry.filters.empty()) text += ", " + join(entry.filters, "+");
  if (!entry.tied_to.empty()) text += ", tied to " + printable(entry.tied_to);
  return text;
}

void print_entries(const std::vector<Hdf5Entry>& entries, const Palette& palette, std::ostream& out) {
  Table table({false, false, false, false, true, false});
  table.add({"name", "shape", "dtype", "stored as", "in the file", "layout"});
  for (const Hdf5Entry& entry : entries) {
    table.add({printable(entry.name), entry.problem.empty() ? entry.shape.to_string() : "-",
               entry.dtype ? std::string(upconv::name_of(*entry.dtype)) : "-",
               entry.stored_type.empty() ? "-" : entry.stored_type, size_text(entry.stored_bytes),
               storage(entry)});
  }
  out << palette.bold << table.line(0) << palette.end << '\n';
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Hdf5Entry& entry = entries[i];
    const char* color = !entry.problem.empty() ? palette.red : entry.tied_to.empty() ? "" : palette.dim;
    out << color << table.line(i + 1);
    if (!entry.problem.empty()) out << "\n    refused: " << entry.problem;
    out << (*color == '\0' ? "" : palette.end) << '\n';
  }
}

std::vector<std::string> total_cells(std::string name, const Totals& totals) {
  return {std::move(name), grouped(totals.entries), grouped(static_cast<std::uint64_t>(totals.values)),
          size_text(totals.bytes), size_text(totals.stored_bytes)};
}

}  // namespace

void Totals::add(const Hdf5Entry& entry) {
  ++entries;
  refused += !entry.problem.empty();
  if (!entry.problem.empty() || !entry.tied_to.empty()) return;
  values += entry.shape.numel();
  bytes += memory_bytes(entry);
  stored_bytes += entry.stored_bytes;
}

std::uint64_t memory_bytes(const Hdf5Entry& entry) {
  return entry.dtype ? static_cast<std::uint64_t>(entry.shape.numel()) * upconv::size_of(*entry.dtype) : 0;
}

std::string grouped(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t end = text.size(); end > 3; end -= 3)
    text.insert(end - 3, 1, ',');
  return text;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {  // 999.5 would be shown as 1000
    value /= 1000;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f %s", decimals, value, kUnits[unit]);
  return text.data();
}

std::vector<Module> modules(const std::vector<Hdf5Entry>& entries, std::size_t depth) {
  std::vector<Module> result;
  std::unordered_map<std::string, std::size_t> places;
  for (const Hdf5Entry& entry : entries) {
    const std::size_t parameter = entry.name.rfind('.');
    const std::string path = parameter == std::string::npos ? "" : entry.name.substr(0, parameter);
    std::size_t end = 0;
    for (std::size_t part = 0; part < depth && end < path.size(); ++part)
      end = std::min(path.find('.', end + (part > 0)), path.size());
    const auto [place, is_new] = places.emplace(path.substr(0, end), result.size());
    if (is_new) result.push_back({place->first, {}});
    result[place->second].totals.add(entry);
  }
  return result;
}

void print_tables(const std::vector<Hdf5Entry>& entries, std::size_t depth, bool color, std::ostream& out) {
  const Palette palette = color ? kColors : Palette{};
  print_entries(entries, palette, out);

  Table table({false, true, true, true, true});
  table.add({"module", "entries", "values", "in memory", "in the file"});
  Totals all;
  for (const Module& module : modules(entries, depth))
    table.add(total_cells(module.name.empty() ? "(root)" : printable(module.name), module.totals));
  for (const Hdf5Entry& entry : entries)
    all.add(entry);
  table.add(total_cells("total", all));
  out << '\n';
  for (std::size_t i = 0; i < table.size(); ++i) {
    const bool bold = i == 0 || i + 1 == table.size();
    out << (bold ? palette.bold : "") << table.line(i) << (bold ? palette.end : "") << '\n';
  }
  if (all.refused > 0)
    out << palette.red << grouped(all.refused) << (all.refused == 1 ? " entry" : " entries") << " refused"
        << palette.end << '\n';
}

}  // namespace inspect
