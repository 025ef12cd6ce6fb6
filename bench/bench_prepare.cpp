// From a file of weights to a network that can run: what loading and preparing cost (docs/results.md).
//
//   bench_prepare [--benchmark_filter=<regex>]
//
// load: load_hdf5 of 56 convolutions of 512 channels, 112 tensors, 529 MB, from a file that this program has
// just written into the folder for temporary files: it lies in the page cache. "peak" is the most memory of
// the process from the start of a load to the end of the prepare after it, beyond what it had before the
// network was made, in sizes of the file. prepare: the same network on the CPU; and one of 100 MB of weights
// on the CPU and, where there is one, on a GPU, in every precision. pack: what rows of the CUDA table make,
// on the CPU, of weights of 1024 channels for a Hopper GPU, which need not be there. Threads:
// OMP_NUM_THREADS, or every core.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "sampled_check.h"
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <upconv/upconv.h>

namespace {

namespace fs = std::filesystem;
using upconv::Device;
using upconv::DType;
using upconv::Precision;
using upconv::Sequential;
using upconv::kernels::ConvProblem;
using upconv::kernels::ConvRow;

/// Convolutions of 3x3 in layers of one width.
struct Size {
  std::int64_t channels;
  int layers;
};
constexpr Size kLarge{512, 56};         // 529 MB in f32
constexpr Size kSmall{512, 11};         // 104 MB
constexpr Size kChannels1024{1024, 3};  // 113 MB

Sequential network(Size size) {
  Sequential net;
  for (int i = 0; i < size.layers; ++i) {
    net.append(upconv::Conv2d(
        {.in_channels = size.channels, .out_channels = size.channels, .kernel_size = 3, .padding = 1}));
  }
  return net;
}

double megabytes(const Sequential& net, DType dtype) {
  return static_cast<double>(net.parameter_count()) * static_cast<double>(size_of(dtype)) / 1e6;
}

/// A field of /proc/self/status in bytes: "VmRSS" is the memory that this process has now, "VmHWM" the most
/// that it had.
double memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ':')) return 1024.0 * std::atof(line.c_str() + field.size() + 1);
  }
  return 0.0;
}

void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

/// The file of the large network, gone with this object.
class WeightFile {
 public:
  WeightFile() : path_(fs::temp_directory_path() / ("bench_prepare." + std::to_string(::getpid()) + ".h5")) {
    Sequential net = network(kLarge);
    net.initialize(1);
    upconv::write_hdf5(path_, net.state_dict());
  }
  ~WeightFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  WeightFile(const WeightFile&) = delete;
  WeightFile& operator=(const WeightFile&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

const fs::path& weight_file() {
  static const WeightFile file;
  return file.path();
}

int threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  return text == nullptr ? 0 : std::atoi(text);
}

void load(benchmark::State& state) {
  upconv::ExecutionContext ctx({.num_threads = threads()});
  const auto file_bytes = static_cast<double>(fs::file_size(weight_file()));
  double peak = 0.0;
  for (auto _ : state) {
    state.PauseTiming();
    forget_peak();
    const double before = memory("VmRSS");
    Sequential net = network(kLarge);
    state.ResumeTiming();
    load_hdf5(net, weight_file());
    state.PauseTiming();
    net.prepare(ctx);
    peak = std::max(peak, memory("VmHWM") - before);
    state.ResumeTiming();
  }
  state.counters["peak"] = peak / file_bytes;
  state.counters["B/s"] = benchmark::Counter(file_bytes, benchmark::Counter::kIsIterationInvariantRate,
                                             benchmark::Counter::kIs1000);
}

void prepare(benchmark::State& state, Size size, DType dtype, upconv::ExecutionContextOptions options) {
  upconv::ExecutionContext ctx(std::move(options));
  Sequential net = network(size);
  net.initialize(1);
  net.to(dtype);
  for (auto _ : state) {
    net.prepare(ctx);
    ctx.synchronize();
    state.PauseTiming();
    net.to(dtype);  // un-prepares
    state.ResumeTiming();
  }
  state.counters["MB"] = megabytes(net, dtype);
}

void add_prepare(const std::string& name, Size size, DType dtype,
                 const upconv::ExecutionContextOptions& options) {
  benchmark::RegisterBenchmark(("prepare/" + name).c_str(),
                               [=](benchmark::State& state) { prepare(state, size, dtype, options); })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond)
      ->Iterations(1);
}

/// Packs one weight for a row, and looks first which of its layouts suits it.
void pack(benchmark::State& state, const ConvRow& row, const ConvProblem& layer,
          const upconv::DeviceCaps& caps) {
  const int count = upconv::ExecutionContext({.num_threads = threads()}).num_threads();
  const upconv::Tensor weight = upconv::bench::random_normal(layer.weight_shape(), layer.dtype, 2);
  std::vector<std::byte> packed;
  for (auto _ : state) {
    const int layout = row.choose_layout == nullptr ? 0 : row.choose_layout(layer, weight, count);
    packed.resize(row.packed_bytes(layer, caps, layout));
    row.pack(layer, layout, weight, packed.data(), count);
  }
  state.counters["size"] = static_cast<double>(packed.size()) / static_cast<double>(weight.spec().bytes());
}

void add_packs() {
  const upconv::DeviceCaps hopper{.type = Device::Type::cuda,
                                  .name = "a Hopper",
                                  .compute_capability = 90,
                                  .multiprocessors = 132,
                                  .shared_memory_per_block = 227 << 10};
  // direct_wgmma takes no more input channels than its blocks can keep the weights of.
  for (const char* channels : {"1024", "64"}) {
    for (const ConvRow& row : upconv::kernels::convolution_rows(Device::Type::cuda)) {
      for (const char* type : {"f32", "tf32", "f16", "bf16"}) {
        const auto layer = ConvProblem::parse(std::string("n1ci") + channels +
                                              "ih8iw8co1024kh3kw3_s1x1_p1x1_zeros_d1x1_g1_" + type);
        if (row.packed_bytes == nullptr || row.packed_bytes(layer, hopper, 0) == 0) continue;
        const std::string name = "pack/" + std::string(row.name) + '/' + channels + "_to_1024";
        benchmark::RegisterBenchmark(
            name.c_str(), [layer, hopper, &row](benchmark::State& state) { pack(state, row, layer, hopper); })
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  try {
    benchmark::RegisterBenchmark("load/529MB", load)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(1);
    add_packs();
    const upconv::ExecutionContextOptions cpu{.num_threads = threads()};
    add_prepare("cpu/529MB", kLarge, DType::f32, cpu);
    add_prepare("cpu/104MB", kSmall, DType::f32, cpu);
    if (upconv::cuda_device_count() > 0) {
      for (const auto& [name, size] :
           {std::pair("512_channels", kSmall), std::pair("1024_channels", kChannels1024)}) {
        const std::string gpu = std::string("cuda/") + name + '/';
        add_prepare(gpu + "fp32", size, DType::f32, {.device = Device::cuda(0)});
        add_prepare(gpu + "tf32", size, DType::f32,
                    {.device = Device::cuda(0), .precision = Precision::tf32});
        add_prepare(gpu + "f16", size, DType::f16, {.device = Device::cuda(0)});
      }
    }
    benchmark::RunSpecifiedBenchmarks();
  } catch (const upconv::Error& error) {
    std::cerr << "bench_prepare: " << error.what() << '\n';
    return 2;
  }
  return 0;
}
