#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/state_dict.h>

namespace upconv {

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substitute, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

void append_section(std::string& text, std::string_view title, const std::vector<std::string>& lines) {
  constexpr std::size_t kMostLines = 50;  // a report on the wrong file altogether must stay readable
  if (lines.empty()) return;
  text += message("\n  ", title, " (", lines.size(), "):");
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i)
    text += "\n    " + lines[i];
  if (lines.size() > kMostLines) text += message("\n    ... and ", lines.size() - kMostLines, " more");
}

}  // namespace

void StateDict::insert(std::string name, Tensor tensor) {
  if (name.empty()) throw ArgumentError("a state dict entry needs a name");
  if (!index_.emplace(name, entries_.size()).second) {
    throw ArgumentError(message("state dict already has an entry '", printable(name), '\''));
  }
  entries_.emplace_back(std::move(name), std::move(tensor));
}

const Tensor* StateDict::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

const Tensor& StateDict::at(std::string_view name) const {
  if (const Tensor* tensor = find(name)) return *tensor;
  std::vector<std::string> names;
  for (const Entry& entry : entries_)
    names.push_back(entry.first);
  const std::string nearest = nearest_name(name, names);
  throw ArgumentError(
      message("state dict has no entry '", printable(name), '\'',
              nearest.empty() ? "" : message("; the nearest is '", printable(nearest), '\'')));
}

bool LoadReport::has_errors(bool strict) const {
  return !mismatched.empty() || (strict && (!missing.empty() || !unexpected.empty()));
}

std::string LoadReport::to_string() const {
  std::string text;
  append_section(text, "missing", missing);
  append_section(text, "unexpected", unexpected);
  append_section(text, "mismatched", mismatched);
  append_section(text, "notes", notes);
  if (text.empty()) return text;
  return (source.empty() ? std::string("load report:") : message(printable(source), ':')) + text;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  constexpr std::size_t kMostCandidates = 2000;  // each comparison is quadratic in the name's length
  constexpr std::size_t kLongestName = 200;
  if (name.size() > kLongestName) return {};
  std::string best;
  std::size_t best_distance = name.size() / 2 + 1;  // further than half of the name is no help
  for (std::size_t i = 0; i < std::min(candidates.size(), kMostCandidates); ++i) {
    const std::string& candidate = candidates[i];
    if (candidate.size() > kLongestName) continue;
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string printable(std::string_view name) {
  constexpr std::size_t kLongest = 160;
  constexpr std::size_t kEnd = 60;
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto escape = [&](std::string_view part) {
    std::string text;
    for (const char c : part) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte < 0x7f) {
        text += c;
      } else {
        text += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
      }
    }
    return text;
  };
  if (name.size() <= kLongest) return escape(name);
  return message(escape(name.substr(0, kEnd)), "...(", name.size(), " bytes)...",
                 escape(name.substr(name.size() - kEnd)));
}

}  // namespace upconv
