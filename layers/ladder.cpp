#include <upconv/framework/message.h>
#include <upconv/layers/arithmetic_operation.h>
#include <upconv/layers/ladder.h>
#include <upconv/layers/pointwise_operation.h>

namespace upconv {

namespace {

constexpr kernels::ActivationKind kNone = kernels::ActivationKind::none;

}  // namespace

std::optional<std::string> Ladder::place(kernels::ActivationKind kind, Rung& rung) {
  if (form_.first == kNone && !form_.has_tail()) {
    form_.first = kind;
    rung = Rung::first;
  } else if (form_.second == kNone) {
    form_.second = kind;
    rung = Rung::second;
  } else {
    return "there are two activations before it";
  }
  return {};
}

std::optional<std::string> Ladder::add(const PointwiseLayer& layer) {
  const kernels::EpilogueForm rungs = layer.form();
  Rung rung = Rung::affine;
  if (rungs.affine) {
    if (form_ != kernels::EpilogueForm{}) return "a normalisation must come first in an epilogue";
    form_.affine = true;
  } else if (auto why = place(rungs.first, rung)) {
    return why;
  }
  layers_.push_back({rung, &layer});
  return {};
}

std::optional<std::string> Ladder::add(const kernels::Activation& activation) {
  Rung rung{};
  if (auto why = place(activation.kind, rung)) return why;
  (rung == Rung::first ? numbers_.first : numbers_.second) = activation;
  return {};
}

std::optional<std::string> Ladder::add(float factor, float offset) {
  if (form_.residual || form_.second != kNone)
    return "factors must come before a residual and its activation";
  // x*a + b in one multiply-add; other pairs would round otherwise than one step after the other.
  if (form_.scaled && (numbers_.offset != 0.0f || factor != 1.0f))
    return "a product and a sum with numbers are there already";
  if (!form_.scaled) numbers_.factor = factor;
  numbers_.offset = offset;
  form_.scaled = numbers_.factor != 1.0f || numbers_.offset != 0.0f;
  return {};
}

std::optional<std::string> Ladder::add_residual(float factor) {
  if (form_.residual) return "an epilogue adds one tensor";
  if (form_.second != kNone) return "a tensor must be added before the second activation";
  form_.residual = true;
  numbers_.residual_factor = factor;
  return {};
}

std::optional<std::string> Ladder::add(const Ladder& next) {
  Ladder sum = *this;
  const auto activation = [&](Rung rung, const kernels::Activation& number) -> std::optional<std::string> {
    for (const Part& part : next.layers_) {
      if (part.rung == rung) return sum.add(*part.layer);
    }
    if (number.kind == kNone) return {};
    return sum.add(number);
  };
  if (next.form_.affine) {
    if (auto why = activation(Rung::affine, {})) return why;
  }
  if (auto why = activation(Rung::first, next.numbers_.first)) return why;
  if (next.form_.scaled) {
    if (auto why = sum.add(next.numbers_.factor, next.numbers_.offset)) return why;
  }
  if (next.form_.residual) {
    if (auto why = sum.add_residual(next.numbers_.residual_factor)) return why;
  }
  if (auto why = activation(Rung::second, next.numbers_.second)) return why;
  *this = std::move(sum);
  return {};
}

std::optional<std::string> Ladder::add(const Operation& next, std::size_t operand, const Shape& shape,
                                       const TensorSpec* other) {
  if (const PointwiseOperation* pointwise = PointwiseOperation::from(next)) {
    if (operand != 0) return "it is what its reader adds";
    return add(pointwise->ladder());
  }
  const BinaryOperation* binary = BinaryOperation::from(next);
  if (binary == nullptr) return "";
  const auto sign = binary->sum_signs();
  if (!sign || other == nullptr || other->shape != shape) return "";
  Ladder sum = *this;
  const auto& [own, added] = operand == 0 ? *sign : std::pair(sign->second, sign->first);
  if (own != 1.0f) {
    if (auto why = sum.add(own, 0.0f)) return why;
  }
  if (auto why = sum.add_residual(added)) return why;
  *this = std::move(sum);
  return {};
}

bool Ladder::goes_by_channel() const {
  for (const Part& part : layers_) {
    if (part.layer->goes_by_channel()) return true;
  }
  return false;
}

void Ladder::check_prepared(const ExecutionContext& ctx) const {
  for (const Part& part : layers_)
    part.layer->check_prepared(ctx);
}

kernels::Epilogue Ladder::epilogue(ConstTensorView residual, const ExecutionContext& ctx) const {
  kernels::Epilogue epilogue = numbers_;
  epilogue.residual = residual;
  for (const Part& part : layers_) {
    const kernels::Epilogue rung = part.layer->epilogue(ctx);
    switch (part.rung) {
      case Rung::affine:
        epilogue.scale = rung.scale;
        epilogue.shift = rung.shift;
        break;
      case Rung::first:
        epilogue.first = rung.first;
        break;
      case Rung::second:
        epilogue.second = rung.first;
        break;
      case Rung::scaled:
      case Rung::residual:
        break;  // never a layer's
    }
  }
  return epilogue;
}

}  // namespace upconv
