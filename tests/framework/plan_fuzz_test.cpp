#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include <upconv/tests/framework/test_operations.h>

// Random graphs: whatever the planner shares, reuses and joins, the bits are those of one step after the
// other. Every value is a small integer, so no rounding hides a difference. UPCONV_FUZZ_GRAPHS sets how many
// are tried.

namespace {

using namespace test_operations;
using upconv::PlanPolicy;
using upconv::Tensor;
using upconv::Values;

/// Chooses the calls of one graph. The same seed, the same graph.
Values random_graph(std::uint32_t seed, std::span<const Value> inputs) {
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Values values(inputs.begin(), inputs.end());
  const std::size_t calls = 1 + below(14);
  // Recent values are read more often, as in a network.
  const auto pick = [&] {
    const std::size_t n = values.size();
    return values[below(2) == 0 ? n - 1 - below(std::min<std::size_t>(n, 3)) : below(n)];
  };
  for (std::size_t i = 0; i < calls; ++i) {
    const Value x = pick();
    switch (below(7)) {
      case 0:
      case 1:
        values.push_back(scale(x, static_cast<float>(below(3)) - 1.0f));
        break;
      case 2: {
        Value y = pick();
        const std::int64_t count = std::min(x.size(0), y.size(0));
        values.push_back(add(x.size(0) == count ? x : slice(x, x.size(0) - count, count),
                             y.size(0) == count ? y : slice(y, 0, count)));
        break;
      }
      case 3:
        values.push_back(reverse(x));
        break;
      case 4: {
        const auto begin = static_cast<std::int64_t>(below(static_cast<std::size_t>(x.size(0)) + 1));
        values.push_back(slice(x, begin, x.size(0) - begin));
        break;
      }
      case 5: {
        std::vector<Value> parts;
        for (std::size_t n = 1 + below(4); n > 0 && (parts.empty() || parts.back().size(0) < 60); --n)
          parts.push_back(pick());
        values.push_back(cat(parts));
        break;
      }
      case 6: {
        const std::vector<float> elements(1 + below(6), static_cast<float>(below(9)));
        const auto count = static_cast<std::int64_t>(elements.size());
        values.push_back(upconv::Recording::constant(
            std::make_shared<Constant>(Tensor::from(elements, {count})), inputs[0], SourceLocation::here()));
        break;
      }
    }
  }
  Values outputs = {values.back()};
  for (std::size_t n = below(3); n > 0; --n)
    outputs.push_back(pick());
  return outputs;
}

std::vector<Tensor> run(const upconv::Network& net, std::span<const ConstTensorView> inputs,
                        PlanPolicy policy) {
  ExecutionContext ctx({.num_threads = 1, .planning = policy});
  return net(inputs, ctx);
}

void check_graph(std::uint32_t seed) {
  FunctionNetwork net([seed](std::span<const Value> inputs) { return random_graph(seed, inputs); });
  ExecutionContext ctx({.num_threads = 1});
  net.prepare(ctx);
  const Tensor a = Tensor::from(std::vector{1.0f, -2.0f, 3.0f, 5.0f, -7.0f}, {5});
  const Tensor b = Tensor::from(std::vector{11.0f, 13.0f, -17.0f}, {3});
  const std::vector<ConstTensorView> inputs = {a, b};
  const std::vector<Tensor> expected = run(net, inputs, {.fuse = false, .share = false, .reuse = false});
  for (const PlanPolicy policy :
       {PlanPolicy{}, PlanPolicy{.fuse = false}, PlanPolicy{.share = false}, PlanPolicy{.reuse = false}}) {
    const std::vector<Tensor> got = run(net, inputs, policy);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t k = 0; k < got.size(); ++k) {
      ASSERT_EQ(got[k].shape(), expected[k].shape());
      ASSERT_TRUE(std::ranges::equal(got[k].data<float>(), expected[k].data<float>()))
          << "seed " << seed << ", output " << k << ", fuse " << policy.fuse << ", share " << policy.share
          << ", reuse " << policy.reuse;
    }
  }
  ASSERT_EQ(a.data<float>()[4], -7.0f) << "the caller's input was written, seed " << seed;
}

TEST(PlanFuzz, EveryPolicyGivesTheSameBits) {
  const char* wanted = std::getenv("UPCONV_FUZZ_GRAPHS");
  const unsigned long graphs = wanted == nullptr ? UPCONV_FUZZ_GRAPHS : std::strtoul(wanted, nullptr, 10);
  for (std::uint32_t seed = 0; seed < graphs; ++seed) {
    check_graph(seed);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
