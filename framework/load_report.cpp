#include <algorithm>
#include <unordered_set>

#include <upconv/framework/load_report.h>
#include <upconv/framework/message.h>
#include <upconv/framework/names.h>

namespace upconv {

namespace {

constexpr std::size_t kMostLines = 50;  // a report on the wrong file altogether must stay readable

void append_section(std::string& text, std::string_view title, std::size_t count,
                    const std::vector<std::string>& lines) {
  if (count == 0) return;
  text += message("\n  ", title, " (", count, "):");
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i)
    text += "\n    " + lines[i];
  if (count > kMostLines) text += message("\n    ... and ", count - kMostLines, " more");
}

/// "0.weight (keeps its initial value; the nearest is 1.weight)".
std::string missing_line(const std::string& name, std::string_view nearest, bool kept_initial) {
  std::string remark = kept_initial ? "keeps its initial value" : "";
  if (!nearest.empty()) {
    const std::string difference = hidden_difference(name, nearest);
    if (kept_initial) remark += "; ";
    remark +=
        message("the nearest is ", difference.empty() ? displayed(nearest) : quoted(nearest), difference);
    if (!difference.empty()) return message(quoted(name), " (", remark, ')');
  }
  return remark.empty() ? displayed(name) : message(displayed(name), " (", remark, ')');
}

}  // namespace

bool LoadReport::has_errors(bool strict) const {
  return !mismatched.empty() || (strict && (!missing.empty() || !unexpected.empty()));
}

std::string LoadReport::to_string() const {
  const std::unordered_set<std::string> initial(kept_initial.begin(), kept_initial.end());
  std::vector<std::string> missing_lines, unexpected_lines;
  std::size_t near = 0;
  for (std::size_t i = 0; i < std::min(missing.size(), kMostLines); ++i) {
    const std::string nearest = nearest_name(missing[i], unexpected);
    near += !nearest.empty();
    missing_lines.push_back(missing_line(missing[i], nearest, initial.contains(missing[i])));
  }
  for (std::size_t i = 0; i < std::min(unexpected.size(), kMostLines); ++i)
    unexpected_lines.push_back(displayed(unexpected[i]));

  std::string text;
  for (const std::string& hint : hints)
    text += "\n  " + hint;
  if (hints.empty() && matched == 0 && 2 * near < missing_lines.size()) {
    text += message("\n  none of ", missing.size(), missing.size() == 1 ? " name" : " names",
                    " is in the file: ", unexpected.empty() ? "it holds nothing" : "another network?");
  }
  if (!hints_tell_names || !kept_initial.empty()) {
    append_section(text, "missing", missing.size(), missing_lines);
    append_section(text, "unexpected", unexpected.size(), unexpected_lines);
  }
  append_section(text, "mismatched", mismatched.size(), mismatched);
  append_section(text, "notes", notes.size(), notes);
  if (text.empty()) return text;
  return (source.empty() ? std::string("load report:") : message(printable(source), ':')) + text;
}

}  // namespace upconv
