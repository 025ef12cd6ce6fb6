// The CPU kernels on the flagship layer and on layers that networks are made of (docs/results.md).
//
//   bench_cpu [--benchmark_filter=<regex>] [problem string]...
//
// Every row that fits a problem, but the reference, is checked on sampled outputs and then timed, on inputs
// that rotate so that they do not stay in the caches. Threads: OMP_NUM_THREADS, or every core.

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "problems.h"
#include "sampled_check.h"
#include <benchmark/benchmark.h>

#include <upconv/framework/error.h>
#include <upconv/kernels/convolution.h>

namespace {

using upconv::Tensor;
using upconv::kernels::ConvOperands;
using upconv::kernels::ConvProblem;
using upconv::kernels::ConvRow;

void run(benchmark::State& state, const ConvRow& row, const ConvProblem& p) {
  const char* threads = std::getenv("OMP_NUM_THREADS");
  upconv::ExecutionContext ctx({.num_threads = threads ? std::atoi(threads) : 0});
  constexpr std::size_t kCaches = 64 << 20;  // bytes
  const Tensor weight = upconv::bench::random_normal(p.weight_shape(), p.dtype, 2);
  const auto packed = upconv::kernels::pack_weight(p, weight, ctx.device());
  std::vector<Tensor> xs, ys;
  for (std::size_t bytes = 0; bytes <= kCaches;
       bytes += xs.back().spec().bytes() + ys.back().spec().bytes()) {
    xs.push_back(xs.empty() ? upconv::bench::random_normal(p.x_shape(), p.dtype, 1) : xs.front().clone());
    ys.push_back(Tensor::zeros(p.y_shape(), p.dtype));
  }
  const auto operands = [&](std::size_t i) {
    return ConvOperands{.x = xs[i], .weight = weight, .packed_weight = &packed, .epilogue = {}, .y = ys[i]};
  };
  row.launch(p, operands(0), ctx);
  try {
    upconv::bench::check_outputs(p, xs[0], weight, ys[0]);
  } catch (const upconv::Error& error) {
    state.SkipWithError(error.what());
    return;
  }
  std::size_t turn = 0;
  for (auto _ : state) {
    row.launch(p, operands(turn), ctx);
    turn = (turn + 1) % xs.size();
  }
  using benchmark::Counter;
  const auto bytes = static_cast<double>(xs[0].spec().bytes() + weight.spec().bytes() + ys[0].spec().bytes());
  state.counters["FLOP/s"] = Counter(p.flops(), Counter::kIsIterationInvariantRate, Counter::kIs1000);
  state.counters["B/s"] = Counter(bytes, Counter::kIsIterationInvariantRate, Counter::kIs1000);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::vector<std::string> layers(argv + 1, argv + argc);
  if (layers.empty()) {
    for (const auto& named : upconv::bench::problems("cpu"))
      layers.push_back(std::string(named.problem) + "_f32");
  }
  const auto rows = upconv::kernels::convolution_rows(upconv::Device::Type::cpu);
  const upconv::DeviceCaps caps = upconv::device_caps(upconv::Device::cpu());
  try {
    for (const std::string& layer : layers) {
      const ConvProblem problem = ConvProblem::parse(layer);
      for (const ConvRow& row : rows.first(rows.size() - 1)) {
        if (!row.supports(problem, caps).supported) continue;
        const std::string name = std::string(row.name) + "/" + layer;
        benchmark::RegisterBenchmark(name.c_str(),
                                     [&row, problem](benchmark::State& state) { run(state, row, problem); })
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  } catch (const upconv::Error& error) {
    std::cerr << "bench_cpu: " << error.what() << '\n';
    return 2;
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
