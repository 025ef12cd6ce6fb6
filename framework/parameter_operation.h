#pragma once

#include <string>

#include <upconv/framework/message.h>
#include <upconv/framework/network.h>
#include <upconv/framework/operation.h>

namespace upconv {

/// A parameter that a network's forward uses: known before the run. Internal: not installed.
class ParameterOperation : public Operation {
 public:
  ParameterOperation(const Network& network, Network::ParameterId id, Device device)
      : network_(network), id_(id), device_(device) {}

  std::string name() const override {
    return message(network_.display_name(), "'s ", network_.parameter_name(id_));
  }
  TensorSpec output_spec(std::span<const TensorSpec>) const override {
    const Tensor& parameter = network_.parameter(id_);
    return {parameter.shape(), parameter.dtype(), device_};
  }
  void run(std::span<const ConstTensorView>, TensorView, ExecutionContext&) const override {}
  ConstTensorView constant(const ExecutionContext& ctx) const override {
    return network_.device_parameter(id_, ctx);
  }
  bool is_constant() const override { return true; }

 private:
  const Network& network_;
  Network::ParameterId id_;
  Device device_;
};

}  // namespace upconv
