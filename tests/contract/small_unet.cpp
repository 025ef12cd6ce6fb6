// A network with skip connections as its users write it: what docs/networks.md promises.
#include <upconv/upconv.h>

#include <cmath>
#include <iostream>

using namespace upconv;

class DoubleConv : public Network {
 public:
  DoubleConv(std::int64_t in, std::int64_t out)
      : Network("DoubleConv"),
        conv1(add("conv1", Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 3, .padding = 1, .bias = false}))),
        norm1(add("norm1", BatchNorm2d({.num_features = out}))) {}
  Value forward(Value x) const override { return relu(norm1(conv1(x))); }

 private:
  Conv2d& conv1;
  BatchNorm2d& norm1;
};

class SmallUNet : public Network {
 public:
  SmallUNet()
      : Network("SmallUNet"), down1(add("down1", DoubleConv(3, 32))), down2(add("down2", DoubleConv(32, 64))),
        up(add("up", ConvTranspose2d({.in_channels = 64, .out_channels = 32, .kernel_size = 2, .stride = 2}))),
        merge(add("merge", DoubleConv(64, 32))), head(add("head", Conv2d({.in_channels = 32, .out_channels = 1, .kernel_size = 1}))) {}
  Value forward(Value x) const override {
    Value skip = down1(x);
    Value deep = down2(max_pool2d(skip, {.kernel_size = 2}));
    return sigmoid(head(merge(cat({skip, up(deep)}, 1))));
  }

 private:
  DoubleConv &down1, &down2;
  ConvTranspose2d& up;
  DoubleConv& merge;
  Conv2d& head;
};

int main() {
  SmallUNet trained;
  trained.initialize(1);
  write_hdf5("unet.h5", trained.state_dict());

  SmallUNet net;
  ExecutionContext ctx;
  net.load(read_hdf5("unet.h5"));                 // down1.conv1.weight, down1.norm1.running_mean, ...
  net.prepare(ctx);                               // or prepare(ctx, specs): the first run is then warm
  Tensor x = Tensor::full({2, 3, 16, 24}, 0.5);
  Tensor y = net(x, ctx);
  std::cout << net.to_string() << net.explain(x.spec(), ctx);

  // The same, one step after the other, in memory of its own each.
  ExecutionContext apart({.planning = {.fuse = false, .share = false, .reuse = false}});
  Tensor z = net(x, apart);
  for (std::size_t i = 0; i < y.data<float>().size(); ++i) {
    if (!(std::abs(y.data<float>()[i] - z.data<float>()[i]) < 1e-6f)) return 1;
  }
  return y.shape() == Shape{2, 1, 16, 24} ? 0 : 1;
}
