#include "common/picture_program.h"

#include <iomanip>
#include <iostream>
#include <sstream>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace examples {

namespace fs = std::filesystem;

void check_paths(const std::vector<fs::path>& inputs, const std::vector<fs::path>& outputs) {
  for (const fs::path& output : outputs) {
    check_writable(output);
    std::error_code ignored;
    for (const fs::path& input : inputs) {
      if (fs::equivalent(input, output, ignored))
        throw PictureError(output.string() + ": is an input; give the output another name");
    }
  }
}

Picture load_and_tell(const fs::path& path) {
  LoadedPicture loaded = load_picture(path);
  for (const std::string& note : loaded.notes)
    std::cerr << path.string() << ": note: " << note << '\n';
  return std::move(loaded.picture);
}

fs::path compare_path(fs::path path) {
  return path.replace_filename(path.stem().string() + "_compare" + path.extension().string());
}

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string with_sign(double value, int digits) {
  return (value < 0.0 ? "" : "+") + fixed(value, digits);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool tells_a_terminal() {
  return ::isatty(STDERR_FILENO) != 0;
}

}  // namespace examples
