#pragma once

#include <compare>
#include <string_view>

#include <upconv/framework/language.h>

namespace upconv {

/// A version of upconv, in the order of Semantic Versioning: 0.2.0 stands before 0.10.0.
struct Version {
  int major;  ///< Changes with the interface, from 1.0 on.
  int minor;  ///< Changes with what is added; before 1.0 with the interface, too.
  int patch;  ///< Changes with what is mended.

  /// Older versions are less.
  friend constexpr auto operator<=>(const Version&, const Version&) = default;
};

/// The version of these headers. There is no macro to test: a program that needs at least 0.2 says
/// `static_assert(upconv::kVersion >= upconv::Version{0, 2, 0})` or `if constexpr`, and
/// `find_package(upconv 0.2)` where it is configured.
inline constexpr Version kVersion{0, 1, 0};

/// The version of the library that runs, "0.1.0". With a shared library it can be newer than the headers.
std::string_view version();

}  // namespace upconv
