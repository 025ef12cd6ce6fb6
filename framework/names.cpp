#include <algorithm>
#include <cstddef>

#include <upconv/framework/message.h>
#include <upconv/framework/names.h>

namespace upconv {

namespace {

/// Letters to insert, remove, change, or exchange with their neighbour, to make one name the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last = last;
    last = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j - 1] + (a[i - 1] != b[j - 1]), last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row.back();
}

std::string without_spaces(std::string_view name) {
  std::string result;
  std::ranges::copy_if(name, std::back_inserter(result), [](char c) { return c != ' ' && c != '\t'; });
  return result;
}

std::string lower(std::string_view name) {
  std::string result(name);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool is_part_of(std::string_view name, std::string_view longer) {
  return longer.size() > name.size() + 1 && longer.ends_with(name) &&
         longer[longer.size() - name.size() - 1] == '.';
}

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  constexpr std::size_t kMostCandidates = 2000;  // each comparison is quadratic in the name's length
  constexpr std::size_t kLongestName = 200;
  if (name.size() > kLongestName) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(name.size() / 4, 1) + 1;  // more would be another name
  for (std::size_t i = 0; i < std::min(candidates.size(), kMostCandidates); ++i) {
    const std::string& candidate = candidates[i];
    if (candidate.size() > kLongestName) continue;
    std::size_t distance = 0;
    if (hidden_difference(name, candidate).empty()) {
      distance =
          is_part_of(name, candidate) || is_part_of(candidate, name) ? 1 : edit_distance(name, candidate);
    }
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

std::string quoted(std::string_view name) {
  return message('\'', printable(name), '\'');
}

std::string displayed(std::string_view name) {
  return name.find(' ') == std::string_view::npos ? printable(name) : quoted(name);
}

std::string hidden_difference(std::string_view a, std::string_view b) {
  if (a == b) return {};
  const bool spaces = without_spaces(a) == without_spaces(b);
  if (spaces) return ", which differs in white space";
  return lower(without_spaces(a)) == lower(without_spaces(b)) ? ", which differs in letter case" : "";
}

}  // namespace upconv
