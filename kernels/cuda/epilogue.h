#pragma once

#include <upconv/kernels/cuda/device/epilogue.cuh>
#include <upconv/kernels/epilogue.h>

/// The host's epilogue as the device's. For .cu files.
namespace upconv::kernels::cuda {

inline device::DeviceActivation device_activation(const Activation& activation) {
  device::DeviceActivation result{.kind = activation.kind, .a = activation.a, .b = activation.b};
  if (activation.kind == ActivationKind::prelu) {
    result.kind = ActivationKind::leaky_relu;
    result.slopes = activation.slopes.raw();
    result.slopes_step = activation.slopes.numel() == 1 ? 0 : 1;
  }
  return result;
}

inline device::DeviceEpilogue device_epilogue(const Epilogue& epilogue) {
  const auto raw = [](const ConstTensorView& view) { return view.defined() ? view.raw() : nullptr; };
  const EpilogueForm form = EpilogueForm::of(epilogue);
  return {.bias = raw(epilogue.bias),
          .scale = static_cast<const float*>(raw(epilogue.scale)),
          .shift = static_cast<const float*>(raw(epilogue.shift)),
          .first = device_activation(epilogue.first),
          .second = device_activation(epilogue.second),
          .factor = epilogue.factor,
          .offset = epilogue.offset,
          .residual = raw(epilogue.residual),
          .residual_factor = epilogue.residual_factor,
          .scaled = form.scaled,
          .tail = form.has_tail(),
          .by_channel = goes_by_channel(epilogue)};
}

}  // namespace upconv::kernels::cuda
