#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include <upconv/kernels/convolution.h>
#include <upconv/tests/layers/golden.h>
#include <upconv/tests/layers/whole_networks.h>

// Networks with skips, several inputs and outputs, as their PyTorch authors write them, against PyTorch.

namespace upconv::testing {

namespace {

ExecutionContext context(const Target& target, bool fuse = true, int threads = 2) {
  return ExecutionContext({.device = target.device,
                           .precision = target.precision,
                           .num_threads = threads,
                           .planning = {.fuse = fuse}});
}

/// Compares outputs: each element within `tolerance` of its output's largest, or of 1.
void expect_near(const std::vector<Tensor>& got, const std::vector<Tensor>& wanted, double tolerance) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t k = 0; k < got.size(); ++k) {
    const std::vector<double> elements = to_doubles(absolute(wanted[k]));
    const double largest = *std::ranges::max_element(elements);
    EXPECT_TRUE(near(got[k].to(DType::f32), wanted[k],
                     [&](std::size_t, double) { return tolerance * std::max(1.0, largest); }))
        << "output " << k;
  }
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::ranges::equal(a, b, [](const Tensor& one, const Tensor& other) {
    return one.spec() == other.spec() &&
           std::memcmp(one.view().raw(), other.view().raw(), one.spec().bytes()) == 0;
  });
}

std::vector<Tensor> converted(std::vector<Tensor> tensors, DType dtype) {
  for (Tensor& tensor : tensors)
    tensor = tensor.to(dtype);
  return tensors;
}

using Parameter = std::tuple<WholeNetwork, Target>;

class WholeNetworks : public GoldenTest<Parameter> {
 protected:
  const WholeNetwork& network() const { return std::get<0>(GetParam()); }
};

// As in golden_network_test.cpp: PyTorch and upconv may each err by some units in every layer. Measured, they
// differ by 2^-20 of the largest output in pix2pix, and by half of that elsewhere.
TEST_P(WholeNetworks, MatchPyTorch) {
  const std::unique_ptr<Network> net = network().loaded();
  const double tolerance = (target().precision == Precision::tf32 ? 0x1p-7 : 0x1p-19) * network().gain;
  for (const bool fuse : {true, false}) {
    ExecutionContext ctx = context(target(), fuse);
    net->prepare(ctx);
    for (const std::int64_t batch : {2, 1}) {
      SCOPED_TRACE(::testing::Message() << "batch " << batch << (fuse ? "" : ", not fused"));
      expect_near(run_network(*net, network().tensors("x", batch), ctx), network().tensors("y", batch),
                  tolerance);
    }
  }
}

// Weights and inputs are numbers of 16 bits already; every activation is rounded, 2^-11 or 2^-8. Measured,
// that adds up to 6 such errors of the largest output, in pix2pix; 16 are allowed.
TEST_P(WholeNetworks, MatchPyTorchIn16Bits) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const std::unique_ptr<Network> net = network().loaded(dtype);
    for (const bool fuse : {true, false}) {
      ExecutionContext ctx = context(target(), fuse);
      net->prepare(ctx);
      for (const std::int64_t batch : {2, 1}) {
        SCOPED_TRACE(::testing::Message() << dtype << ", batch " << batch << (fuse ? "" : ", not fused"));
        const std::vector<Tensor> y = run_network(*net, converted(network().tensors("x", batch), dtype), ctx);
        for (const Tensor& one : y)
          EXPECT_EQ(one.dtype(), dtype);
        expect_near(y, network().tensors("y", batch), 8 * epsilon_of(dtype) * network().gain);
      }
    }
  }
}

TEST_P(WholeNetworks, TwoThreadsRunOneWithTheSameBits) {
  const std::unique_ptr<Network> net = network().loaded();
  const std::vector<Tensor> x = network().tensors("x");
  ExecutionContext ctx = context(target());
  net->prepare(ctx);
  const std::vector<Tensor> wanted = run_network(*net, x, ctx);
  bool same[2] = {true, true};
  const auto work = [&](int t) {
    ExecutionContext own = context(target(), true, 1 + t);
    for (int repeat = 0; repeat < 3; ++repeat)
      same[t] = same[t] && same_bits(run_network(*net, x, own), wanted);
  };
  std::thread first(work, 0), second(work, 1);
  first.join();
  second.join();
  EXPECT_TRUE(same[0]) << "with one thread";
  EXPECT_TRUE(same[1]) << "with two threads";
}

/// What selection picks on each device.
std::vector<Target> selected() {
  std::vector<Target> result = {{.device = Device::cpu()}};
  if (!kernels::convolution_rows(Device::Type::cuda).empty()) result.push_back({.device = Device::cuda(0)});
  return result;
}

/// The same on a GPU, with TF32 permitted.
std::vector<Target> selected_in_tf32() {
  std::vector<Target> result = selected();
  std::erase_if(result, [](const Target& target) { return target.device.is_cpu(); });
  for (Target& target : result)
    target.precision = Precision::tf32;
  return result;
}

std::string parameter_name(const ::testing::TestParamInfo<Parameter>& instance) {
  return std::get<0>(instance.param).name + '_' + std::get<1>(instance.param).test_name();
}

INSTANTIATE_TEST_SUITE_P(, WholeNetworks,
                         ::testing::Combine(::testing::ValuesIn(whole_networks()),
                                            ::testing::ValuesIn(selected())),
                         parameter_name);
INSTANTIATE_TEST_SUITE_P(Tf32, WholeNetworks,
                         ::testing::Combine(::testing::ValuesIn(whole_networks()),
                                            ::testing::ValuesIn(selected_in_tf32())),
                         parameter_name);

}  // namespace

}  // namespace upconv::testing
