#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/framework/plan_passes.h>
#include <upconv/tests/framework/test_operations.h>

// Faults planted in plans: the verifier finds each, or the plan still computes the right thing.

namespace {

using namespace test_operations;
using upconv::Plan;
using upconv::PlanPlace;
using upconv::PlanStep;
using upconv::Recording;
using upconv::Tensor;
using upconv::Values;

/// Something of everything: a chain that is joined, a skip, nested concatenations, slices, a constant.
Values network(std::span<const Value> inputs) {
  const Value x = scale(scale(inputs[0], 2.0f), 3.0f);
  const Value left = reverse(slice(x, 1, 4)), right = scale(reverse(x), -1.0f);
  const Value joined = cat({left, right});
  const Value bias = Recording::constant(
      std::make_shared<Constant>(Tensor::from(std::vector<float>(9, 1.0f), {9})), x, SourceLocation::here());
  const Value y = add(reverse(joined), bias);
  const Value deep = reverse(add(y, joined));
  return {reverse(cat({deep, slice(y, 0, 3), deep})), slice(deep, 2, 3)};
}

struct Planned {
  std::shared_ptr<const Recording> recording;
  std::vector<PlanStep> steps;
  std::size_t arena_bytes;
};

Planned planned() {
  const ExecutionContext ctx({.num_threads = 1});
  const std::vector<TensorSpec> specs = {{{5}, upconv::DType::f32, upconv::Device::cpu()}};
  Planned result{Recording::of(specs, network), {}, 0};
  result.steps = upconv::plan::fuse(*result.recording, {}, ctx);
  const upconv::plan::Layout layout = upconv::plan::share(*result.recording, result.steps, {});
  result.arena_bytes = upconv::plan::place(layout, result.steps, {});
  return result;
}

std::vector<std::vector<float>> run(const Planned& planned) {
  Plan plan(planned.recording, planned.steps, planned.arena_bytes);
  ExecutionContext ctx({.num_threads = 1});
  const Tensor x = Tensor::from(std::vector{1.0f, -2.0f, 3.0f, 5.0f, -7.0f}, {5});
  std::vector<Tensor> outputs;
  std::vector<TensorView> views;
  for (const TensorSpec& spec : plan.output_specs()) {
    outputs.push_back(Tensor::full(spec.shape, -1000.0));
    views.push_back(outputs.back());
  }
  const ConstTensorView input = x;
  plan.run({&input, 1}, views, ctx);
  std::vector<std::vector<float>> values;
  for (const Tensor& output : outputs)
    values.emplace_back(output.data<float>().begin(), output.data<float>().end());
  return values;
}

std::string refusal(const Planned& planned) {
  try {
    upconv::plan::verify(*planned.recording, planned.steps, planned.arena_bytes);
  } catch (const upconv::StateError& error) {
    return error.what();
  }
  return "";
}

TEST(PlanVerify, AcceptsWhatThePassesMake) {
  EXPECT_EQ(refusal(planned()), "");
}

TEST(PlanVerify, SaysWhatIsWrong) {
  using ::testing::HasSubstr;
  Planned missing = planned();
  missing.steps.erase(missing.steps.begin());
  EXPECT_THAT(refusal(missing), HasSubstr("is computed by no step"));
  Planned swapped = planned();
  std::swap(swapped.steps[0], swapped.steps[1]);
  EXPECT_THAT(refusal(swapped), HasSubstr("would not read"));
  Planned small = planned();
  small.arena_bytes -= 64;
  EXPECT_THAT(refusal(small), HasSubstr("ends behind the arena"));
  Planned input = planned();
  input.steps[0].result.place = {.kind = PlanPlace::Kind::input, .index = 0};
  EXPECT_THAT(refusal(input), HasSubstr("the caller's input or a parameter would be written"));
  Planned twice = planned();
  twice.steps.push_back(twice.steps.front());
  EXPECT_THAT(refusal(twice), HasSubstr("is computed twice"));
}

/// Changes one thing at random.
void plant_fault(Planned& planned, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::vector<PlanStep>& steps = planned.steps;
  PlanStep& step = steps[below(steps.size())];
  const auto move = [&](PlanPlace& place) {
    switch (below(4)) {
      case 0:
        place.offset = below(planned.arena_bytes / 4) * 4;
        break;
      case 1:
        place.offset += 4;
        break;
      case 2:
        place.index = below(2);
        break;
      case 3:
        place.kind = static_cast<PlanPlace::Kind>(below(4));
        break;
    }
  };
  switch (below(7)) {
    case 0:
      return move(step.result.place);
    case 1:
      return move(step.operands[below(step.operands.size())].place);
    case 2:
      return std::swap(steps[below(steps.size())], steps[below(steps.size())]);
    case 3:
      steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(below(steps.size())));
      return;
    case 4:  // another tensor's place
      step.operands[0].place = steps[below(steps.size())].result.place;
      return;
    case 5:  // another operand
      step.operands[0] = steps[below(steps.size())].result;
      return;
    case 6:  // a call less, or one too many
      if (step.nodes.size() > 1) {
        step.nodes.erase(step.nodes.begin());
      } else {
        step.nodes.insert(step.nodes.begin(), steps[below(steps.size())].nodes.front());
      }
      return;
  }
}

TEST(PlanVerify, FindsEveryPlantedFault) {
  const std::vector<std::vector<float>> right = run(planned());
  int refused = 0;
  for (std::uint32_t seed = 0; seed < 20'000; ++seed) {
    std::mt19937 random(seed);
    Planned faulty = planned();
    plant_fault(faulty, random);
    if (!refusal(faulty).empty()) {
      ++refused;
      continue;
    }
    ASSERT_EQ(run(faulty), right) << "seed " << seed;
  }
  EXPECT_GT(refused, 15'000);
}

}  // namespace
