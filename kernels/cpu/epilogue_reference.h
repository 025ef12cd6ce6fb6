#pragma once

#include <cstdint>

#include <upconv/kernels/activation_formula.h>
#include <upconv/kernels/epilogue.h>

/// Epilogues by the definition, in double, for the reference rows. Never optimised. Internal: not installed.
namespace upconv::kernels::cpu {

/// `activation` of x in channel c of tensors of T.
template <class T>
double activate_reference(const Activation& activation, double x, std::int64_t c) {
  auto a = static_cast<double>(activation.a);
  if (activation.kind == ActivationKind::prelu)
    a = static_cast<double>(activation.slopes.data<T>()[activation.slopes.numel() == 1 ? 0 : c]);
  return activation_formula(activation.kind, x, a, static_cast<double>(activation.b));
}

/// What becomes of x, which is element `i` of y in channel c, in tensors of T.
template <class T>
T finish_reference(const Epilogue& epilogue, double x, std::int64_t c, std::int64_t i) {
  if (epilogue.bias.defined()) x += static_cast<double>(epilogue.bias.data<T>()[c]);
  if (epilogue.scale.defined()) {
    x = x * static_cast<double>(epilogue.scale.data<float>()[c]) +
        static_cast<double>(epilogue.shift.data<float>()[c]);
  }
  x = activate_reference<T>(epilogue.first, x, c);
  x = static_cast<double>(epilogue.factor) * x + static_cast<double>(epilogue.offset);
  if (epilogue.residual.defined()) {
    x += static_cast<double>(epilogue.residual_factor) * static_cast<double>(epilogue.residual.data<T>()[i]);
  }
  return static_cast<T>(static_cast<float>(activate_reference<T>(epilogue.second, x, c)));
}

}  // namespace upconv::kernels::cpu
