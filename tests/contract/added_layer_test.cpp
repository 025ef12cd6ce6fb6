// The layer of docs/adding_a_layer.md.

#include <ravel.h>  // taken from the document into the build tree
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/upconv.h>

namespace upconv {
namespace {

/// The shape that Ravel gives a tensor of shape [2,3,4,5].
std::string flattened(const RavelOptions& options) {
  return Ravel(options).output_spec({{2, 3, 4, 5}, DType::f32, Device::cpu()}).shape.to_string();
}

TEST(AddedLayer, ShapesArePyTorchs) {
  EXPECT_EQ(flattened({}), "[2,60]");
  EXPECT_EQ(flattened({.start_dim = 0}), "[120]");
  EXPECT_EQ(flattened({.start_dim = -3, .end_dim = 2}), "[2,12,5]");
  EXPECT_EQ(flattened({.start_dim = 2, .end_dim = 2}), "[2,3,4,5]");
}

TEST(AddedLayer, RunsInASequential) {
  Sequential net;
  net.append(ReLU());
  net.append(Ravel());
  ExecutionContext ctx({.num_threads = 1});
  net.prepare(ctx);
  const Tensor x = Tensor::from(std::vector<float>{1, -2, 3, 4}, {2, 1, 2});
  const Tensor y = net.forward(x, ctx);
  EXPECT_EQ(y.shape(), Shape({2, 2}));
  EXPECT_THAT(y.data<float>(), testing::ElementsAre(1, 0, 3, 4));
}

TEST(AddedLayer, SaysWhatIsWrong) {
  const auto message = [](const RavelOptions& options) -> std::string {
    try {
      flattened(options);
    } catch (const ShapeError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({.start_dim = 4}), "Ravel: there is no dimension 4 in [2,3,4,5]");
  EXPECT_EQ(message({.end_dim = -5}), "Ravel: there is no dimension -5 in [2,3,4,5]");
  EXPECT_EQ(message({.start_dim = 3, .end_dim = 1}), "Ravel: start_dim 3 is after end_dim 1");
}

}  // namespace
}  // namespace upconv
