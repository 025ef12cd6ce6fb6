#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include <upconv/framework/context.h>
#include <upconv/framework/dtype.h>

/// The command line that the examples share: the same options, words, exit codes and form of messages.
namespace examples {

/// What --precision says: the type of weights and activations, and what kernels may do with f32.
struct Numbers {
  upconv::DType dtype = upconv::DType::f32;
  upconv::Precision precision = upconv::Precision::fp32;
};

/// Of "fp32", "tf32", "f16" or "bf16". Throws: upconv::ArgumentError, naming these.
Numbers parse_precision(const std::string& text);

/// The options that every example has.
struct CommonArguments {
  std::filesystem::path weights;  ///< Empty: find_weights says where they are.
  std::string device = "cpu";
  std::string precision = "fp32";
  int threads = 0;
};

/// Adds --device, --precision, --threads, --weights and --version, and the exit codes to the help.
/// `weights_file` is what find_weights looks for; `exit_codes` says what 0 and 1 mean.
void add_common_options(CLI::App& app, CommonArguments& args, const std::string& weights_file,
                        const std::string& exit_codes);

/// The exit code if the program should end here: help or the version was asked for, or the usage is wrong
/// (2).
std::optional<int> parse(CLI::App& app, int argc, char** argv);

/// Calls `work` and returns the exit code: 0 if it returns true, 1 if it returns false or throws. An error is
/// told on standard error, after the program's name.
int run(const std::string& program, const std::function<bool()>& work);

}  // namespace examples
