#pragma once

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

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

/// Runs `program` in a folder of the test's own.
class ProgramTest : public ::testing::Test {
 protected:
  explicit ProgramTest(std::string program);
  ~ProgramTest() override;

  /// `arguments` as a shell reads them.
  Outcome run(const std::string& arguments) const { return run_program(program_, folder_, arguments); }

  std::string program_;
  std::filesystem::path folder_;
};

}  // namespace examples
