#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <upconv/upconv.h>

namespace upconv::testing {

/// A file of tests/golden/, read once per process.
const StateDict& golden_file(const std::string& name);

/// One case of a file of layers: the tensors whose names are "<name>.<key>".
struct GoldenCase {
  std::string name;
  std::map<std::string, const Tensor*> tensors;

  bool has(const std::string& key) const { return tensors.contains(key); }
  const Tensor& at(const std::string& key) const;
  /// True if the operands are k/16 with |k| <= 32, so that sums of products are exact in fp32.
  bool exact() const { return name.find("exact") != std::string::npos; }
  /// The tensors that are none of `others`: a state dict for the layer.
  StateDict state_dict(const std::vector<std::string>& others = {"x", "y"}) const;
};

/// The cases of a file whose names start with `prefix`.
std::vector<GoldenCase> golden_cases(const std::string& file, const std::string& prefix = "");

/// Names of a table's rows, and "" for the row that selection picks.
template <class Rows>
std::vector<std::string> row_names(const Rows& rows) {
  std::vector<std::string> names = {""};
  for (const auto& row : rows)
    names.emplace_back(row.name);
  return names;
}

/// A row's name, or "selected", as a test's name.
std::string test_name(const std::string& row);

/// A context with `op` forced to `row`, or free if `row` is "".
ExecutionContext context_for(const std::string& op, const std::string& row, int threads = 2);

/// Unit in the last place of a value of this size, as a fraction of it: 2^-23, 2^-10, 2^-7.
double epsilon_of(DType dtype);
/// Distance between neighbours of zero.
double smallest_of(DType dtype);

/// Succeeds if shapes and types are equal and no element differs by more than tolerance(index, wanted). NaN
/// and infinity must be met by their like.
::testing::AssertionResult near(ConstTensorView got, ConstTensorView wanted,
                                const std::function<double(std::size_t, double)>& tolerance);
/// The same with tolerance 0.
::testing::AssertionResult equal(ConstTensorView got, ConstTensorView wanted);

/// An output tensor pre-filled with NaN, between guard bands, at an address no more aligned than its
/// elements.
class GuardedOutput {
 public:
  explicit GuardedOutput(const TensorSpec& spec);
  TensorView view();
  /// Fails if anything outside the output was written.
  ::testing::AssertionResult guards_intact() const;

 private:
  TensorSpec spec_;
  Tensor storage_;
};

/// forward_into a guarded output, with fewer and with more threads, twice each: all four must be bit-equal.
Tensor run_guarded(const Module& module, ConstTensorView x, const std::string& op, const std::string& row);

/// Elements as doubles, and a CPU f32 tensor of their absolute values.
std::vector<double> to_doubles(ConstTensorView tensor);
Tensor absolute(const Tensor& tensor);

}  // namespace upconv::testing
