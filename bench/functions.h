#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include <upconv/upconv.h>

/// What the functions between layers are timed on (bench_functions.cpp). Internal to the benchmarks.
namespace upconv::bench {

/// A function of images as networks call it. compare_functions.py has the same under the same name in
/// PyTorch.
struct FunctionCase {
  std::string_view name;
  std::vector<Shape> inputs;
  std::function<Value(std::span<const Value>)> function;
};

/// Every case, on inputs of 33 MB in f32 and more.
std::vector<FunctionCase> function_cases();

}  // namespace upconv::bench
