#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>

/// upconv-inspect: what a file of weights holds, and whether upconv would read it.
namespace {

using upconv::Hdf5Entry;

constexpr int kFine = 0;
constexpr int kRefused = 1;
constexpr int kFailed = 2;

struct Totals {
  std::size_t entries = 0;
  std::size_t refused = 0;
  std::int64_t values = 0;         // tied ones once
  std::uint64_t bytes = 0;         // in memory
  std::uint64_t stored_bytes = 0;  // in the file
};

std::uint64_t memory_bytes(const Hdf5Entry& entry) {
  return entry.dtype ? static_cast<std::uint64_t>(entry.shape.numel()) * upconv::size_of(*entry.dtype) : 0;
}

Totals total(const std::vector<Hdf5Entry>& entries) {
  Totals totals;
  totals.entries = entries.size();
  for (const Hdf5Entry& entry : entries) {
    totals.refused += !entry.problem.empty();
    if (!entry.problem.empty() || !entry.tied_to.empty()) continue;
    totals.values += entry.shape.numel();
    totals.bytes += memory_bytes(entry);
    totals.stored_bytes += entry.stored_bytes;
  }
  return totals;
}

std::string join(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts)
    text += (text.empty() ? "" : separator) + part;
  return text;
}

/// Reads all values, so that damaged chunks show, and marks entries that hold NaN or infinity.
/// Throws: LoadError.
std::vector<std::string> entries_not_finite(const std::string& file, const upconv::Hdf5ReadOptions& options) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : upconv::read_hdf5(file, options)) {
    const bool finite = upconv::visit_dtype(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
      return std::ranges::all_of(tensor.data<T>(),
                                 [](T value) { return std::isfinite(static_cast<double>(value)); });
    });
    if (!finite) names.push_back(name);
  }
  return names;
}

void print_table(const std::vector<Hdf5Entry>& entries, std::ostream& out) {
  std::size_t name_width = 4;
  std::size_t shape_width = 5;
  std::size_t type_width = 6;
  for (const Hdf5Entry& entry : entries) {
    name_width = std::max(name_width, upconv::printable(entry.name).size());
    shape_width = std::max(shape_width, entry.shape.to_string().size());
    type_width = std::max(type_width, entry.stored_type.size());
  }
  const auto column = [&](std::size_t width) -> std::ostream& {
    return out << std::left << std::setw(static_cast<int>(width) + 2);
  };
  column(name_width) << "name";
  column(shape_width) << "shape";
  column(5) << "dtype";
  column(type_width) << "stored";
  out << std::right << std::setw(14) << "bytes"
      << "  layout\n";
  for (const Hdf5Entry& entry : entries) {
    column(name_width) << upconv::printable(entry.name);
    column(shape_width) << (entry.problem.empty() ? entry.shape.to_string() : "-");
    column(5) << (entry.dtype ? upconv::name_of(*entry.dtype) : "-");
    column(type_width) << (entry.stored_type.empty() ? "-" : entry.stored_type);
    out << std::right << std::setw(14) << entry.stored_bytes << "  " << entry.layout;
    if (!entry.filters.empty()) out << ", " << join(entry.filters, "+");
    if (!entry.tied_to.empty()) out << ", tied to " << upconv::printable(entry.tied_to);
    out << '\n';
    if (!entry.problem.empty()) out << "    refused: " << entry.problem << '\n';
  }
}

void print_totals(const Totals& totals, std::ostream& out) {
  out << totals.entries << " entries, " << totals.values << " values, " << totals.bytes
      << " bytes in memory, " << totals.stored_bytes << " in the file";
  if (totals.refused > 0) out << "; " << totals.refused << " refused";
  out << '\n';
}

nlohmann::ordered_json to_json(const Hdf5Entry& entry) {
  nlohmann::ordered_json json;
  json["name"] = entry.name;
  json["path"] = entry.path;
  json["shape"] = std::vector<std::int64_t>(entry.shape.begin(), entry.shape.end());
  json["dtype"] = entry.dtype ? nlohmann::ordered_json(upconv::name_of(*entry.dtype)) : nullptr;
  json["stored_type"] = entry.stored_type;
  json["bytes"] = memory_bytes(entry);
  json["stored_bytes"] = entry.stored_bytes;
  json["layout"] = entry.layout;
  json["chunk"] = entry.chunk;
  json["filters"] = entry.filters;
  if (!entry.tied_to.empty()) json["tied_to"] = entry.tied_to;
  if (!entry.problem.empty()) json["problem"] = entry.problem;
  return json;
}

void print_json(const std::string& file, const std::vector<Hdf5Entry>& entries,
                const std::vector<std::string>& not_finite, const std::string& damage, std::ostream& out) {
  const Totals totals = total(entries);
  nlohmann::ordered_json json;
  json["file"] = file;
  json["entries"] = nlohmann::ordered_json::array();
  for (const Hdf5Entry& entry : entries)
    json["entries"].push_back(to_json(entry));
  json["totals"] = {{"entries", totals.entries},
                    {"refused", totals.refused},
                    {"values", totals.values},
                    {"bytes", totals.bytes},
                    {"stored_bytes", totals.stored_bytes}};
  if (!not_finite.empty()) json["not_finite"] = not_finite;
  if (!damage.empty()) json["damage"] = damage;
  // Names that are not UTF-8, which are refused, must not break the output.
  out << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

int run(int argc, char** argv) {
  std::string file;
  bool json = false;
  bool verify = false;
  bool no_locking = false;
  upconv::Hdf5ReadOptions options;
  CLI::App app("Lists the weights in an HDF5 file, and whether upconv would read them.");
  app.footer(
      "Exit status: 0 upconv reads the file; 1 it refuses entries of it; 2 the file cannot be opened, or "
      "wrong usage.");
  app.add_option("file", file, "HDF5 file, such as tools/export_hdf5.py writes")->required();
  app.add_flag("--json", json, "Print JSON");
  app.add_flag("--verify", verify, "Read all values too: checks checksums, and tells of NaN and infinity");
  app.add_option("--root-group", options.root_group, "Read this group only, such as model/state_dict");
  app.add_option("--prefix", options.prefix,
                 "Take only names with this prefix, such as module., and strip it");
  app.add_flag("--no-locking", no_locking, "Read from a file system that cannot lock");
  app.add_flag(
      "--isolate", options.isolate,
      "Read the file in a process of its own, which may crash or hang on a damaged file in place of this");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kFine : kFailed;
  }
  options.file_locking = !no_locking;

  const std::vector<Hdf5Entry> entries = upconv::list_hdf5(file, options);
  const Totals totals = total(entries);
  std::vector<std::string> not_finite;
  std::string damage;
  if (verify && totals.refused == 0) {
    try {
      not_finite = entries_not_finite(file, options);
    } catch (const upconv::LoadError& error) {
      damage = error.what();
    }
  }
  if (json) {
    print_json(file, entries, not_finite, damage, std::cout);
  } else {
    print_table(entries, std::cout);
    print_totals(totals, std::cout);
    for (const std::string& name : not_finite)
      std::cout << upconv::printable(name) << " holds NaN or infinity\n";
  }
  if (!damage.empty()) std::cerr << "upconv-inspect: " << damage << '\n';
  return totals.refused > 0 || !damage.empty() ? kRefused : kFine;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "upconv-inspect: " << error.what() << '\n';
    return kFailed;
  }
}
