#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "inspect_table.h"
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/framework/version.h>

/// upconv-inspect: what a file of weights holds, and whether upconv would read it.
namespace {

using upconv::Hdf5Entry;

constexpr int kFine = 0;
constexpr int kRefused = 1;
constexpr int kFailed = 2;

inspect::Totals total(const std::vector<Hdf5Entry>& entries) {
  inspect::Totals totals;
  for (const Hdf5Entry& entry : entries)
    totals.add(entry);
  return totals;
}

/// Reads all values, so that damaged chunks show, and marks entries that hold NaN or infinity.
/// Throws: LoadError.
std::vector<std::string> entries_not_finite(const std::string& file, const upconv::Hdf5ReadOptions& options) {
  std::vector<std::string> names;
  const upconv::StateDict weights = upconv::read_hdf5(file, options);
  for (const upconv::StateDict::Entry& entry : weights) {
    const upconv::Tensor& tensor = entry.second;
    const bool finite = upconv::visit_dtype(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
      return std::ranges::all_of(tensor.data<T>(),
                                 [](T value) { return std::isfinite(static_cast<double>(value)); });
    });
    if (!finite) names.push_back(entry.first);
  }
  return names;
}

/// Colour belongs on terminals, and not on those whose owner says so (no-color.org).
bool wants_color() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

nlohmann::ordered_json to_json(const Hdf5Entry& entry) {
  nlohmann::ordered_json json;
  json["name"] = entry.name;
  json["path"] = entry.path;
  json["shape"] = std::vector<std::int64_t>(entry.shape.begin(), entry.shape.end());
  json["dtype"] = entry.dtype ? nlohmann::ordered_json(upconv::name_of(*entry.dtype)) : nullptr;
  json["stored_type"] = entry.stored_type;
  json["bytes"] = inspect::memory_bytes(entry);
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
  const inspect::Totals totals = total(entries);
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
  std::size_t depth = 1;
  upconv::Hdf5ReadOptions options;
  CLI::App app("Lists the weights in an HDF5 file, and whether upconv would read them.");
  app.footer(
      "Exit status: 0 upconv reads the file; 1 it refuses entries of it; 2 the file cannot be opened, or "
      "wrong usage.");
  app.add_option("file", file, "HDF5 file, such as tools/export_hdf5.py writes")->required();
  app.set_version_flag("--version", "upconv-inspect " + std::string(upconv::version()));
  app.add_flag("--json", json, "Print JSON");
  app.add_flag("--verify", verify, "Read all values too: checks checksums, and tells of NaN and infinity");
  app.add_option("--root-group", options.root_group, "Read this group only, such as model/state_dict");
  app.add_option("--prefix", options.prefix,
                 "Take only names with this prefix, such as module., and strip it");
  app.add_option("--depth", depth, "Parts of the names by which modules are summed up")
      ->capture_default_str();
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
  const inspect::Totals totals = total(entries);
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
    inspect::print_tables(entries, depth, wants_color(), std::cout);
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
