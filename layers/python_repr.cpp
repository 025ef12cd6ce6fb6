#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include <upconv/layers/python_repr.h>

namespace upconv {

namespace {

/// The shortest digits that read back as the same number, which are Python's too.
std::string shortest(double value, std::chars_format format) {
  std::array<char, 400> text{};
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), value, format);
  return {text.data(), end.ptr};
}

}  // namespace

std::string python_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string scientific = shortest(value, std::chars_format::scientific);
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (exponent < -4 || exponent >= 16) return scientific;
  std::string fixed = shortest(value, std::chars_format::fixed);
  return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

std::string python_repr(bool value) {
  return value ? "True" : "False";
}

}  // namespace upconv
