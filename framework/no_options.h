#pragma once

#include <initializer_list>

namespace upconv {

/// What `{}` alone is where options may be given: `LeakyReLU({})` means `LeakyReLU()`, as
/// `LeakyReLU({.negative_slope = 0.2})` gives one option. A class whose options all have defaults has a
/// constructor that takes this; without it `{}` could also mean another such object to move from, and the
/// call would be ambiguous. There is no value of this type, so the list is always empty.
class NoOption {
  NoOption() = default;
};
/// See NoOption.
using NoOptions = std::initializer_list<NoOption>;

}  // namespace upconv
