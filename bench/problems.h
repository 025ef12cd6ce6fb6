#pragma once

#include <span>
#include <string_view>

/// The layers that the benchmarks time.
namespace upconv::bench {

struct NamedProblem {
  std::string_view name;
  std::string_view problem;  ///< A problem string without its type, which the mode adds: "n8...g1".
};

/// "flagship"; "relatives", which differ from it in one thing each; "suite", layers that networks are made
/// of; "cpu", the suite with smaller batches. Throws: ArgumentError on any other name.
std::span<const NamedProblem> problems(std::string_view set);

}  // namespace upconv::bench
