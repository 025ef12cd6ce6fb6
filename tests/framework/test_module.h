#pragma once

#include <bit>
#include <memory>
#include <string>
#include <vector>

#include <upconv/framework/error.h>
#include <upconv/framework/module.h>

/// Modules that need no kernels, to test the framework alone.
namespace test_module {

/// y = x + bias[0]; `weight` is there to be loaded.
class Leaf : public upconv::Module {
 public:
  explicit Leaf(upconv::Shape weight = {2, 3}, bool counted = false) : Module("Leaf") {
    register_parameter("weight", weight);
    bias_ = register_parameter("bias", {2});
    if (counted) register_counter("num_batches_tracked");
  }
  upconv::TensorSpec output_spec(const upconv::TensorSpec& x) const override {
    check_dtype(x);
    return x;
  }
  upconv::ConstTensorView bias() const { return parameter(bias_); }
  bool fail_to_prepare = false;

 private:
  void do_prepare(upconv::ExecutionContext&) override {
    if (fail_to_prepare) throw upconv::StateError("told to fail");
  }
  void do_forward(upconv::ConstTensorView x, upconv::TensorView y, upconv::ExecutionContext&) const override {
    const float bias = parameter(bias_).data<float>()[0];
    for (std::size_t i = 0; i < y.data<float>().size(); ++i)
      y.data<float>()[i] = x.data<float>()[i] + bias;
  }

  ParameterId bias_ = 0;
};

/// One Leaf named "block": entries block.weight [2,3] and block.bias [2].
class Net : public upconv::Module {
 public:
  explicit Net(bool counted = false) : Module("Net") {
    register_module("block", std::make_unique<Leaf>(upconv::Shape{2, 3}, counted));
  }
  upconv::TensorSpec output_spec(const upconv::TensorSpec& x) const override {
    return child().output_spec(x);
  }
  const Leaf& child() const { return static_cast<const Leaf&>(*children().front().second); }

 private:
  void do_forward(upconv::ConstTensorView x, upconv::TensorView y,
                  upconv::ExecutionContext& ctx) const override {
    child().forward_into(x, y, ctx);
  }
};

/// The bits of every parameter, to see that nothing changed.
inline std::vector<std::uint32_t> bits_of(const upconv::Module& module) {
  std::vector<std::uint32_t> bits;
  for (const auto& [name, tensor] : module.state_dict()) {
    if (tensor.dtype() != upconv::DType::f32) continue;
    for (const float value : tensor.data<float>())
      bits.push_back(std::bit_cast<std::uint32_t>(value));
  }
  return bits;
}

/// The elements, also of a tensor that is gone at the end of the expression.
template <class T>
std::vector<T> values(const upconv::Tensor& tensor) {
  return {tensor.data<T>().begin(), tensor.data<T>().end()};
}

/// What `body` throws, as text; "" if nothing. Anything but `Expected` is passed on.
template <class Expected, class Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const Expected& error) {
    return error.what();
  }
  return {};
}

}  // namespace test_module
