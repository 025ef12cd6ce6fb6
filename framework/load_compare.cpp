#include <string_view>
#include <unordered_map>

#include <upconv/framework/load_compare.h>
#include <upconv/framework/message.h>

namespace upconv {

namespace {

/// A hint for the one mistake that shapes give away: Conv2d's weight in place of ConvTranspose2d's, or the
/// reverse.
std::string transposed_hint(const Shape& wanted, const Shape& offered) {
  if (wanted.rank() != 4 || offered.rank() != 4) return {};
  const bool swapped = wanted[0] == offered[1] && wanted[1] == offered[0] && wanted[2] == offered[2] &&
                       wanted[3] == offered[3];
  return swapped
             ? " (its first two dimensions are swapped: ConvTranspose2d stores [in,out/groups,kh,kw], Conv2d "
               "[out,in/groups,kh,kw])"
             : "";
}

}  // namespace

LoadReport compare_entries(const std::vector<WantedEntry>& wanted, const std::vector<EntrySpec>& offered) {
  std::unordered_map<std::string_view, const EntrySpec*> by_name;
  for (const EntrySpec& entry : offered)
    by_name.emplace(entry.name, &entry);

  LoadReport report;
  std::vector<std::string> missing;
  for (const auto& [spec, counter] : wanted) {
    const auto found = by_name.find(spec.name);
    if (found == by_name.end()) {
      if (!counter) missing.push_back(spec.name);
      continue;
    }
    const EntrySpec& entry = *found->second;
    by_name.erase(found);
    if (entry.shape != spec.shape) {
      report.mismatched.push_back(message(spec.name, " expected ", spec.shape, ", got ", entry.shape,
                                          transposed_hint(spec.shape, entry.shape)));
    } else if (is_floating(entry.dtype) != is_floating(spec.dtype)) {
      report.mismatched.push_back(message(spec.name, " expected ",
                                          is_floating(spec.dtype) ? "floating-point" : "integer",
                                          " values, got ", entry.dtype));
    } else if (size_of(entry.dtype) > size_of(spec.dtype)) {
      report.notes.push_back(message(spec.name, " narrowed from ", entry.dtype, " to ", spec.dtype));
    }
  }
  std::vector<std::string> left_over;
  for (const EntrySpec& entry : offered) {
    if (by_name.contains(entry.name)) left_over.push_back(entry.name);
  }
  for (const std::string& name : missing) {
    const std::string nearest = nearest_name(name, left_over);
    report.missing.push_back(nearest.empty() ? name
                                             : message(name, " (the nearest is ", printable(nearest), ')'));
  }
  for (const std::string& name : left_over)
    report.unexpected.push_back(printable(name));
  return report;
}

}  // namespace upconv
