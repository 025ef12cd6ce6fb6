#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "common/picture.h"

/// What the programs that make a picture out of a picture share.
namespace examples {

/// Throws PictureError if one of the outputs cannot be written, or would replace an input.
void check_paths(const std::vector<std::filesystem::path>& inputs,
                 const std::vector<std::filesystem::path>& outputs);

/// Reads a picture and tells on standard error what was lost. Throws: PictureError.
Picture load_and_tell(const std::filesystem::path& path);

/// `path` with "_compare" before the extension.
std::filesystem::path compare_path(std::filesystem::path path);

/// With so many digits behind the point.
std::string fixed(double value, int digits);
/// As `fixed`, and with a plus sign in front of what is not negative.
std::string with_sign(double value, int digits);

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start);

/// Whether standard error is a terminal, on which progress may be one line that is written over.
bool tells_a_terminal();

}  // namespace examples
