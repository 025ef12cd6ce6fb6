#include "common/command_line.h"

#include <array>
#include <exception>
#include <iostream>
#include <new>
#include <utility>
#include <vector>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/version.h>

namespace examples {

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

using upconv::DType;
using upconv::Precision;

struct Named {
  const char* name;
  Numbers numbers;
};

constexpr std::array<Named, 4> kPrecisions = {{{"fp32", {DType::f32, Precision::fp32}},
                                               {"tf32", {DType::f32, Precision::tf32}},
                                               {"f16", {DType::f16, Precision::fp32}},
                                               {"bf16", {DType::bf16, Precision::fp32}}}};

}  // namespace

Numbers parse_precision(const std::string& text) {
  for (const auto& [name, numbers] : kPrecisions) {
    if (text == name) return numbers;
  }
  throw upconv::ArgumentError(
      upconv::message("precision must be fp32, tf32, f16 or bf16, got '", text, '\''));
}

void add_common_options(CLI::App& app, CommonArguments& args, const std::string& weights_file,
                        const std::string& exit_codes) {
  app.add_option("--device", args.device, "cpu, cuda or cuda:<index>")
      ->type_name("NAME")
      ->capture_default_str();
  std::vector<std::string> names;
  for (const Named& precision : kPrecisions)
    names.emplace_back(precision.name);
  app.add_option("--precision", args.precision, "fp32, tf32 (faster on a GPU), f16 or bf16")
      ->check(CLI::IsMember(names))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--threads", args.threads, "CPU threads; 0: as many as this process may use")
      ->check(CLI::Range(0, 4096))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--weights", args.weights,
                 "trained weights (HDF5); default: " + weights_file +
                     " in weights/ beside the program,\nthen in ../share/upconv/")
      ->type_name("FILE");
  app.set_version_flag("--version", app.get_name() + ' ' + std::string(upconv::version()),
                       "Print the version and exit");
  app.footer("\nExit code: " + exit_codes + ", 2 wrong usage.");
}

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  return std::nullopt;
}

int run(const std::string& program, const std::function<bool()>& work) {
  try {
    const bool done = work();
    std::cout.flush();
    return done ? 0 : kExitFailed;
  } catch (const std::bad_alloc&) {
    std::cerr << program << ": not enough memory\n";
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << '\n';
  }
  return kExitFailed;
}

}  // namespace examples
