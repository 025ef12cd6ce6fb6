#include <upconv/kernels/cuda/direct_layer.h>

namespace upconv::kernels::cuda {

Verdict supports_direct_layer(const ConvProblem& p) {
  constexpr std::int64_t kFewestChannels = 4;  // below, most of what is multiplied is padding
  if (p.stride_h != 1 || p.stride_w != 1) return Verdict::no("only for stride 1");
  if (p.dilation_h != 1 || p.dilation_w != 1) return Verdict::no("only for dilation 1");
  if (p.padding_mode != PaddingMode::zeros) return Verdict::no("only for padding with zeros");
  if (p.pad_end_h != 0 || p.pad_end_w != 0) return Verdict::no("only for the same padding at both ends");
  if (p.kh > kLargestDirectKernel || p.kw > kLargestDirectKernel) {
    return Verdict::no("only for kernels of up to 7 rows and columns");
  }
  if (p.ci_per_group() < kFewestChannels || p.co_per_group() < kFewestChannels) {
    return Verdict::no("only from 4 channels of a group on either side");
  }
  if (!p.finite_weight) {
    return Verdict::no("some weights are infinite or NaN, and zeros of the padding are multiplied");
  }
  return Verdict::yes();
}

}  // namespace upconv::kernels::cuda
