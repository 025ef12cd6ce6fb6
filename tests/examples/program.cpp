#include "program.h"

#include <cstdlib>
#include <fstream>

#include <sys/wait.h>

namespace examples {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Outcome run_program(const std::string& program, const fs::path& folder, const std::string& arguments) {
  const std::string command =
      "cd '" + folder.string() + "' && '" + program + "' " + arguments + " >out.txt 2>err.txt";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(folder / "out.txt"),
          read_text(folder / "err.txt")};
}

}  // namespace examples
