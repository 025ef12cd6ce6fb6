// flagship: runs the layer that upconv is measured by, checks a sample of what it computes, and says how fast
// it was.

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/command_line.h"
#include "common/device.h"
#include "common/weights.h"
#include "flagship/check.h"
#include "flagship/layer.h"
#include "flagship/limits.h"
#include "flagship/random.h"
#include "flagship/timer.h"
#include <unistd.h>

#include <upconv/upconv.h>

namespace fs = std::filesystem;
using namespace flagship;  // this is the program; the parts are a library for its tests

namespace {

using upconv::DType;
using upconv::Tensor;

constexpr std::size_t kSample = 4096;  // outputs to check, beside the corners

struct Arguments : examples::CommonArguments {
  int batch = 0;
  int height = 512;
  int width = 1024;
  int repeats = 0;
  bool explain = false;
};

void add_options(CLI::App& app, Arguments& args) {
  app.add_option("--batch", args.batch, "images; default: 8, on the CPU 1")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  app.add_option("--height", args.height, "rows of an image")
      ->check(CLI::Range(1, 65536))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--width", args.width, "columns of an image")
      ->check(CLI::Range(1, 65536))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--repeats", args.repeats, "runs to time; default: 100, on the CPU 5")
      ->check(CLI::Range(1, 100000))
      ->type_name("N");
  app.add_flag("--explain", args.explain,
               "only print which kernel would run, and why the others would not; run nothing");
  examples::add_common_options(app, args, "flagship.h5", "0 done and right, 1 failed or wrong");
}

/// One line on a terminal that says what takes so long; it is gone when the results come.
class Status {
 public:
  Status() : is_terminal_(::isatty(STDERR_FILENO) != 0) {}
  ~Status() { say(""); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  void say(const char* what) const {
    if (is_terminal_) std::cerr << "\r\x1b[K" << what << std::flush;
  }

 private:
  bool is_terminal_;
};

std::string formatted(const char* format, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

/// "359 TFLOP/s" or "172.9 GFLOP/s"
std::string flop_rate(double rate) {
  return rate < 1e12 ? formatted("%.1f GFLOP/s", 1e-9 * rate) : formatted("%.3g TFLOP/s", 1e-12 * rate);
}

std::string byte_rate(double rate) {
  return formatted(rate < 1e11 ? "%.1f GB/s" : "%.0f GB/s", 1e-9 * rate);
}

std::string share(double value, double limit) {
  return formatted("%.0f %%", 100 * value / limit);
}

/// Inputs, and an output for each: enough that no run finds its own in a cache. Outputs start as NaN.
struct Buffers {
  Tensor first;  // the first input, on the CPU
  std::vector<Tensor> x, y;
};

Buffers make_buffers(const upconv::TensorSpec& x, const upconv::TensorSpec& y) {
  constexpr std::size_t kBeyondCaches = std::size_t{256} << 20;
  const std::size_t pairs =
      std::clamp<std::size_t>(kBeyondCaches / (x.bytes() + y.bytes()), 1, 63) + 1;  // at least two
  Buffers buffers;
  for (std::size_t i = 0; i < pairs; ++i) {
    Tensor host = random_normal(x.shape, static_cast<std::uint32_t>(100 + i)).to(x.dtype);
    buffers.x.push_back(host.to(x.device));
    buffers.y.push_back(Tensor::full(y.shape, std::numeric_limits<double>::quiet_NaN(), y.dtype, y.device));
    if (i == 0) buffers.first = std::move(host);
  }
  return buffers;
}

/// Times `repeats` runs, sorted, after a warm-up that touches every buffer.
std::vector<double> time_layer(const upconv::ConvTranspose2d& layer, Buffers& buffers, int repeats,
                               upconv::ExecutionContext& ctx) {
  const auto run = [&](int i) {
    const std::size_t at = static_cast<std::size_t>(i) % buffers.x.size();
    layer.forward_into(buffers.x[at], buffers.y[at], ctx);
  };
  for (int i = 0; i < std::max(static_cast<int>(buffers.x.size()), repeats / 5); ++i)
    run(i);
  ctx.synchronize();
  return time_runs(ctx, repeats, run);
}

void print_time(const std::vector<double>& seconds) {
  std::cout << "  time      " << formatted("%.3f", 1e3 * median(seconds)) << " ms, median of "
            << seconds.size() << (seconds.size() == 1 ? " run; " : " runs; ")
            << formatted("%.3f", 1e3 * seconds.front()) << " to " << formatted("%.3f", 1e3 * seconds.back())
            << '\n';
}

/// What was reached, beside what a matrix product and a copy reach here.
void print_rates(double seconds, const upconv::TensorSpec& x, const upconv::TensorSpec& y, DType dtype,
                 upconv::ExecutionContext& ctx, const Status& status) {
  const double flop = flops(x.shape) / seconds;
  std::cout << "  products  " << flop_rate(flop) << std::flush;
  if (!ctx.device().is_cpu()) {
    status.say("multiplying matrices");
    const double limit = matrix_rate(ctx, dtype);
    status.say("");
    std::cout << ", " << share(flop, limit) << " of what Linear " << kMatrixSize << 'x' << kMatrixSize << 'x'
              << kMatrixSize << " reaches here (" << flop_rate(limit) << ')';
  }
  const double bytes = static_cast<double>(x.bytes() + y.bytes()) / seconds;
  status.say("copying");
  const double limit = copy_rate(ctx);
  status.say("");
  std::cout << "\n  memory    " << byte_rate(bytes) << ", " << share(bytes, limit)
            << " of what a copy reaches here (" << byte_rate(limit) << ")\n";
}

void print_check(const Check& check) {
  std::cout << "  error     " << formatted("%.2e", check.error) << " relative, over " << check.outputs
            << " outputs; " << check.peer << ' ' << formatted("%.2e", check.peer_error) << "; allowed is "
            << formatted("%.2e", check.allowed) << '\n';
}

/// Returns whether the outputs are right.
bool run(const Arguments& args) {
  const examples::Numbers numbers = examples::parse_precision(args.precision);
  std::string kernel, problem;
  upconv::ExecutionContext ctx({.device = upconv::Device::parse(args.device),
                                .precision = numbers.precision,
                                .num_threads = args.threads,
                                .trace = [&](const upconv::TraceEvent& event) {
                                  if (event.layer.type != "ConvTranspose2d") return;
                                  kernel = event.kernel;
                                  problem = event.problem;
                                }});
  const bool on_cpu = ctx.device().is_cpu();
  const int batch = args.batch != 0 ? args.batch : on_cpu ? 1 : 8;
  const int repeats = args.repeats != 0 ? args.repeats : on_cpu ? 5 : 100;

  const fs::path weights = args.weights.empty() ? examples::find_weights("flagship.h5") : args.weights;
  upconv::ConvTranspose2d layer = make_layer();
  layer.to(numbers.dtype);
  upconv::load_hdf5(layer, weights, {.require_finite = true});
  layer.prepare(ctx);

  const upconv::TensorSpec x{{batch, kChannels, args.height, args.width}, numbers.dtype, ctx.device()};
  const upconv::TensorSpec y = layer.output_spec(x);
  if (args.explain) {
    std::cout << layer.explain(x, ctx);
    return true;
  }

  const Status status;
  status.say("making random inputs");
  Buffers buffers = make_buffers(x, y);
  status.say("timing");
  const std::vector<double> seconds = time_layer(layer, buffers, repeats, ctx);
  status.say("checking");
  const Tensor weight = layer.state_dict().at("weight").to(DType::f32);
  const Tensor output = buffers.y.front().to(upconv::Device::cpu()).to(DType::f32);
  const Check check = check_sample(buffers.first.to(DType::f32), weight, output, numbers, kSample);
  status.say("");

  std::cout << "flagship in " << args.precision << ": " << problem << '\n'
            << "  device    " << examples::describe_device(ctx) << '\n'
            << "  weights   " << weights.string() << '\n'
            << "  kernel    " << kernel << '\n';
  print_time(seconds);
  print_rates(median(seconds), x, y, numbers.dtype, ctx, status);
  print_check(check);
  std::cout << '\n' << layer.explain(x, ctx);
  if (!check.passed()) {
    std::cerr << "flagship: the output is wrong: " << check.wrong << " of " << check.outputs
              << " outputs are off by more than rounding, and the error is " << formatted("%.2e", check.error)
              << " where " << formatted("%.2e", check.allowed) << " is allowed\n";
  }
  return check.passed();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Runs the flagship layer, a transposed convolution of 32 to 32 channels with a 3x7 kernel, on random\n"
      "input; checks a sample of its outputs in double, and says how fast it was.",
      "flagship");
  Arguments args;
  add_options(app, args);
  if (const std::optional<int> code = examples::parse(app, argc, argv)) return *code;
  return examples::run("flagship", [&] { return run(args); });
}
