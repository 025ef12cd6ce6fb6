#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/kernels/operands.h>

namespace upconv::kernels {

namespace {

void check_place(ModuleName layer, std::string_view what, ConstTensorView view, DType dtype, Device device) {
  if (view.dtype() != dtype)
    throw DTypeError(message(layer, ": ", what, " expected ", dtype, ", got ", view.spec()));
  if (view.device() != device)
    throw DeviceError(message(layer, ": ", what, " expected on ", device, ", got ", view.spec()));
}

void check_defined(ModuleName layer, std::string_view what, ConstTensorView view) {
  if (!view.defined()) throw ArgumentError(message(layer, ": ", what, " is not a tensor (undefined)"));
}

}  // namespace

void check_operand(ModuleName layer, std::string_view what, ConstTensorView view, const TensorSpec& wanted) {
  check_defined(layer, what, view);
  if (view.shape() != wanted.shape)
    throw ShapeError(message(layer, ": ", what, " expected ", wanted.shape, ", got ", view.shape()));
  check_place(layer, what, view, wanted.dtype, wanted.device);
}

void check_operand(ModuleName layer, std::string_view what, ConstTensorView view, std::int64_t wanted,
                   DType dtype, Device device) {
  check_defined(layer, what, view);
  if (view.numel() != wanted)
    throw ShapeError(message(layer, ": ", what, " expected ", wanted, " elements, got ", view.shape()));
  check_place(layer, what, view, dtype, device);
}

void check_overlap(ModuleName layer, ConstTensorView x, ConstTensorView y, bool in_place) {
  if (overlap(x, y) && !(in_place && x.raw() == y.raw() && x.spec().bytes() == y.spec().bytes())) {
    throw ArgumentError(
        message(layer, ": input and output overlap in memory: give the output its own tensor"));
  }
}

}  // namespace upconv::kernels
