#pragma once

#include <string>

namespace upconv {

/// A number as Python prints it, for `extra_repr`: "0.01", "1e-05", "1.0", "inf".
std::string python_repr(double value);
/// A truth value as Python prints it: "True" or "False".
std::string python_repr(bool value);

}  // namespace upconv
