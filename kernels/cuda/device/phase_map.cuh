#pragma once

/// Every convolution as an ordinary one. A transposed convolution with stride s is s ordinary ones along each
/// axis, one for each residue ("phase") of the output index modulo s: output r + i*s takes the taps k with
/// r + pad - k*dilation divisible by s, and tap k then reads input i + (r + pad - k*dilation) / s. Those taps
/// are an arithmetic progression, and so are the inputs they read. An ordinary convolution is the case with
/// one phase and an input stride.
namespace upconv::kernels::cuda::device {

/// One phase along one axis: output first_output + i*output_step, for i < count, is the sum over t < taps of
/// weight[first_tap + t*tap_step] * input[i*input_step + first_input + t*input_per_tap].
template <class Index>
struct PhaseAxis {
  Index count, first_output, output_step;
  Index input_step, first_input, input_per_tap;
  Index taps, first_tap, tap_step;
};

template <class Index>
__device__ PhaseAxis<Index> ordinary_axis(Index out, Index kernel, Index stride, Index pad, Index dilation) {
  return {out, 0, 1, stride, -pad, dilation, kernel, 0, 1};
}

template <class Index>
__device__ PhaseAxis<Index> transposed_axis(Index phase, Index out, Index kernel, Index stride, Index pad,
                                            Index dilation) {
  Index divisor = stride;
  for (Index rest = dilation % stride; rest != 0;) {
    const Index next = divisor % rest;
    divisor = rest;
    rest = next;
  }
  const Index tap_step = stride / divisor;
  Index first = 0;
  while (first < kernel && first < tap_step && (phase + pad - first * dilation) % stride != 0)
    ++first;
  const bool none = first >= kernel || first >= tap_step;  // a phase that no tap reaches
  return {(out - phase + stride - 1) / stride,
          phase,
          stride,
          1,
          (phase + pad - first * dilation) / stride,
          -(dilation / divisor),
          none ? 0 : (kernel - 1 - first) / tap_step + 1,
          first,
          tap_step};
}

}  // namespace upconv::kernels::cuda::device
