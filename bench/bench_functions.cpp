// The functions between layers: arithmetic, movement, pooling, resizing. They are bound by memory, so what
// counts is the rate at which each tensor passes once, beside that of a plain copy (docs/results.md).
//
//   bench_functions [--device=cpu|cuda] [--dtype=f32|f16|bf16] [--benchmark_filter=<regex>] ...
//
// A label says milliseconds, GB/s and the share of the copy's rate. Inputs are random, in as many buffers as
// it takes to leave the caches. On a GPU calls are replayed from a CUDA graph.

#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "function_timer.h"
#include "functions.h"
#include "sampled_check.h"
#include <benchmark/benchmark.h>

#include <upconv/framework/message.h>

namespace {

using upconv::ConstTensorView;
using upconv::Tensor;
using upconv::TensorSpec;
using upconv::bench::FunctionCase;

/// A network whose forward is the function.
class OneCall : public upconv::Network {
 public:
  explicit OneCall(const FunctionCase& one) : Network(std::string(one.name)), one_(one) {}
  upconv::Values forward_all(std::span<const upconv::Value> inputs) const override {
    return {one_.function(inputs)};
  }

 private:
  FunctionCase one_;
};

struct Bench {
  upconv::ExecutionContext ctx;
  upconv::DType dtype = upconv::DType::f32;
  double copy_rate = 0;  // bytes a second, read and written
};

constexpr double kLeastBytes = 400e6;  // of all buffers: beyond every cache

/// Runs `one` on buffers in turn; returns seconds a call, and the bytes of its tensors.
std::pair<double, double> time_of(benchmark::State& state, const FunctionCase& one, Bench& bench) {
  OneCall net(one);
  std::vector<TensorSpec> specs;
  double bytes = 0;
  for (const upconv::Shape& shape : one.inputs) {
    specs.push_back({shape, bench.dtype, bench.ctx.device()});
    bytes += static_cast<double>(specs.back().bytes());
  }
  net.prepare(bench.ctx, specs);
  const TensorSpec out = net.output_specs(specs)[0];
  bytes += static_cast<double>(out.bytes());
  std::vector<std::vector<Tensor>> inputs(static_cast<std::size_t>(kLeastBytes / bytes) + 1);
  std::vector<Tensor> outputs;
  for (auto& set : inputs) {
    for (const TensorSpec& spec : specs)
      set.push_back(upconv::bench::random_normal(spec.shape, spec.dtype, 1).to(bench.ctx.device()));
    outputs.push_back(Tensor::empty(out.shape, out.dtype, out.device));
  }
  const auto call = [&](std::size_t i) {
    std::vector<ConstTensorView> views(inputs[i].begin(), inputs[i].end());
    const upconv::TensorView y = outputs[i];
    net.forward_into(views, {&y, 1}, bench.ctx);
  };
  return {upconv::bench::time_calls(state, inputs.size(), call, bench.ctx), bytes};
}

void run(benchmark::State& state, const FunctionCase& one, Bench& bench) {
  try {
    const auto [seconds, bytes] = time_of(state, one, bench);
    state.SetLabel(upconv::message(1e3 * seconds, " ms, ", std::llround(1e-9 * bytes / seconds), " GB/s, ",
                                   std::llround(100 * bytes / seconds / bench.copy_rate), " % of the copy"));
  } catch (const upconv::Error& error) {
    state.SkipWithError(error.what());
  }
}

/// Takes "--name=value" off the arguments.
std::string option(std::vector<std::string>& arguments, const std::string& name, std::string usual) {
  const std::string begin = "--" + name + "=";
  for (auto at = arguments.begin(); at != arguments.end(); ++at) {
    if (!at->starts_with(begin)) continue;
    usual = at->substr(begin.size());
    arguments.erase(at);
    break;
  }
  return usual;
}

upconv::DType dtype_of(const std::string& name) {
  for (const upconv::DType dtype : {upconv::DType::f32, upconv::DType::f16, upconv::DType::bf16}) {
    if (name_of(dtype) == name) return dtype;
  }
  throw upconv::ArgumentError("--dtype must be f32, f16 or bf16, got " + name);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    const bool on_gpu = option(arguments, "device", "cpu") == "cuda";
    const upconv::DType dtype = dtype_of(option(arguments, "dtype", "f32"));
    if (!arguments.empty()) throw upconv::ArgumentError("there is no option " + arguments[0]);
    Bench bench{
        upconv::ExecutionContext({.device = on_gpu ? upconv::Device::cuda(0) : upconv::Device::cpu()}), dtype,
        0};
    bench.copy_rate = upconv::bench::copy_rate(bench.ctx);
    std::cout << bench.ctx.caps().name << ": copy " << 1e-9 * bench.copy_rate << " GB/s\n";
    for (const FunctionCase& one : upconv::bench::function_cases()) {
      const std::string name = upconv::message(one.name, '/', dtype);
      benchmark::RegisterBenchmark(name.c_str(),
                                   [one, &bench](benchmark::State& state) { run(state, one, bench); })
          ->UseManualTime()
          ->Iterations(upconv::bench::kRounds)
          ->Unit(benchmark::kMillisecond);
    }
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  } catch (const upconv::Error& error) {
    std::cerr << "bench_functions: " << error.what() << '\n';
    return 2;
  }
}
