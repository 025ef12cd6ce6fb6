#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5.h>
#include <upconv/framework/hdf5_file.h>
#include <upconv/framework/message.h>

namespace upconv {

namespace {

namespace fs = std::filesystem;
using hdf5::Found;

std::string entry_line(const Hdf5Entry& entry, std::string_view problem) {
  const bool nested = entry.path != '/' + entry.name;
  return message("entry '", printable(entry.name), '\'',
                 nested ? message(" (", printable(entry.path), ')') : "",
                 problem.starts_with("HDF5") ? ": " : " ", problem);
}

[[noreturn]] void fail(const fs::path& path, std::string_view why) {
  throw LoadError(message("cannot read '", printable(path.string()), "': ", why));
}

/// Runs `body` with errors of the whole file named after it.
template <class Body>
auto naming_file(const fs::path& path, const Body& body) {
  try {
    return body();
  } catch (const LoadError& error) {
    fail(path, error.what());
  }
}

/// An open file and what it holds.
struct Source {
  hdf5::InputFile file;
  hdf5::Contents contents;
};

Source open_source(const fs::path& path, const Hdf5ReadOptions& options) {
  return naming_file(path, [&] {
    Source source;
    source.file = hdf5::open_input(path, options.file_locking);
    source.contents = hdf5::walk(source.file, options);
    return source;
  });
}

/// A prefix that no name has is a mistake worth telling at once.
void check_prefix(const fs::path& path, const Source& source, const Hdf5ReadOptions& options) {
  if (options.prefix.empty() || !source.contents.entries.empty()) return;
  fail(path, message("no name in it starts with the prefix '", printable(options.prefix), '\''));
}

void refuse_problems(const fs::path& path, const std::vector<Found>& entries) {
  constexpr std::size_t kMostLines = 20;
  std::vector<std::string> lines;
  for (const Found& found : entries) {
    if (!found.entry.problem.empty()) lines.push_back(entry_line(found.entry, found.entry.problem));
  }
  if (lines.empty()) return;
  if (lines.size() == 1) fail(path, lines.front());
  std::string text = message(lines.size(), " entries are refused");
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i)
    text += "\n  " + lines[i];
  if (lines.size() > kMostLines) text += message("\n  ... and ", lines.size() - kMostLines, " more");
  fail(path, text);
}

Tensor read_values(const fs::path& path, const Source& source, const Found& found) {
  try {
    return hdf5::read_dataset(source.file.handle.get(), source.file.bytes, found);
  } catch (const LoadError& error) {
    fail(path, entry_line(found.entry, error.what()));
  }
}

/// Turns what is missing, but is a group or a refused entry in the file, into a mismatch that says so.
void explain_missing(LoadReport& report, const hdf5::Contents& contents) {
  std::unordered_map<std::string_view, std::string> reasons;
  for (const std::string& group : contents.groups)
    reasons.emplace(group, message(printable(group), " expected a dataset, got a group"));
  for (const Found& found : contents.entries) {
    if (!found.entry.problem.empty())
      reasons[found.entry.name] = entry_line(found.entry, found.entry.problem);
  }
  std::erase_if(report.missing, [&](const std::string& line) {
    const auto reason = reasons.find(std::string_view(line).substr(0, line.find(" (the nearest is")));
    if (reason == reasons.end()) return false;
    // A refused entry is reported below, wanted or not.
    if (reason->second.ends_with("got a group")) report.mismatched.push_back(reason->second);
    return true;
  });
  for (const Found& found : contents.entries) {
    if (!found.entry.problem.empty())
      report.mismatched.push_back(entry_line(found.entry, found.entry.problem));
  }
}

}  // namespace

std::vector<Hdf5Entry> list_hdf5(const fs::path& path, const Hdf5ReadOptions& options) {
  const hdf5::LibraryScope library;
  Source source = open_source(path, options);
  check_prefix(path, source, options);
  std::vector<Hdf5Entry> entries;
  for (Found& found : source.contents.entries)
    entries.push_back(std::move(found.entry));
  return entries;
}

StateDict read_hdf5(const fs::path& path, const Hdf5ReadOptions& options) {
  const hdf5::LibraryScope library;
  const Source source = open_source(path, options);
  check_prefix(path, source, options);
  refuse_problems(path, source.contents.entries);
  StateDict weights;
  weights.set_source(path.string());
  for (const std::string& note : source.contents.notes)
    weights.add_note(note);
  for (const Found& found : source.contents.entries)
    weights.insert(found.entry.name, read_values(path, source, found));
  return weights;
}

LoadReport load_hdf5(Module& module, const fs::path& path, const LoadOptions& load_options,
                     const Hdf5ReadOptions& read_options) {
  StateDict weights;
  LoadReport report;
  {
    const hdf5::LibraryScope library;
    const Source source = open_source(path, read_options);
    check_prefix(path, source, read_options);
    std::vector<EntrySpec> offered;
    for (const Found& found : source.contents.entries) {
      if (found.entry.problem.empty())
        offered.push_back({found.entry.name, found.entry.shape, *found.entry.dtype});
    }
    report = module.compare(offered);
    report.source = path.string();
    report.notes.insert(report.notes.begin(), source.contents.notes.begin(), source.contents.notes.end());
    explain_missing(report, source.contents);
    if (report.has_errors(load_options.strict)) {
      throw LoadError(message("cannot load weights into ", module.display_name(), "\n", report.to_string()));
    }
    std::unordered_set<std::string> wanted;
    for (EntrySpec& entry : module.entries())
      wanted.insert(std::move(entry.name));
    weights.set_source(path.string());
    for (const std::string& note : source.contents.notes)
      weights.add_note(note);
    for (const Found& found : source.contents.entries) {
      if (wanted.contains(found.entry.name))
        weights.insert(found.entry.name, read_values(path, source, found));
    }
  }
  // Names were judged above; what the module does not know is left out here already.
  LoadOptions options = load_options;
  options.strict = false;
  LoadReport loaded = module.load(weights, options);
  report.kept_initial = std::move(loaded.kept_initial);
  report.notes = std::move(loaded.notes);
  return report;
}

}  // namespace upconv
