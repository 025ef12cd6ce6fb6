#pragma once

#include <sstream>
#include <string>

#include <upconv/framework/language.h>

namespace upconv {

/// Joins its arguments, each as `operator<<` prints it, into the text of an error message.
template <class... Parts>
std::string message(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

}  // namespace upconv
