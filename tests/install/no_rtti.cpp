// A program compiled with -fno-rtti: a layer of its own among upconv's, state in a context, and caught
// errors.
#include <cstdio>
#include <utility>

#include <upconv/upconv.h>

namespace {

/// y = x + 1
class AddOne : public upconv::Module {
 public:
  AddOne() : Module("AddOne") {}
  upconv::TensorSpec output_spec(const upconv::TensorSpec& x) const override {
    check_dtype(x);
    return x;
  }

 private:
  void do_forward(upconv::ConstTensorView x, upconv::TensorView y, upconv::ExecutionContext&) const override {
    for (std::size_t i = 0; i < y.data<float>().size(); ++i)
      y.data<float>()[i] = x.data<float>()[i] + 1;
  }
};

struct Count {
  explicit Count(upconv::Device) {}
  int calls = 0;
};
struct OtherCount {
  explicit OtherCount(upconv::Device) {}
  int calls = 10;
};

bool check(bool holds, const char* what) {
  if (!holds) std::printf("wrong: %s\n", what);
  return holds;
}

bool run() {
  upconv::Sequential net;
  net.append(upconv::Conv2d({.in_channels = 1, .out_channels = 1, .kernel_size = 1}));
  net.append(AddOne()).append(upconv::LeakyReLU({})).append(upconv::PReLU({})).append(upconv::ReLU({}));
  upconv::StateDict weights;
  weights.insert("0.weight", upconv::Tensor::full({1, 1, 1, 1}, 3.0));
  weights.insert("0.bias", upconv::Tensor::zeros({1}));
  weights.insert("3.weight", upconv::Tensor::full({1}, 0.25));
  net.load(weights);
  upconv::ExecutionContext ctx({});
  net.prepare(ctx);
  const upconv::Tensor y = net.forward(upconv::Tensor::full({1, 1, 2, 2}, 2.0), ctx);
  bool good = check(y.data<float>()[3] == 7.0f, "the network's output");
  good = check(!net.explain({.shape = {1, 1, 2, 2}}, ctx).empty(), "explain") && good;

  ++ctx.state<Count>().calls;
  ++ctx.state<OtherCount>().calls;
  good =
      check(++ctx.state<Count>().calls == 2 && ctx.state<OtherCount>().calls == 11, "the context's state") &&
      good;

  bool caught = false;
  try {
    net.forward({}, ctx);
  } catch (const upconv::Error&) {
    caught = true;
  }
  return check(caught, "the error that was to be caught") && good;
}

}  // namespace

int main() {
  return run() ? 0 : 1;
}
