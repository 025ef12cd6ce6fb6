// A transposed convolution behind a C interface, for bench/upconv_conv.py: the layer runs in another
// program's process, on its stream and on its tensors. Functions return null or a non-zero number where they
// fail, and upconv_conv_error then says why.

#include <memory>
#include <string>

#include "problems.h"

#include <upconv/framework/cuda_interop.h>
#include <upconv/layers/conv_transpose2d.h>

namespace {

using upconv::ConvTranspose2d;
using upconv::Device;
using upconv::ExecutionContext;
using upconv::kernels::ConvProblem;

struct Layer {
  Layer(const ConvProblem& problem_, bool bias, upconv::ExecutionContextOptions options)
      : problem(problem_),
        ctx(std::move(options)),
        module({.in_channels = problem.ci,
                .out_channels = problem.co,
                .kernel_size = {problem.kh, problem.kw},
                .stride = {problem.stride_h, problem.stride_w},
                .padding = {problem.pad_h, problem.pad_w},
                .output_padding = {problem.output_pad_h, problem.output_pad_w},
                .groups = problem.groups,
                .bias = bias,
                .dilation = {problem.dilation_h, problem.dilation_w}}) {}

  ConvProblem problem;
  ExecutionContext ctx;
  ConvTranspose2d module;
  std::string kernel;
};

thread_local std::string last_error;

/// What `work` returns, or `failed` with the error kept.
template <class Result, class Work>
Result guarded(Result failed, const Work& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    last_error = error.what();
    return failed;
  }
}

std::unique_ptr<Layer> make_layer(const char* text, void* stream, const float* weight, const float* bias,
                                  const char* kernel) {
  const ConvProblem problem = ConvProblem::parse(text);
  if (!problem.transposed)
    throw upconv::ArgumentError("only transposed convolutions, got " + std::string(text));
  upconv::ExecutionContextOptions options{.precision = problem.precision};
  if (*kernel != '\0') options.kernels["conv_transpose2d"] = kernel;
  auto layer =
      std::make_unique<Layer>(problem, bias != nullptr,
                              upconv::cuda::on_stream(static_cast<cudaStream_t>(stream), std::move(options)));

  const upconv::Shape shape = problem.weight_shape();
  upconv::StateDict weights;
  weights.insert("weight",
                 upconv::Tensor::from(std::span(weight, static_cast<std::size_t>(shape.numel())), shape));
  if (bias != nullptr) {
    weights.insert("bias",
                   upconv::Tensor::from(std::span(bias, static_cast<std::size_t>(problem.co)), {problem.co}));
  }
  layer->module.to(problem.dtype);
  layer->module.load(weights);
  layer->module.prepare(layer->ctx);
  layer->kernel = upconv::kernels::select(problem.op(), upconv::kernels::convolution_rows(Device::Type::cuda),
                                          problem, layer->ctx.caps(), kernel)
                      .name;
  return layer;
}

}  // namespace

// The module's whole interface; everything else in it stays hidden.
#pragma GCC visibility push(default)
extern "C" {

/// Why this thread's last call failed.
const char* upconv_conv_error() {
  return last_error.c_str();
}

/// The problems of a set of problems.h, a line each: problem string without type, tab, name.
const char* upconv_conv_problems(const char* set) {
  static thread_local std::string lines;
  return guarded<const char*>(nullptr, [&] {
    lines.clear();
    for (const auto& [name, problem] : upconv::bench::problems(set))
      lines.append(problem).append("\t").append(name).append("\n");
    return lines.c_str();
  });
}

/// The layer of a problem string, whose type and precision it computes in, prepared on the device of
/// `stream`, a cudaStream_t. `weight` and `bias` are f32 in host memory; bias may be null. `kernel` is a row
/// to force, or "".
void* upconv_conv_create(const char* problem, void* stream, const float* weight, const float* bias,
                         const char* kernel) {
  return guarded<void*>(nullptr, [&] { return make_layer(problem, stream, weight, bias, kernel).release(); });
}

/// The row of the kernel table that runs.
const char* upconv_conv_kernel(const void* layer) {
  return static_cast<const Layer*>(layer)->kernel.c_str();
}

/// Queues one run on the stream; x and y are GPU memory. Returns 0 on success.
int upconv_conv_run(void* handle, void* x, void* y) {
  return guarded(1, [&] {
    auto& layer = *static_cast<Layer*>(handle);
    layer.module.forward_into(upconv::cuda::wrap(x, layer.problem.x_shape(), layer.problem.dtype),
                              upconv::cuda::wrap(y, layer.problem.y_shape(), layer.problem.dtype), layer.ctx);
    return 0;
  });
}

void upconv_conv_destroy(void* layer) {
  delete static_cast<Layer*>(layer);
}

}  // extern "C"
#pragma GCC visibility pop
