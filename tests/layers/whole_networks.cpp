#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/tests/layers/golden.h>
#include <upconv/tests/layers/networks/cunet.h>
#include <upconv/tests/layers/networks/pix2pix.h>
#include <upconv/tests/layers/networks/rrdbnet.h>
#include <upconv/tests/layers/networks/rvm.h>
#include <upconv/tests/layers/networks/segmenters.h>
#include <upconv/tests/layers/networks/u2net.h>
#include <upconv/tests/layers/networks/unet.h>
#include <upconv/tests/layers/networks/upscalers.h>
#include <upconv/tests/layers/whole_networks.h>

namespace upconv::testing {

namespace {

constexpr const char* kFile = "networks.h5";

template <class N>
std::unique_ptr<Network> make() {
  return std::make_unique<N>();
}

/// The first `count` images.
Tensor first_images(const Tensor& tensor, std::int64_t count) {
  std::vector<std::int64_t> sizes(tensor.shape().begin(), tensor.shape().end());
  sizes[0] = count;
  Tensor result = Tensor::empty(Shape(sizes), tensor.dtype());
  copy(result, ConstTensorView(tensor.view().raw(), result.spec()));
  return result;
}

}  // namespace

std::unique_ptr<Network> WholeNetwork::loaded(DType dtype) const {
  std::unique_ptr<Network> net = make();
  net->to(dtype);
  load_hdf5(*net, golden_path(kFile), {}, {.prefix = name + ".state."});
  return net;
}

std::vector<Tensor> WholeNetwork::tensors(const std::string& key, std::int64_t batch) const {
  std::vector<Tensor> result;
  const StateDict& file = golden_file(kFile);
  for (int k = 0;; ++k) {
    const std::string entry = name + '.' + key + std::to_string(k);
    if (!file.contains(entry)) return result;
    result.push_back(first_images(file.at(entry), batch));
  }
}

const std::vector<WholeNetwork>& whole_networks() {
  static const std::vector<WholeNetwork> kNetworks = {
      {"unet", make<UNet>},
      {"unet_bilinear", make<UNetBilinear>},
      {"pix2pix", make<UnetGenerator>},
      {"dbnet", make<DBHead>, 3.0},
      {"linknet", make<LinkNet>},
      {"u2net", make<U2NET>},
      {"rvm", make<RecurrentDecoder>},
      {"rrdbnet", make<RRDBNet>},
      {"edsr", make<EDSR>},
      {"srvgg", make<SRVGGNetCompact>},
      {"cunet", make<UpCUNet>},
      {"lapsrn", make<LapSRN>},
      {"espcn", make<ESPCN>},
  };
  return kNetworks;
}

const WholeNetwork& whole_network(const std::string& name) {
  for (const WholeNetwork& network : whole_networks()) {
    if (network.name == name) return network;
  }
  throw ArgumentError("there is no network " + name);
}

std::vector<Tensor> run_network(const Network& net, const std::vector<Tensor>& inputs,
                                ExecutionContext& ctx) {
  std::vector<Tensor> there;
  for (const Tensor& input : inputs)
    there.push_back(input.to(ctx.device()));
  const std::vector<ConstTensorView> views(there.begin(), there.end());
  std::vector<Tensor> outputs;
  for (const Tensor& output : net(views, ctx))
    outputs.push_back(output.to(Device::cpu()));
  return outputs;
}

std::vector<TensorSpec> specs_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorSpec> specs;
  for (const Tensor& tensor : tensors)
    specs.push_back(tensor.spec());
  return specs;
}

}  // namespace upconv::testing
