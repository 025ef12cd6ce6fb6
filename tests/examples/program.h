#pragma once

#include <filesystem>
#include <string>

/// Running an example as a user runs it.
namespace examples {

struct Outcome {
  int exit_code;  ///< -1 if a signal ended it.
  std::string out;
  std::string err;
};

std::string read_text(const std::filesystem::path& path);

/// Runs the program in `folder`, where it leaves out.txt and err.txt; `arguments` as a shell reads them.
Outcome run_program(const std::string& program, const std::filesystem::path& folder,
                    const std::string& arguments);

}  // namespace examples
