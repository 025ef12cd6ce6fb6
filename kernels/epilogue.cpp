#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/kernels/epilogue.h>
#include <upconv/kernels/operands.h>

namespace upconv::kernels {

namespace {

void check_activation(ModuleName layer, const Activation& activation, std::int64_t channels,
                      const TensorSpec& y) {
  if (name_of(activation.kind) == "invalid") {
    throw ArgumentError(message(layer, ": ActivationKind(", static_cast<int>(activation.kind),
                                ") is no activation: use one of the enumerators"));
  }
  if (activation.kind != ActivationKind::prelu) return;
  const ConstTensorView& slopes = activation.slopes;
  if (!slopes.defined()) {
    throw ArgumentError(message(layer, ": prelu has no slopes: set Activation::slopes to [1] or [", channels,
                                "] of ", y.dtype, " on ", y.device));
  }
  if (slopes.shape() != Shape{1} && slopes.shape() != Shape{channels}) {
    throw ShapeError(message(layer, ": prelu's slopes expected [1], or [", channels, "] for ", channels,
                             " channels, got ", slopes.shape()));
  }
  check_operand(layer, "prelu's slopes", slopes, slopes.numel(), y.dtype, y.device);
}

}  // namespace

std::string_view name_of(ActivationKind kind) {
  for (const auto& [known, name] : kActivationNames) {
    if (known == kind) return name;
  }
  return "invalid";
}

EpilogueForm EpilogueForm::of(const Epilogue& epilogue) {
  return {.affine = epilogue.scale.defined(),
          .first = epilogue.first.kind,
          .scaled = epilogue.factor != 1.0f || epilogue.offset != 0.0f,
          .residual = epilogue.residual.defined(),
          .second = epilogue.second.kind};
}

std::string EpilogueForm::to_string() const {
  std::string text;
  const auto add = [&](bool there, std::string_view rung) {
    if (there) text += message('+', rung);
  };
  add(affine, "affine");
  // Without a rung between the two, "none" says that the activation behind it is the second.
  const bool alone = !scaled && !residual && second != ActivationKind::none;
  add(first != ActivationKind::none || alone, name_of(first));
  add(scaled, "scaled");
  add(residual, "residual");
  add(second != ActivationKind::none, name_of(second));
  return text;
}

EpilogueForm EpilogueForm::take(std::string_view& text) {
  const auto next = [&](std::string_view rung) {
    if (!text.starts_with('+')) return false;
    const std::string_view rest = text.substr(1);
    if (rest.substr(0, rest.find('+')) != rung) return false;
    text.remove_prefix(1 + rung.size());
    return true;
  };
  const auto activation = [&] {
    for (const auto& [kind, name] : kActivationNames) {
      if (next(name)) return kind;
    }
    return ActivationKind::none;
  };
  EpilogueForm form;
  form.affine = next("affine");
  form.first = activation();
  form.scaled = next("scaled");
  form.residual = next("residual");
  form.second = activation();
  return form;
}

bool goes_by_channel(const Epilogue& epilogue) {
  const auto slopes = [](const Activation& activation) {
    return activation.kind == ActivationKind::prelu && activation.slopes.numel() != 1;
  };
  return epilogue.bias.defined() || epilogue.scale.defined() || slopes(epilogue.first) ||
         slopes(epilogue.second);
}

void check_epilogue(ModuleName layer, const Epilogue& epilogue, std::int64_t channels, ConstTensorView y) {
  const TensorSpec& spec = y.spec();
  const TensorSpec factors{{channels}, DType::f32, spec.device};
  if (epilogue.bias.defined())
    check_operand(layer, "bias", epilogue.bias, {{channels}, spec.dtype, spec.device});
  if (epilogue.scale.defined() != epilogue.shift.defined())
    throw ArgumentError(message(layer, ": an epilogue has scale and shift, or neither"));
  if (epilogue.scale.defined()) {
    check_operand(layer, "scale", epilogue.scale, factors);
    check_operand(layer, "shift", epilogue.shift, factors);
  }
  check_activation(layer, epilogue.first, channels, spec);
  check_activation(layer, epilogue.second, channels, spec);
  if (!epilogue.residual.defined()) return;
  check_operand(layer, "residual", epilogue.residual, y.numel(), spec.dtype, spec.device);
}

}  // namespace upconv::kernels
