#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/tests/layers/golden.h>

namespace upconv::testing {

namespace {

constexpr std::int64_t kGuard = 13;  // elements: odd, so that the output is aligned to nothing

}  // namespace

std::string golden_path(const std::string& name) {
  const char* elsewhere =
      std::getenv("UPCONV_GOLDEN_DIR");  // for a binary that was carried to another machine
  return (elsewhere == nullptr ? UPCONV_GOLDEN_DIR : elsewhere) + ('/' + name);
}

const StateDict& golden_file(const std::string& name) {
  static std::map<std::string, StateDict> files;
  const auto found = files.find(name);
  if (found != files.end()) return found->second;
  return files.emplace(name, read_hdf5(golden_path(name))).first->second;
}

const Tensor& GoldenCase::at(const std::string& key) const {
  const auto found = tensors.find(key);
  if (found == tensors.end()) throw ArgumentError("golden case " + name + " has no tensor " + key);
  return *found->second;
}

StateDict GoldenCase::state_dict(const std::vector<std::string>& others) const {
  StateDict result;
  for (const auto& [key, tensor] : tensors) {
    if (std::ranges::find(others, key) == others.end()) result.insert(key, tensor->clone());
  }
  return result;
}

std::vector<GoldenCase> golden_cases(const std::string& file, const std::string& prefix) {
  std::map<std::string, GoldenCase> cases;
  for (const auto& [name, tensor] : golden_file(file)) {
    if (!name.starts_with(prefix)) continue;
    const std::size_t dot = name.rfind('.');
    GoldenCase& one = cases[name.substr(0, dot)];
    one.name = name.substr(0, dot);
    one.tensors.emplace(name.substr(dot + 1), &tensor);
  }
  std::vector<GoldenCase> result;
  for (auto& [name, one] : cases)
    result.push_back(std::move(one));
  return result;
}

std::string Target::test_name() const {
  std::string name = !row.empty() ? row : device.is_cuda() ? "cuda_selected" : "selected";
  std::ranges::replace_if(
      name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

ExecutionContext context_for(const std::string& op, const Target& target, int threads) {
  ExecutionContextOptions options{
      .device = target.device, .precision = target.precision, .num_threads = threads};
  if (!target.row.empty()) options.kernels = {{op, target.row}};
  return ExecutionContext(std::move(options));
}

double epsilon_of(DType dtype) {
  return dtype == DType::f16 ? 0x1p-10 : dtype == DType::bf16 ? 0x1p-7 : 0x1p-23;
}

double smallest_of(DType dtype) {
  return dtype == DType::f16 ? 0x1p-24 : 0x1p-126;  // of bf16 and f32 the normal range: nothing here is below
}

std::vector<double> to_doubles(ConstTensorView tensor) {
  std::vector<double> result;
  visit_dtype(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
    for (const T value : tensor.data<T>())
      result.push_back(static_cast<double>(value));
  });
  return result;
}

Tensor absolute(const Tensor& tensor) {
  Tensor result = tensor.to(DType::f32);
  for (float& value : result.data<float>())
    value = std::abs(value);
  return result;
}

::testing::AssertionResult near(ConstTensorView got, ConstTensorView wanted,
                                const std::function<double(std::size_t, double)>& tolerance) {
  if (got.spec() != wanted.spec())
    return ::testing::AssertionFailure() << "got " << got.spec() << ", wanted " << wanted.spec();
  const std::vector<double> a = to_doubles(got), b = to_doubles(wanted);
  std::size_t wrong = 0, worst = 0;
  double worst_error = -1.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double error = std::abs(a[i] - b[i]);
    if (error <= tolerance(i, b[i]) && std::isfinite(error)) continue;
    ++wrong;
    if (!(error <= worst_error)) {
      worst_error = error;
      worst = i;
    }
  }
  if (wrong == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << wrong << " of " << a.size() << " elements differ; the worst at " << worst << ": got " << a[worst]
         << ", wanted " << b[worst] << ", tolerance " << tolerance(worst, b[worst]);
}

::testing::AssertionResult equal(ConstTensorView got, ConstTensorView wanted) {
  return near(got, wanted, [](std::size_t, double) { return 0.0; });
}

GuardedOutput::GuardedOutput(const TensorSpec& spec)
    : spec_(spec),
      storage_(Tensor::full({spec.shape.numel() + 2 * kGuard}, std::numeric_limits<double>::quiet_NaN(),
                            spec.dtype, spec.device)) {}

TensorView GuardedOutput::view() {
  auto* begin = static_cast<std::byte*>(storage_.view().raw());
  return {begin + kGuard * static_cast<std::int64_t>(size_of(spec_.dtype)), spec_};
}

::testing::AssertionResult GuardedOutput::guards_intact() const {
  const std::vector<double> values = to_doubles(storage_.to(Device::cpu()));
  for (std::size_t i = 0; i < kGuard; ++i) {
    if (!std::isnan(values[i]) || !std::isnan(values[values.size() - 1 - i]))
      return ::testing::AssertionFailure()
             << "memory outside of the output was written, " << kGuard - i << " off";
  }
  return ::testing::AssertionSuccess();
}

Tensor run_guarded(const Module& module, const Tensor& x, const std::string& op, const Target& target) {
  const Tensor x_there = x.to(target.device);
  Tensor first;
  for (const int threads : {1, 3}) {
    ExecutionContext ctx = context_for(op, target, threads);
    for (int repeat = 0; repeat < 2; ++repeat) {
      GuardedOutput output(module.output_spec(x_there.spec()));
      module.forward_into(x_there, output.view(), ctx);
      EXPECT_TRUE(output.guards_intact());
      Tensor y = Tensor::empty(output.view().shape(), output.view().dtype());
      copy(y, output.view());
      if (!first.defined()) {
        first = std::move(y);
      } else if (first.numel() > 0) {
        EXPECT_EQ(0, std::memcmp(first.view().raw(), y.view().raw(), first.spec().bytes()))
            << "runs differ, with " << threads << " threads";
      }
    }
  }
  return first;
}

}  // namespace upconv::testing
