// The CPU kernels on the flagship layer and on layers that networks are made of (docs/results.md).
//
//   bench_cpu [--benchmark_filter=<regex>] [problem string]...
//
// Every row that fits a problem, but the reference, is checked on sampled outputs and then timed, on inputs
// that rotate so that they do not stay in the caches. Threads: OMP_NUM_THREADS, or every core.

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <upconv/kernels/convolution.h>

namespace {

using upconv::Tensor;
using upconv::kernels::ConvOperands;
using upconv::kernels::ConvProblem;
using upconv::kernels::ConvRow;

// The flagship with batch 1, then layers of DCGAN, U-Net, pix2pix, CycleGAN, FSRCNN, FCN, DBNet and others.
const std::vector<std::string> kLayers = {
    "n1ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
    "n64ci100ih1iw1co512kh4kw4_s1x1_p0x0_op0x0_d1x1_g1_f32",
    "n64ci512ih4iw4co256kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",
    "n64ci128ih16iw16co64kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",
    "n64ci64ih32iw32co3kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",
    "n1ci1024ih32iw32co512kh2kw2_s2x2_p0x0_op0x0_d1x1_g1_f32",
    "n1ci128ih256iw256co64kh2kw2_s2x2_p0x0_op0x0_d1x1_g1_f32",
    "n1ci512ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",
    "n1ci256ih64iw64co128kh3kw3_s2x2_p1x1_op1x1_d1x1_g1_f32",
    "n1ci128ih128iw128co64kh3kw3_s2x2_p1x1_op1x1_d1x1_g1_f32",
    "n1ci56ih240iw320co1kh9kw9_s3x3_p4x4_op2x2_d1x1_g1_f32",
    "n1ci56ih270iw480co1kh9kw9_s4x4_p4x4_op3x3_d1x1_g1_f32",
    "n1ci21ih64iw64co21kh16kw16_s8x8_p4x4_op0x0_d1x1_g21_f32",
    "n1ci64ih184iw320co64kh2kw2_s2x2_p0x0_op0x0_d1x1_g1_f32",
    "n8ci128ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g128_f32",
    "n8ci256ih1iw512co128kh1kw8_s1x4_p0x2_op0x0_d1x1_g1_f32",
    "n1ci64ih256iw512co64kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
    "n1ci64ih128iw128co64kh3kw3_s1x1_p2x2_op0x0_d2x2_g1_f32",
    "n1ci256ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",
    "n8ci128ih64iw64co128kh3kw3_s2x2_p1x1_op1x1_d1x1_g4_f32",
    "n1ci64ih256iw256co64kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32",
};

Tensor random_tensor(const upconv::Shape& shape, upconv::DType dtype, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  Tensor tensor = Tensor::empty(shape);
  for (float& value : tensor.data<float>())
    value = uniform(random);
  return dtype == upconv::DType::f32 ? std::move(tensor) : tensor.to(dtype);
}

float at(const Tensor& tensor, std::int64_t index) {
  return upconv::visit_dtype(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
    return static_cast<float>(tensor.data<T>()[static_cast<std::size_t>(index)]);
  });
}

/// One output of a convolution padded with zeros, by the definition, in double.
double output(const ConvProblem& p, const Tensor& x, const Tensor& w, std::int64_t n, std::int64_t co,
              std::int64_t oh, std::int64_t ow) {
  const std::int64_t group = co / p.co_per_group();
  double sum = 0;
  for (std::int64_t c = 0; c < p.ci_per_group(); ++c) {
    const std::int64_t ci = group * p.ci_per_group() + c;
    for (std::int64_t kh = 0; kh < p.kh; ++kh) {
      for (std::int64_t kw = 0; kw < p.kw; ++kw) {
        std::int64_t ih = oh * p.stride_h - p.pad_h + kh * p.dilation_h;
        std::int64_t iw = ow * p.stride_w - p.pad_w + kw * p.dilation_w;
        if (p.transposed) {
          ih = oh + p.pad_h - kh * p.dilation_h;
          iw = ow + p.pad_w - kw * p.dilation_w;
          if (ih % p.stride_h != 0 || iw % p.stride_w != 0) continue;
          ih /= p.stride_h;
          iw /= p.stride_w;
        }
        if (ih < 0 || ih >= p.ih || iw < 0 || iw >= p.iw) continue;
        const std::int64_t plane =
            p.transposed ? ci * p.co_per_group() + co % p.co_per_group() : co * p.ci_per_group() + c;
        sum += static_cast<double>(at(x, ((n * p.ci + ci) * p.ih + ih) * p.iw + iw)) *
               static_cast<double>(at(w, (plane * p.kh + kh) * p.kw + kw));
      }
    }
  }
  return sum;
}

bool is_right(const ConvProblem& p, const Tensor& x, const Tensor& w, const Tensor& y) {
  std::mt19937 random(1);
  const auto pick = [&](std::int64_t size) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(size));
  };
  const double tolerance = p.dtype == upconv::DType::f32 ? 1e-4 : 5e-2;
  for (int sample = 0; sample < 64; ++sample) {
    const std::int64_t n = pick(p.n), co = pick(p.co), oh = pick(p.oh()), ow = pick(p.ow());
    const double expected = output(p, x, w, n, co, oh, ow);
    const auto actual = static_cast<double>(at(y, ((n * p.co + co) * p.oh() + oh) * p.ow() + ow));
    if (!(std::abs(actual - expected) <= tolerance * (1 + std::abs(expected)))) return false;
  }
  return true;
}

void run(benchmark::State& state, const ConvRow& row, const ConvProblem& p) {
  const char* threads = std::getenv("OMP_NUM_THREADS");
  upconv::ExecutionContext ctx({.num_threads = threads ? std::atoi(threads) : 0});
  constexpr std::size_t kCaches = 64 << 20;  // bytes
  const Tensor weight = random_tensor(p.weight_shape(), p.dtype, 2);
  const Tensor packed = upconv::kernels::pack_weight(p, weight, ctx.device());
  std::vector<Tensor> xs, ys;
  for (std::size_t bytes = 0; bytes <= kCaches;
       bytes += xs.back().spec().bytes() + ys.back().spec().bytes()) {
    xs.push_back(xs.empty() ? random_tensor(p.x_shape(), p.dtype, 1) : xs.front().clone());
    ys.push_back(Tensor::zeros(p.y_shape(), p.dtype));
  }
  const auto operands = [&](std::size_t i) {
    return ConvOperands{
        .x = xs[i], .weight = weight, .packed_weight = packed, .bias = {}, .activation = {}, .y = ys[i]};
  };
  row.launch(p, operands(0), ctx);
  if (!is_right(p, xs[0], weight, ys[0])) {
    state.SkipWithError("wrong results");
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
  if (layers.empty()) layers = kLayers;
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
