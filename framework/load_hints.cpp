#include <algorithm>
#include <array>
#include <span>

#include <upconv/framework/load_hints.h>
#include <upconv/framework/message.h>

namespace upconv {

namespace {

std::string list(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i)
    text += (i == 0 ? "" : ", ") + displayed(names[i]);
  return names.size() > kMost ? message(text, ", ... and ", names.size() - kMost, " more") : text;
}

/// Dimension i of what a module wants is dimension order[i] of what the file has.
struct Order {
  std::array<int, 4> order;
  int rank;
  std::string_view remark, hint;
};

constexpr std::array kOrders = {
    Order{{1, 0, 2, 3},
          4,
          "its first two dimensions are swapped",
          "ConvTranspose2d stores [in,out/groups,kh,kw], Conv2d [out,in/groups,kh,kw]: is one of them meant "
          "to be "
          "the other?"},
    Order{{0, 1, 3, 2},
          4,
          "its last two dimensions are swapped",
          "the kernel's height and width are exchanged: kernel_size is {height, width}"},
    Order{{1, 0, 3, 2},
          4,
          "its first two and its last two dimensions are swapped",
          "Conv2d and ConvTranspose2d are exchanged, and so are the kernel's height and width"},
    Order{{3, 2, 0, 1},
          4,
          "its dimensions are in another order",
          "the file stores [kh,kw,in,out], as TensorFlow does: transpose to PyTorch's [out,in,kh,kw]"},
    Order{{0, 3, 1, 2},
          4,
          "its dimensions are in another order",
          "the file stores [out,kh,kw,in], channels last: transpose to PyTorch's [out,in,kh,kw]"},
    Order{{1, 0, 0, 0},
          2,
          "its two dimensions are swapped",
          "Linear stores [out_features,in_features]: transpose it, or exchange the two options"},
};

bool is_order(const Order& order, const Shape& wanted, const Shape& offered) {
  if (wanted.rank() != order.rank || offered.rank() != order.rank) return false;
  for (int i = 0; i < order.rank; ++i) {
    if (wanted[i] != offered[order.order[static_cast<std::size_t>(i)]]) return false;
  }
  return true;
}

/// A way of storing a weight in parts; '*' is its last name.
struct Parts {
  std::string_view kind, first, second;
};

constexpr std::array kParts = {
    Parts{"weight_norm", "*_g", "*_v"},
    Parts{"weight_norm", "parametrizations.*.original0", "parametrizations.*.original1"},
    Parts{"pruning", "*_orig", "*_mask"},
    Parts{"spectral_norm", "*_orig", "*_u"},
    Parts{"spectral_norm", "parametrizations.*.original", "parametrizations.*.0._u"},
    Parts{"a parametrization", "parametrizations.*.original", "parametrizations.*.original"},
};

std::string part_name(const std::string& name, std::string_view pattern) {
  const std::size_t dot = name.rfind('.');
  const std::size_t leaf = dot == std::string::npos ? 0 : dot + 1;
  std::string result = name.substr(0, leaf) + std::string(pattern);
  return result.replace(result.find('*', leaf), 1, name.substr(leaf));
}

std::string child_hint(std::span<const WantedEntry* const> wanted, const EntriesByName& by_name) {
  const std::string& first = wanted.front()->spec.name;
  const std::size_t dot = first.find('.');
  if (dot == std::string::npos) return {};
  const std::string prefix = first.substr(0, dot + 1);
  const bool all = std::ranges::all_of(wanted, [&](const WantedEntry* entry) {
    const std::string_view name = entry->spec.name;
    return name.starts_with(prefix) && by_name.contains(name.substr(prefix.size()));
  });
  return all ? message("all ", wanted.size(), " names are in the file, but without ", quoted(prefix),
                       " before them: load into that child, net[\"", printable(first.substr(0, dot)),
                       "\"].load(...)")
             : "";
}

}  // namespace

std::string prefix_hint(const std::vector<WantedEntry>& all_wanted, const std::vector<EntrySpec>& offered,
                        const EntriesByName& by_name) {
  constexpr std::size_t kMostPrefixes = 3;
  std::vector<const WantedEntry*> wanted;
  for (const WantedEntry& entry : all_wanted) {
    if (entry.counter) continue;
    if (by_name.contains(entry.spec.name)) return {};
    wanted.push_back(&entry);
  }
  if (wanted.empty()) return {};

  // Prefixes behind which the shapes fit as well come first.
  std::vector<std::string> fitting, others;
  for (const EntrySpec& entry : offered) {
    const std::string& first = wanted.front()->spec.name;
    if (!entry.name.ends_with('.' + first)) continue;
    const std::string prefix = entry.name.substr(0, entry.name.size() - first.size());
    bool all_fit = true;
    const bool all_there = std::ranges::all_of(wanted, [&](const WantedEntry* each) {
      const auto found = by_name.find(prefix + each->spec.name);
      if (found == by_name.end()) return false;
      all_fit = all_fit && fits(*each, *found->second);
      return true;
    });
    if (all_there) (all_fit ? fitting : others).push_back(prefix);
  }
  std::vector<std::string>& prefixes = fitting.empty() ? others : fitting;
  if (prefixes.empty()) return child_hint(wanted, by_name);
  prefixes.resize(std::min(prefixes.size(), kMostPrefixes));
  std::string text =
      message("all ", wanted.size(), wanted.size() == 1 ? " name is" : " names are",
              " in the file behind the prefix ", quoted(prefixes.front()),
              ": read it with read_hdf5(path, {.prefix = \"", printable(prefixes.front()), "\"})");
  for (std::size_t i = 1; i < prefixes.size(); ++i)
    text += message(i == 1 ? "; or behind " : ", ", quoted(prefixes[i]));
  return text;
}

std::vector<std::string> unfolded_hints(const std::vector<std::string>& missing,
                                        const EntriesByName& by_name) {
  std::vector<std::string> hints;
  std::vector<std::string> left = missing;
  for (const Parts& parts : kParts) {
    std::vector<std::string> found;
    std::erase_if(left, [&](const std::string& name) {
      const bool both =
          by_name.contains(part_name(name, parts.first)) && by_name.contains(part_name(name, parts.second));
      if (both) found.push_back(name);
      return both;
    });
    if (found.empty()) continue;
    const std::string first = part_name(found.front(), parts.first),
                      second = part_name(found.front(), parts.second);
    hints.push_back(message(found.size(), found.size() == 1 ? " weight is" : " weights are",
                            " stored in parts, as ", parts.kind, " leaves them (", displayed(first),
                            first == second ? "" : message(" and ", displayed(second)),
                            "): export the checkpoint again with tools/export_hdf5.py, which folds them"));
  }
  return hints;
}

std::string SwappedDimensions::add(const std::string& name, const Shape& wanted, const Shape& offered) {
  names_.resize(kOrders.size());
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    if (!is_order(kOrders[i], wanted, offered)) continue;
    names_[i].push_back(name);
    return message(" (", kOrders[i].remark, ')');
  }
  return {};
}

std::vector<std::string> SwappedDimensions::hints() const {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (!names_[i].empty()) result.push_back(message(list(names_[i]), ": ", kOrders[i].hint));
  }
  return result;
}

}  // namespace upconv
