#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <upconv/framework/load_compare.h>

namespace upconv {

using EntriesByName = std::unordered_map<std::string_view, const EntrySpec*>;

/// One line on the prefix that stands before every name on one side only; "" if there is none.
std::string prefix_hint(const std::vector<WantedEntry>& wanted, const std::vector<EntrySpec>& offered,
                        const EntriesByName& by_name);

/// Lines on weights that are stored in parts, as weight_norm, spectral_norm and pruning store them.
std::vector<std::string> unfolded_hints(const std::vector<std::string>& missing,
                                        const EntriesByName& by_name);

/// Finds shapes whose dimensions are in another order, and tells of each order once, with all names.
class SwappedDimensions {
 public:
  /// Remembers the pair, and returns a remark for its line; "" if no order makes the one the other.
  std::string add(const std::string& name, const Shape& wanted, const Shape& offered);
  std::vector<std::string> hints() const;

 private:
  std::vector<std::vector<std::string>> names_;  // by order
};

}  // namespace upconv
