#include <map>
#include <optional>

#include <gtest/gtest.h>

#include <upconv/kernels/strided_copy.h>
#include <upconv/layers/movement.h>
#include <upconv/tests/framework/function_network.h>
#include <upconv/tests/layers/golden.h>

// Functions that move elements, as PyTorch's: every row of every device's table, each type, and planned in
// every way.

namespace upconv::testing {

namespace {

using Arguments = std::vector<Sizes>;
using Function = std::function<Values(const Values&, const Arguments&)>;

std::optional<std::int64_t> end_of(std::int64_t value) {
  return value == 1000 ? std::nullopt : std::optional(value);
}

/// The functions of tools/golden_movement.py.
const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> kFunctions = {
      {"cat", [](const Values& x, const Arguments& a) { return Values{cat(x, a[0][0])}; }},
      {"stack", [](const Values& x, const Arguments& a) { return Values{stack(x, a[0][0])}; }},
      {"split", [](const Values& x, const Arguments& a) { return split(x[0], a[0][0], a[1][0]); }},
      {"split_sizes", [](const Values& x, const Arguments& a) { return split(x[0], a[0], a[1][0]); }},
      {"chunk", [](const Values& x, const Arguments& a) { return chunk(x[0], a[0][0], a[1][0]); }},
      {"slice",
       [](const Values& x, const Arguments& a) {
         return Values{slice(x[0], a[0][0], a[1][0], end_of(a[2][0]), a[3][0])};
       }},
      {"narrow",
       [](const Values& x, const Arguments& a) { return Values{narrow(x[0], a[0][0], a[1][0], a[2][0])}; }},
      {"select", [](const Values& x, const Arguments& a) { return Values{select(x[0], a[0][0], a[1][0])}; }},
      {"reshape", [](const Values& x, const Arguments& a) { return Values{reshape(x[0], a[0])}; }},
      {"flatten",
       [](const Values& x, const Arguments& a) { return Values{flatten(x[0], a[0][0], a[1][0])}; }},
      {"unflatten",
       [](const Values& x, const Arguments& a) { return Values{unflatten(x[0], a[0][0], a[1])}; }},
      {"squeeze", [](const Values& x, const Arguments&) { return Values{squeeze(x[0])}; }},
      {"squeeze_dim", [](const Values& x, const Arguments& a) { return Values{squeeze(x[0], a[0][0])}; }},
      {"unsqueeze", [](const Values& x, const Arguments& a) { return Values{unsqueeze(x[0], a[0][0])}; }},
      {"permute", [](const Values& x, const Arguments& a) { return Values{permute(x[0], a[0])}; }},
      {"transpose",
       [](const Values& x, const Arguments& a) { return Values{transpose(x[0], a[0][0], a[1][0])}; }},
      {"flip", [](const Values& x, const Arguments& a) { return Values{flip(x[0], a[0])}; }},
      {"roll", [](const Values& x, const Arguments& a) { return Values{roll(x[0], a[0], a[1])}; }},
      {"expand", [](const Values& x, const Arguments& a) { return Values{expand(x[0], a[0])}; }},
      {"repeat", [](const Values& x, const Arguments& a) { return Values{repeat(x[0], a[0])}; }},
      {"pixel_shuffle",
       [](const Values& x, const Arguments& a) { return Values{pixel_shuffle(x[0], a[0][0])}; }},
      {"pixel_unshuffle",
       [](const Values& x, const Arguments& a) { return Values{pixel_unshuffle(x[0], a[0][0])}; }},
      {"channel_shuffle",
       [](const Values& x, const Arguments& a) { return Values{channel_shuffle(x[0], a[0][0])}; }}};
  return kFunctions;
}

/// Tensors "<prefix>0", "<prefix>1", ... of a case.
std::vector<const Tensor*> numbered(const GoldenCase& one, const std::string& prefix) {
  std::vector<const Tensor*> tensors;
  while (one.has(prefix + std::to_string(tensors.size())))
    tensors.push_back(&one.at(prefix + std::to_string(tensors.size())));
  return tensors;
}

/// Runs the case's function with one policy, and compares every output with PyTorch's.
void check(const GoldenCase& one, DType dtype, const Target& target, PlanPolicy policy) {
  Arguments arguments;
  for (const Tensor* tensor : numbered(one, "a"))
    arguments.emplace_back(tensor->data<std::int64_t>().begin(), tensor->data<std::int64_t>().end());
  const Function& function = functions().at(one.name.substr(0, one.name.find_last_of('_')));
  test_network::FunctionNetwork net(
      [&](std::span<const Value> x) { return function(Values(x.begin(), x.end()), arguments); });
  ExecutionContextOptions options{.device = target.device, .num_threads = 2, .planning = policy};
  if (!target.row.empty()) options.kernels = {{"strided_copy", target.row}};
  ExecutionContext ctx(std::move(options));
  net.prepare(ctx);
  std::vector<Tensor> inputs;
  std::vector<ConstTensorView> views;
  for (const Tensor* tensor : numbered(one, "x")) {
    inputs.push_back(tensor->to(dtype).to(target.device));
    views.push_back(inputs.back());
  }
  std::vector<Tensor> outputs;
  try {
    outputs = net(views, ctx);
  } catch (const ArgumentError&) {
    if (!target.row.empty()) return;  // the forced row does not fit this case
    throw;
  }
  const std::vector<const Tensor*> wanted = numbered(one, "y");
  ASSERT_EQ(outputs.size(), wanted.size());
  ctx.synchronize();
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_TRUE(equal(outputs[i].to(Device::cpu()), wanted[i]->to(dtype))) << "output " << i;
}

class GoldenMovement : public GoldenTest<Target> {};

TEST_P(GoldenMovement, MatchesPyTorch) {
  const std::vector<GoldenCase> cases = golden_cases("movement.h5");
  EXPECT_GE(cases.size(), 180u);
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    check(one, DType::f32, GetParam(), {});
    check(one, DType::f32, GetParam(), {.fuse = false, .share = false, .reuse = false});
    check(one, DType::f16, GetParam(), {.share = false});
    check(one, DType::bf16, GetParam(), {});
  }
}

INSTANTIATE_TEST_SUITE_P(, GoldenMovement, ::testing::ValuesIn(targets(kernels::strided_copy_rows)),
                         [](const auto& instance) { return instance.param.test_name(); });

}  // namespace

}  // namespace upconv::testing
