#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <upconv/framework/language.h>

namespace upconv {

/// The candidate that `name` was probably meant to be: one that differs in white space, letter case, one
/// leading part or a few letters. "" if there is none.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// `name` fit for a message: control characters and non-ASCII bytes escaped, the middle of long names elided.
std::string printable(std::string_view name);
/// The same between quotes.
std::string quoted(std::string_view name);
/// printable, or quoted where the name holds spaces, which could be overlooked.
std::string displayed(std::string_view name);
/// ", which differs in letter case" and the like, where two names that differ look the same; else "".
std::string hidden_difference(std::string_view a, std::string_view b);

}  // namespace upconv
