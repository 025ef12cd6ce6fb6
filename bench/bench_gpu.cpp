// The CUDA kernels on the flagship layer, on its relatives, and on layers that networks are made of
// (docs/results.md).
//
//   bench_gpu [--flagship] [--relatives] [--suite] [--all-rows] [--bias] [--benchmark_filter=<regex>]
//             [problem string]...
//
// With --bias there is a bias to add, of zeros. A problem may end with an epilogue, as
// "+affine+relu+residual". A problem string without a type is taken in every mode: f32, tf32, f16, bf16. The
// row that would run, or with --all-rows every row that fits, is checked on sampled outputs and then timed:
// CUDA events around replays of a graph that calls it on random normal inputs, in as many buffers as it takes
// to leave the L2. Exit code 1 if a row was wrong.

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "gpu_ceilings.h"
#include "gpu_graph.h"
#include "gpu_timer.h"
#include "problems.h"
#include "sampled_check.h"
#include <benchmark/benchmark.h>

#include <upconv/framework/cuda_interop.h>
#include <upconv/framework/error.h>

namespace {

using upconv::Tensor;
using upconv::bench::GpuCeilings;
using upconv::kernels::ConvOperands;
using upconv::kernels::ConvProblem;
using upconv::kernels::ConvRow;

constexpr auto kPRelu = upconv::kernels::ActivationKind::prelu;
constexpr int kRounds = 9;
constexpr double kRoundSeconds = 0.01;

struct Options {
  bool all_rows = false, bias = false;
  std::vector<ConvProblem> problems;
};

void add(std::vector<ConvProblem>& problems, const std::string& text) {
  const std::string layer = text.substr(0, text.find('+')), epilogue = text.substr(layer.size());
  const bool typed = !layer.substr(layer.rfind('_') + 1).starts_with('g');
  if (!typed) {
    for (const char* mode : {"_f32", "_tf32", "_f16", "_bf16"})
      problems.push_back(ConvProblem::parse(layer + mode + epilogue));
  } else {
    problems.push_back(ConvProblem::parse(text));
  }
}

Options read_options(int argc, char** argv) {
  Options options;
  const auto add_set = [&](std::string_view set) {
    for (const auto& named : upconv::bench::problems(set))
      add(options.problems, std::string(named.problem));
  };
  for (const std::string& argument : std::vector<std::string>(argv + 1, argv + argc)) {
    if (argument == "--all-rows") {
      options.all_rows = true;
    } else if (argument == "--bias") {
      options.bias = true;
    } else if (argument.starts_with("--")) {
      add_set(std::string_view(argument).substr(2));
    } else {
      add(options.problems, argument);
    }
  }
  if (options.problems.empty()) {
    add_set("relatives");  // the flagship is the first
    add_set("suite");
  }
  // The sets share problems, and each is to be timed once.
  std::vector<ConvProblem> once;
  for (const ConvProblem& problem : options.problems) {
    if (std::ranges::find(once, problem) == once.end()) once.push_back(problem);
  }
  options.problems = std::move(once);
  return options;
}

std::size_t l2_bytes(const upconv::ExecutionContext& ctx) {
  cudaDeviceProp properties{};
  upconv::cuda::check(cudaGetDeviceProperties(&properties, ctx.device().index()), "cudaGetDeviceProperties");
  return static_cast<std::size_t>(properties.l2CacheSize);
}

/// A problem's operands on the GPU, so many of them that a round through all is three times the L2.
class Operands {
 public:
  Operands(const ConvProblem& problem, bool bias, upconv::ExecutionContext& ctx)
      : x_(upconv::bench::random_normal(problem.x_shape(), problem.dtype, 1)),
        weight_(upconv::bench::random_normal(problem.weight_shape(), problem.dtype, 2)),
        weight_on_gpu_(weight_.to(ctx.device())),
        packed_(upconv::kernels::pack_weight(problem, weight_, ctx.device())) {
    if (bias) bias_ = Tensor::zeros({problem.co}, problem.dtype, ctx.device());
    const upconv::kernels::EpilogueForm& form = problem.epilogue;
    if (form.affine) factors_ = Tensor::full({problem.co}, 0.5, upconv::DType::f32, ctx.device());
    if (form.first == kPRelu || form.second == kPRelu)
      slopes_ = Tensor::full({problem.co}, 0.25, problem.dtype, ctx.device());
    const auto pair = static_cast<std::size_t>(upconv::bench::bytes_moved(problem));
    const std::size_t count = std::max<std::size_t>(2, 3 * l2_bytes(ctx) / pair + 1);
    for (std::size_t i = 0; i < count; ++i) {
      xs_.push_back(x_.to(ctx.device()));
      ys_.push_back(Tensor::empty(problem.y_shape(), problem.dtype, ctx.device()));
      if (form.residual) {
        residuals_.push_back(
            upconv::bench::random_normal(problem.y_shape(), problem.dtype, 3).to(ctx.device()));
      }
    }
    form_ = form;
  }

  std::size_t count() const { return xs_.size(); }
  ConvOperands operator[](std::size_t i) {
    return {.x = xs_[i],
            .weight = weight_on_gpu_,
            .packed_weight = &packed_,
            .epilogue = epilogue(i),
            .y = ys_[i]};
  }
  /// Runs the row into NaN and checks what it wrote; with the bias alone, which is zero.
  void check(const ConvRow& row, const ConvProblem& problem, upconv::ExecutionContext& ctx) {
    Tensor& y = ys_.front();
    ConvOperands operands = (*this)[0];
    operands.epilogue = {.bias = operands.epilogue.bias};
    upconv::cuda::check(cudaMemsetAsync(y.view().raw(), 0xff, y.spec().bytes(), upconv::cuda::stream_of(ctx)),
                        "cudaMemsetAsync");
    row.launch(problem, operands, ctx);
    ctx.synchronize();
    upconv::bench::check_outputs(problem, x_, weight_, y.to(upconv::Device::cpu()));
  }

 private:
  /// That of the problem. What it multiplies by does not matter to the time.
  upconv::kernels::Epilogue epilogue(std::size_t i) {
    upconv::kernels::Epilogue epilogue;
    if (bias_.defined()) epilogue.bias = bias_;
    if (form_.affine) epilogue.scale = epilogue.shift = factors_;
    epilogue.first = {.kind = form_.first,
                      .slopes = slopes_.defined() ? slopes_.view() : upconv::ConstTensorView()};
    if (form_.scaled) epilogue.factor = 0.5f;
    if (form_.residual) epilogue.residual = residuals_[i];
    epilogue.second = epilogue.first;
    epilogue.second.kind = form_.second;
    return epilogue;
  }

  upconv::kernels::EpilogueForm form_;
  Tensor x_, weight_;  // on the CPU
  Tensor weight_on_gpu_, bias_, factors_, slopes_;
  upconv::kernels::PackedWeight packed_;
  std::vector<Tensor> xs_, ys_, residuals_;
};

/// Seconds of one call, a sample for each of the benchmark's iterations.
std::vector<double> measure(benchmark::State& state, const ConvRow& row, const ConvProblem& problem,
                            Operands& operands, upconv::ExecutionContext& ctx) {
  const cudaStream_t stream = upconv::cuda::stream_of(ctx);
  upconv::bench::GpuTimer timer;
  upconv::bench::GpuGraph graph(stream, [&] {
    for (std::size_t i = 0; i < operands.count(); ++i)
      row.launch(problem, operands[i], ctx);
  });
  const auto replay = [&](int times) {
    timer.start(stream);
    for (int i = 0; i < times; ++i)
      graph.replay();
    return timer.stop(stream) / (times * static_cast<double>(operands.count()));
  };
  replay(1);
  const double one = replay(1) * static_cast<double>(operands.count());
  const int times = std::max(1, static_cast<int>(kRoundSeconds / one));
  std::vector<double> samples;
  for (auto _ : state) {
    samples.push_back(replay(times));
    state.SetIterationTime(samples.back());
  }
  return samples;
}

/// The median with the spread of all samples around it, and what it means. Google Benchmark's own counters
/// would print 0.5 as "500m".
std::string summary(const ConvProblem& problem, std::vector<double> samples, const GpuCeilings& ceilings) {
  std::ranges::sort(samples);
  const double median = samples[samples.size() / 2];
  std::ostringstream text;
  text << std::fixed << std::setprecision(4) << 1e3 * median << " ms, spread " << std::setprecision(1)
       << 100 * (samples.back() - samples.front()) / median << " %, " << std::setprecision(0)
       << 1e-9 * upconv::bench::bytes_moved(problem) / median << " GB/s, " << std::setprecision(1)
       << 1e-12 * problem.flops() / median << " TFLOP/s, " << std::setprecision(0)
       << 100 * ceilings.seconds(problem) / median << " % of the roof";
  return text.str();
}

/// What every benchmark shares.
struct Bench {
  upconv::ExecutionContext ctx{{.device = upconv::Device::cuda(0)}};
  GpuCeilings ceilings{ctx};
  bool bias = false;
  bool failed = false;
};

void run(benchmark::State& state, const ConvRow& row, const ConvProblem& problem, Bench& bench) {
  try {
    Operands operands(problem, bench.bias, bench.ctx);
    operands.check(row, problem, bench.ctx);
    std::vector<double> samples = measure(state, row, problem, operands, bench.ctx);
    state.SetLabel(summary(problem, std::move(samples), bench.ceilings));
  } catch (const upconv::Error& error) {
    bench.failed = true;
    state.SkipWithError(error.what());
  }
}

/// Registers the problem's rows; the one that runs comes first.
void add_benchmarks(const ConvProblem& problem, bool all_rows, Bench& bench) {
  for (const ConvRow& row : upconv::kernels::convolution_rows(upconv::Device::Type::cuda)) {
    if (!row.supports(problem, bench.ctx.caps()).supported) continue;
    const std::string name = std::string(row.name) + "/" + problem.to_string();
    benchmark::RegisterBenchmark(
        name.c_str(), [&row, problem, &bench](benchmark::State& state) { run(state, row, problem, bench); })
        ->UseManualTime()
        ->Iterations(kRounds)
        ->Unit(benchmark::kMillisecond);
    if (!all_rows) return;
  }
}

void print_ceilings(const Bench& bench) {
  std::cout << bench.ctx.caps().name << ": copy " << std::fixed << std::setprecision(2)
            << 1e-12 * bench.ceilings.bytes_per_second()
            << " TB/s; matrix products, TFLOP/s:" << std::setprecision(0);
  for (const char* mode : {"f32", "tf32", "f16", "bf16"})
    std::cout << ' ' << mode << ' ' << 1e-12 * bench.ceilings.flops_per_second(mode);
  std::cout << "\nThese are the roof. Time is the mean; the median stands at the end.\n" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  try {
    const Options options = read_options(argc, argv);
    Bench bench;
    bench.bias = options.bias;
    print_ceilings(bench);
    for (const ConvProblem& problem : options.problems)
      add_benchmarks(problem, options.all_rows, bench);
    benchmark::RunSpecifiedBenchmarks();
    return bench.failed ? 1 : 0;
  } catch (const upconv::Error& error) {
    std::cerr << "bench_gpu: " << error.what() << '\n';
    return 2;
  }
}
