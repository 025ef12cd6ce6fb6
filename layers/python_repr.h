#pragma once

#include <string>

namespace upconv {

/// A number or truth value as Python prints it, for `extra_repr`: "0.01", "1e-05", "1.0", "inf"; "True".
std::string python_repr(double value);
std::string python_repr(bool value);

}  // namespace upconv
