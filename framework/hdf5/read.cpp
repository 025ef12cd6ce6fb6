#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/framework/hdf5/source.h>
#include <upconv/framework/message.h>

namespace upconv {

namespace {

namespace fs = std::filesystem;
using hdf5::Contents;
using hdf5::Found;
using hdf5::Source;

std::string entry_line(const Hdf5Entry& entry, std::string_view problem) {
  const bool nested = entry.path != '/' + entry.name;
  return message("entry '", printable(entry.name), '\'',
                 nested ? message(" (", printable(entry.path), ')') : "",
                 problem.starts_with("HDF5") ? ": " : " ", problem);
}

[[noreturn]] void fail(const fs::path& path, std::string_view why) {
  throw LoadError(message("cannot read '", printable(path.string()), "': ", why));
}

std::unique_ptr<Source> open_source(const fs::path& path, const Hdf5ReadOptions& options) {
  try {
    return options.isolate ? hdf5::open_isolated(path, options) : hdf5::open_here(path, options);
  } catch (const LoadError& error) {
    fail(path, error.what());
  }
}

/// A prefix that no name has is a mistake worth telling at once.
void check_prefix(const fs::path& path, const Contents& contents, const Hdf5ReadOptions& options) {
  if (options.prefix.empty() || !contents.entries.empty()) return;
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

Tensor read_values(const fs::path& path, Source& source, std::size_t index) {
  const Hdf5Entry& entry = source.contents().entries[index].entry;
  try {
    Tensor values = Tensor::empty(entry.shape, *entry.dtype);
    source.read(index, values);
    return values;
  } catch (const LoadError& error) {
    fail(path, entry_line(entry, error.what()));
  }
}

/// Turns what is missing, but is a group or a refused entry in the file, into a mismatch that says so.
void explain_missing(LoadReport& report, const Contents& contents) {
  std::unordered_map<std::string_view, std::string> reasons;
  for (const std::string& group : contents.groups)
    reasons.emplace(group, message(printable(group), " expected a dataset, got a group"));
  for (const Found& found : contents.entries) {
    if (!found.entry.problem.empty())
      reasons[found.entry.name] = entry_line(found.entry, found.entry.problem);
  }
  std::erase_if(report.missing, [&](const std::string& name) {
    const auto reason = reasons.find(name);
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
  const std::unique_ptr<Source> source = open_source(path, options);
  check_prefix(path, source->contents(), options);
  std::vector<Hdf5Entry> entries;
  for (const Found& found : source->contents().entries)
    entries.push_back(found.entry);
  return entries;
}

StateDict read_hdf5(const fs::path& path, const Hdf5ReadOptions& options) {
  const std::unique_ptr<Source> source = open_source(path, options);
  const Contents& contents = source->contents();
  check_prefix(path, contents, options);
  refuse_problems(path, contents.entries);
  StateDict weights;
  weights.set_source(path.string());
  for (const std::string& note : contents.notes)
    weights.add_note(note);
  for (std::size_t i = 0; i < contents.entries.size(); ++i)
    weights.insert(contents.entries[i].entry.name, read_values(path, *source, i));
  return weights;
}

LoadReport load_hdf5(Module& module, const fs::path& path, const LoadOptions& load_options,
                     const Hdf5ReadOptions& read_options) {
  StateDict weights;
  LoadReport report;
  {
    const std::unique_ptr<Source> source = open_source(path, read_options);
    const Contents& contents = source->contents();
    check_prefix(path, contents, read_options);
    std::vector<EntrySpec> offered;
    for (const Found& found : contents.entries) {
      if (found.entry.problem.empty())
        offered.push_back({found.entry.name, found.entry.shape, *found.entry.dtype});
    }
    report = module.compare(offered);
    report.source = path.string();
    report.notes.insert(report.notes.begin(), contents.notes.begin(), contents.notes.end());
    explain_missing(report, contents);
    if (report.has_errors(load_options.strict)) {
      throw LoadError(message("cannot load weights into ", module.display_name(), "\n", report.to_string()));
    }
    std::unordered_set<std::string> wanted;
    for (EntrySpec& entry : module.entries())
      wanted.insert(std::move(entry.name));
    weights.set_source(path.string());
    for (const std::string& note : contents.notes)
      weights.add_note(note);
    for (std::size_t i = 0; i < contents.entries.size(); ++i) {
      const std::string& name = contents.entries[i].entry.name;
      if (wanted.contains(name)) weights.insert(name, read_values(path, *source, i));
    }
  }
  // Names were judged above; what the module does not know is left out here already.
  LoadOptions options = load_options;
  options.strict = false;
  LoadReport loaded = module.load(std::move(weights), options);
  report.kept_initial = std::move(loaded.kept_initial);
  report.notes = std::move(loaded.notes);
  return report;
}

}  // namespace upconv
