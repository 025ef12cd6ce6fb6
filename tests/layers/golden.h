#pragma once

#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <upconv/upconv.h>

namespace upconv::testing {

/// Where a file of tests/golden/ is, or of the directory UPCONV_GOLDEN_DIR in the environment.
std::string golden_path(const std::string& name);

/// What is in it; read once per process.
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

/// What a case runs on.
struct Target {
  Device device;
  Precision precision = Precision::fp32;
  std::string row = {};  ///< Forced; "" leaves the choice to selection.

  /// "cpu_direct", "cuda_selected"
  std::string test_name() const;
  friend void PrintTo(const Target& target, std::ostream* out) { *out << target.test_name(); }
};

/// Every row of every device's table, and what selection picks there. `rows_of` gives the table of a device
/// type, which is empty if this build has none.
template <class RowsOf>
std::vector<Target> targets(RowsOf rows_of) {
  std::vector<Target> result;
  for (const Device device : {Device::cpu(), Device::cuda(0)}) {
    const auto rows = rows_of(device.type());
    if (!rows.empty()) result.push_back({.device = device});
    for (const auto& row : rows)
      result.push_back({.device = device, .row = std::string(row.name)});
  }
  return result;
}

/// Those on a GPU, with TF32 permitted.
template <class RowsOf>
std::vector<Target> tf32_targets(RowsOf rows_of) {
  std::vector<Target> result;
  for (Target target : targets(rows_of)) {
    target.precision = Precision::tf32;
    if (target.device.is_cuda()) result.push_back(std::move(target));
  }
  return result;
}

/// A test for every target; skips, visibly, where the target's device is not. The parameter is a Target or a
/// tuple that holds one.
template <class Parameter>
class GoldenTest : public ::testing::TestWithParam<Parameter> {
 protected:
  void SetUp() override {
    if (target().device.is_cuda() && cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device here";
  }
  const Target& target() const {
    if constexpr (std::is_same_v<Parameter, Target>) {
      return this->GetParam();
    } else {
      return std::get<Target>(this->GetParam());
    }
  }
};

/// A context for the target; its row, if any, is forced for `op`.
ExecutionContext context_for(const std::string& op, const Target& target, int threads = 2);

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

/// An output tensor on any device, pre-filled with NaN, between guard bands, at an address no more aligned
/// than its elements.
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
/// `x` and the result are on the CPU.
Tensor run_guarded(const Module& module, const Tensor& x, const std::string& op, const Target& target);

/// Elements as doubles, and a CPU f32 tensor of their absolute values.
std::vector<double> to_doubles(ConstTensorView tensor);
Tensor absolute(const Tensor& tensor);

}  // namespace upconv::testing
