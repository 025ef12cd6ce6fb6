#include "program.h"

#include <cstdlib>
#include <fstream>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

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

ProgramTest::ProgramTest(std::string program) : program_(std::move(program)) {
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  folder_ = std::filesystem::path(::testing::TempDir()) /
            (std::filesystem::path(program_).filename().string() + "_cli_" + test->name() + '_' +
             std::to_string(::getpid()));  // tests of several build trees run at once
  std::filesystem::create_directories(folder_);
}

ProgramTest::~ProgramTest() {
  std::filesystem::remove_all(folder_);
}

}  // namespace examples
