#pragma once

#include <functional>
#include <utility>

#include <upconv/framework/network.h>

namespace test_network {

/// A network whose forward is a function.
class FunctionNetwork : public upconv::Network {
 public:
  using Function = std::function<upconv::Values(std::span<const upconv::Value>)>;
  explicit FunctionNetwork(Function function) : Network("FunctionNetwork"), function_(std::move(function)) {}

  upconv::Values forward_all(std::span<const upconv::Value> inputs) const override {
    return function_(inputs);
  }

 private:
  Function function_;
};

}  // namespace test_network
