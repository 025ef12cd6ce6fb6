#include "epilogues.h"

namespace upconv::test {

using kernels::ActivationKind;

std::vector<kernels::EpilogueForm> exact_forms() {
  constexpr ActivationKind kExact[] = {ActivationKind::none, ActivationKind::relu, ActivationKind::leaky_relu,
                                       ActivationKind::prelu};
  std::vector<kernels::EpilogueForm> forms;
  for (const bool affine : {false, true}) {
    for (const bool scaled : {false, true}) {
      for (const bool residual : {false, true}) {
        for (const ActivationKind first : kExact) {
          for (const ActivationKind second : kExact)
            forms.push_back({affine, first, scaled, residual, second});
        }
      }
    }
  }
  return forms;
}

EpilogueCase::EpilogueCase(const kernels::EpilogueForm& form, std::int64_t channels, const Shape& y,
                           DType dtype, Values values, std::mt19937& random) {
  const auto exact = [&](const Shape& shape, DType type) {
    return random_tensor(shape, type, Values::exact, random);
  };
  const auto slopes_of = [&](ActivationKind kind) {
    if (kind != ActivationKind::prelu) return Tensor();
    Tensor drawn = exact({random() % 2 == 0 ? 1 : channels}, DType::f32);
    for (float& value : drawn.data<float>())
      value = value < 0.0f ? 0.25f : 0.5f;
    return drawn.to(dtype);
  };
  bias = exact({channels}, dtype);
  if (form.affine) {
    scale = exact({channels}, DType::f32);
    for (float& value : scale.data<float>())
      value = value < 0.0f ? -0.5f : 2.0f;
    shift = exact({channels}, DType::f32);
  }
  slopes = slopes_of(form.first);
  second_slopes = slopes_of(form.second);
  if (form.residual) residual = random_tensor(y, dtype, values, random);
  numbers.first = {.kind = form.first, .a = 0.125f};
  numbers.second = {.kind = form.second, .a = 0.25f};
  if (form.scaled) {
    numbers.factor = -0.5f;
    numbers.offset = 0.75f;
  }
  if (form.residual) numbers.residual_factor = random() % 2 == 0 ? 1.0f : -2.0f;
}

kernels::Epilogue EpilogueCase::epilogue() const {
  return epilogue([](const Tensor& tensor) { return ConstTensorView(tensor); });
}

}  // namespace upconv::test
