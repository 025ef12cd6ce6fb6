#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <upconv/upconv.h>

namespace upconv::testing {

/// A network of networks/, whose weights, inputs and outputs tools/golden_networks.py wrote to networks.h5.
struct WholeNetwork {
  std::string name;                                ///< In the file.
  std::function<std::unique_ptr<Network>()> make;  ///< With initial weights.
  /// By how much more errors grow than in an ordinary network: DBNet's third map has a slope of 12.5.
  double gain = 1.0;

  /// With PyTorch's weights, loaded strictly under PyTorch's keys.
  std::unique_ptr<Network> loaded(DType dtype = DType::f32) const;
  /// "<name>.x0", "<name>.x1", ...: all that there are of `key`; the first `batch` images of each.
  std::vector<Tensor> tensors(const std::string& key, std::int64_t batch = 2) const;

  friend void PrintTo(const WholeNetwork& network, std::ostream* out) { *out << network.name; }
};

/// All of them.
const std::vector<WholeNetwork>& whole_networks();
/// The one of this name.
const WholeNetwork& whole_network(const std::string& name);

/// Outputs for these inputs, both on the CPU; the context may be on a GPU.
std::vector<Tensor> run_network(const Network& net, const std::vector<Tensor>& inputs, ExecutionContext& ctx);
/// Shapes and types of tensors.
std::vector<TensorSpec> specs_of(const std::vector<Tensor>& tensors);

}  // namespace upconv::testing
