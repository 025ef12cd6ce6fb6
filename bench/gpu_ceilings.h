#pragma once

#include <map>
#include <string>

#include <upconv/kernels/convolution.h>

namespace upconv::bench {

/// What a convolution computes in: "f32", "tf32", "f16" or "bf16", as problem strings end.
std::string mode_of(const kernels::ConvProblem& problem);

/// Bytes a second, read and written, of a large copy within the GPU's memory.
double gpu_copy_rate(ExecutionContext& ctx);

/// What this GPU can do, measured: a large copy within its memory, counting bytes read and written, and
/// products of 8192 x 8192 matrices by Linear in every mode.
class GpuCeilings {
 public:
  explicit GpuCeilings(ExecutionContext& ctx);

  double bytes_per_second() const { return bytes_per_second_; }
  /// In fp32 the larger of Linear's rate and f16's over 4.5, since three f16 products and three at twice
  /// their rate make one of fp32.
  double flops_per_second(const std::string& mode) const { return flops_per_second_.at(mode); }
  /// No kernel computes the problem in less: its operations at the rate of its mode, or every operand moved
  /// once.
  double seconds(const kernels::ConvProblem& problem) const;

 private:
  double bytes_per_second_ = 0;
  std::map<std::string, double> flops_per_second_;
};

/// Input, weight, output and residual, each once.
double bytes_moved(const kernels::ConvProblem& problem);

}  // namespace upconv::bench
