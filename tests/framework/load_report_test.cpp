#include <cmath>
#include <limits>

#include "test_module.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/framework/error.h>
#include <upconv/framework/state_dict.h>

// What a load says: of names, shapes and types in LoadReport, and of values that a type cannot hold in Range.

namespace {

using test_module::bits_of;
using test_module::Leaf;
using test_module::message_of;
using test_module::Net;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using upconv::DType;
using upconv::EntrySpec;
using upconv::LoadError;
using upconv::LoadReport;
using upconv::StateDict;
using upconv::Tensor;

StateDict named(const std::vector<std::string>& names) {
  StateDict weights;
  for (const std::string& name : names)
    weights.insert(name,
                   Tensor::full(name.ends_with("weight") ? upconv::Shape{2, 3} : upconv::Shape{2}, 1.0));
  weights.set_source("net.h5");
  return weights;
}

std::string refusal(const std::vector<std::string>& names) {
  Net net;
  const auto before = bits_of(net);
  const std::string text = message_of<LoadError>([&] { net.load(named(names)); });
  EXPECT_EQ(bits_of(net), before);
  return text;
}

// --- names

TEST(LoadReportNames, OfAnotherNetwork) {
  EXPECT_EQ(refusal({"encoder.conv1.weight", "encoder.conv1.running_mean"}),
            "cannot load weights into Net\n"
            "net.h5:\n"
            "  none of 2 names is in the file: another network?\n"
            "  missing (2):\n"
            "    block.weight\n"
            "    block.bias\n"
            "  unexpected (2):\n"
            "    encoder.conv1.weight\n"
            "    encoder.conv1.running_mean");
  EXPECT_THAT(refusal({}), HasSubstr("none of 2 names is in the file: it holds nothing\n"));
}

TEST(LoadReportNames, APrefixInTheFileIsOneLine) {
  for (const std::string prefix : {"module.", "_orig_mod.", "main.", "_orig_mod.module.", "model.decoder."}) {
    EXPECT_EQ(refusal({prefix + "block.weight", prefix + "block.bias", "optimizer.lr"}),
              "cannot load weights into Net\nnet.h5:\n  all 2 names are in the file behind the prefix '" +
                  prefix + "': read it with read_hdf5(path, {.prefix = \"" + prefix + "\"})");
  }
  EXPECT_THAT(refusal({"g.block.weight", "g.block.bias", "ema.block.weight", "ema.block.bias"}),
              HasSubstr("{.prefix = \"g.\"}); or behind 'ema.'"));
  EXPECT_THAT(refusal({"main.block.weight"}), Not(HasSubstr("prefix")));
}

TEST(LoadReportNames, AmongPrefixesThatFitsInShapeComesFirst) {
  const Net net;
  const LoadReport report = net.compare(
      {{"a.block.weight", {9}}, {"a.block.bias", {9}}, {"b.block.weight", {2, 3}}, {"b.block.bias", {2}}});
  ASSERT_EQ(report.hints.size(), 1u);
  EXPECT_THAT(report.hints[0], HasSubstr("behind the prefix 'b.'"));
}

TEST(LoadReportNames, APrefixInTheModuleIsOneLineToo) {
  EXPECT_THAT(
      refusal({"weight", "bias"}),
      HasSubstr("net.h5:\n  all 2 names are in the file, but without 'block.' before them: load into that "
                "child, net[\"block\"].load(...)"));
}

TEST(LoadReportNames, ThatLookEqualAreQuotedAndTheDifferenceIsSaid) {
  const std::string spaces = refusal({"block.weight ", "block.bias"});
  EXPECT_THAT(spaces,
              HasSubstr("'block.weight' (the nearest is 'block.weight ', which differs in white space)"));
  EXPECT_THAT(spaces, HasSubstr("unexpected (1):\n    'block.weight '"));
  EXPECT_THAT(refusal({"block.Weight", "block.bias"}),
              HasSubstr("'block.weight' (the nearest is 'block.Weight', which differs in letter case)"));
}

TEST(LoadReportNames, TheNearestIsNearOrNotThereAtAll) {
  using upconv::nearest_name;
  EXPECT_EQ(nearest_name("weight", {"bias", "wieght"}), "wieght");
  EXPECT_EQ(nearest_name("features.0.weight", {"features.1.bias", "feature.0.weight"}), "feature.0.weight");
  EXPECT_EQ(nearest_name("0.weight", {"decoder.0.weight", "0.bias"}), "decoder.0.weight");
  EXPECT_EQ(nearest_name("conv1.weight", {"layer4.downsample.weight", "fc.weight", "conv1.bias"}), "");
  EXPECT_EQ(nearest_name("block.bias", {"BLOCK.BIAS", "block.bia"}), "BLOCK.BIAS");
}

TEST(LoadReportNames, OfWeightsInPartsNameTheKind) {
  const std::string ending = "): export the checkpoint again with tools/export_hdf5.py, which folds them";
  EXPECT_THAT(
      refusal({"block.weight_g", "block.weight_v", "block.bias"}),
      HasSubstr("net.h5:\n  1 weight is stored in parts, as weight_norm leaves them (block.weight_g and "
                "block.weight_v" +
                ending));
  EXPECT_THAT(refusal({"block.parametrizations.weight.original0", "block.parametrizations.weight.original1"}),
              HasSubstr("as weight_norm leaves them (block.parametrizations.weight.original0 and "
                        "block.parametrizations.weight.original1"));
  EXPECT_THAT(refusal({"block.weight_orig", "block.weight_u", "block.weight_v", "block.bias"}),
              HasSubstr("as spectral_norm leaves them (block.weight_orig and block.weight_u" + ending));
  EXPECT_THAT(refusal({"block.parametrizations.weight.original", "block.parametrizations.weight.0._u"}),
              HasSubstr("as spectral_norm leaves them (block.parametrizations.weight.original and"));
  EXPECT_THAT(refusal({"block.weight_orig", "block.weight_mask", "block.bias_orig", "block.bias_mask"}),
              HasSubstr("2 weights are stored in parts, as pruning leaves them (block.weight_orig and "
                        "block.weight_mask"));
  EXPECT_THAT(refusal({"block.parametrizations.weight.original", "block.bias"}),
              HasSubstr("as a parametrization leaves them (block.parametrizations.weight.original" + ending));
}

TEST(LoadReportNames, ANotStrictLoadSaysWhatKeptItsInitialValue) {
  Net net;
  const LoadReport report = net.load(named({"block.bias"}), {.strict = false});
  EXPECT_THAT(report.kept_initial, ElementsAre("block.weight"));
  EXPECT_EQ(report.to_string(), "net.h5:\n  missing (1):\n    block.weight (keeps its initial value)");
  EXPECT_THAT(Net().load(named({"main.block.weight", "main.block.bias"}), {.strict = false}).to_string(),
              AllOf(HasSubstr("{.prefix = \"main.\"}"), HasSubstr("block.weight (keeps its initial value")));
  net.initialize(1);
  EXPECT_THAT(net.load(named({"block.bias"}), {.strict = false}).kept_initial, ElementsAre("block.weight"));
  net.load(named({"block.weight", "block.bias"}));
  EXPECT_THAT(net.load(named({"block.bias"}), {.strict = false}).kept_initial, ElementsAre());
}

// --- shapes

std::string shape_report(const upconv::Shape& wanted, const upconv::Shape& offered) {
  return Leaf(wanted).compare({{"weight", offered}, {"bias", {2}}}).to_string();
}

TEST(LoadReportShapes, DimensionsInAnotherOrderStandFirst) {
  EXPECT_EQ(
      shape_report({64, 32, 4, 4}, {32, 64, 4, 4}),
      "load report:\n"
      "  weight: ConvTranspose2d stores [in,out/groups,kh,kw], Conv2d [out,in/groups,kh,kw]: is one of them "
      "meant to be the other?\n"
      "  mismatched (1):\n"
      "    weight expected [64,32,4,4], got [32,64,4,4] (its first two dimensions are swapped)");
  EXPECT_THAT(
      shape_report({8, 4, 3, 7}, {8, 4, 7, 3}),
      HasSubstr("weight: the kernel's height and width are exchanged: kernel_size is {height, width}\n"));
  EXPECT_THAT(shape_report({8, 4, 3, 7}, {4, 8, 7, 3}),
              HasSubstr("and so are the kernel's height and width"));
  EXPECT_THAT(shape_report({8, 4, 3, 7}, {3, 7, 4, 8}), HasSubstr("as TensorFlow does"));
  EXPECT_THAT(shape_report({8, 4, 3, 7}, {8, 3, 7, 4}), HasSubstr("channels last"));
  EXPECT_THAT(shape_report({8, 4}, {4, 8}), HasSubstr("Linear stores [out_features,in_features]"));
  EXPECT_THAT(shape_report({8, 4}, {4, 9}), StartsWith("load report:\n  mismatched (1):"));
}

// --- types

TEST(LoadReportTypes, WhatIsNarrowedIsNoted) {
  const auto notes = [](DType module, DType file) {
    Leaf leaf;
    leaf.to(module);
    return leaf.compare({{"weight", {2, 3}, file}, {"bias", {2}, module}}).notes;
  };
  EXPECT_THAT(notes(DType::f16, DType::bf16), ElementsAre("weight narrowed from bf16 to f16"));
  EXPECT_THAT(notes(DType::bf16, DType::f16), ElementsAre("weight narrowed from f16 to bf16"));
  EXPECT_THAT(notes(DType::f16, DType::f32), ElementsAre("weight narrowed from f32 to f16"));
  EXPECT_THAT(notes(DType::f32, DType::f64), ElementsAre("weight narrowed from f64 to f32"));
  EXPECT_THAT(notes(DType::f32, DType::f16), ElementsAre());
  EXPECT_THAT(notes(DType::f32, DType::bf16), ElementsAre());
}

TEST(LoadReportTypes, ACounterMayBeOfAnyNumberType) {
  for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64, DType::i64}) {
    for (const upconv::Shape& shape : {upconv::Shape{}, upconv::Shape{1}, upconv::Shape{1, 1}}) {
      Net net(true);
      StateDict weights = named({"block.weight", "block.bias"});
      weights.insert("block.num_batches_tracked", Tensor::full(shape, 9.0, dtype));
      EXPECT_THAT(net.load(weights).notes, ElementsAre());
      const StateDict loaded = net.state_dict();
      EXPECT_EQ(loaded.at("block.num_batches_tracked").data<std::int64_t>()[0], 9);
      EXPECT_EQ(loaded.at("block.num_batches_tracked").shape(), upconv::Shape{});
    }
  }
}

TEST(LoadReportTypes, ACounterThatNoIntegerHoldsStaysAsItWas) {
  Net net(true);
  StateDict weights = named({"block.weight", "block.bias"});
  weights.insert("block.num_batches_tracked", Tensor::full({}, 70000.0, DType::f16));  // infinite in f16
  EXPECT_THAT(net.load(weights).to_string(),
              HasSubstr("block.num_batches_tracked: value inf does not fit i64: it "
                        "is unused, and stays as it was"));
  EXPECT_EQ(net.state_dict().at("block.num_batches_tracked").data<std::int64_t>()[0], 0);
  StateDict two = named({"block.weight", "block.bias"});
  two.insert("block.num_batches_tracked", Tensor::zeros({2}));
  EXPECT_THAT(message_of<LoadError>([&] { net.load(two); }), HasSubstr("expected [], got [2]"));
}

// --- values beyond a type's range

StateDict weights_with(double value, DType dtype) {
  StateDict weights;
  std::vector<double> values = {1.0, 2.0, 3.0, 4.0, value, value};
  weights.insert("weight", Tensor::from(values, {2, 3}).to(dtype));
  weights.insert("bias", Tensor::zeros({2}, dtype));
  return weights;
}

TEST(Range, FiniteValuesThatWouldBecomeInfiniteAreRefused) {
  Leaf leaf;
  const auto before = bits_of(leaf);
  EXPECT_THAT(
      message_of<LoadError>([&] { leaf.load(weights_with(1e39, DType::f64)); }),
      HasSubstr("weight: 2 of 6 values are beyond the range of f32 (up to 3.40e38), the first 1e+39 at "
                "[1,1]: scale the weights before they are stored, or load infinities with "
                "{.allow_overflow = true}"));
  EXPECT_EQ(bits_of(leaf), before);
  EXPECT_THROW(leaf.load(weights_with(-1e39, DType::f64), {.strict = false}), LoadError);
  leaf.to(DType::f16);
  for (const DType dtype : {DType::f32, DType::bf16, DType::f64}) {
    EXPECT_THAT(message_of<LoadError>([&] { leaf.load(weights_with(1e5, dtype)); }),
                HasSubstr("beyond the range of f16 (up to 65504)"));
  }
  EXPECT_THAT(message_of<LoadError>([&] { leaf.load(weights_with(1e5, DType::f32)); }),
              HasSubstr("keep the module in bf16 or f32"));
  EXPECT_NO_THROW(leaf.load(weights_with(65519.0, DType::f32)));  // rounds to 65504
  leaf.to(DType::bf16);
  EXPECT_NO_THROW(leaf.load(weights_with(1e5, DType::f32)));
  EXPECT_THAT(
      message_of<LoadError>([&] { leaf.load(weights_with(std::numeric_limits<float>::max(), DType::f32)); }),
      HasSubstr("beyond the range of bf16"));
}

TEST(Range, InfinitiesAreLoadedOnRequestAndWhereTheyStood) {
  Leaf leaf;
  leaf.to(DType::f16);
  leaf.load(weights_with(1e5, DType::f32), {.allow_overflow = true});
  EXPECT_TRUE(std::isinf(static_cast<float>(leaf.state_dict().at("weight").data<upconv::Float16>()[5])));
  EXPECT_NO_THROW(leaf.load(weights_with(INFINITY, DType::f32)));
  EXPECT_NO_THROW(leaf.load(weights_with(NAN, DType::f32)));
  EXPECT_THAT(message_of<LoadError>([&] {
                leaf.load(weights_with(1e5, DType::f32), {.require_finite = true, .allow_overflow = true});
              }),
              HasSubstr("weight holds NaN or infinity"));
}

TEST(Range, ConvertingAModuleRefusesThemToo) {
  Leaf leaf;
  leaf.load(weights_with(1e5, DType::f32));
  const auto before = bits_of(leaf);
  EXPECT_EQ(message_of<upconv::DTypeError>([&] { leaf.to(DType::f16); }),
            "Leaf does not fit f16\n"
            "  weight: 2 of 6 values are beyond the range of f16 (up to 65504), the first 100000 at [1,1]\n"
            "keep it in bf16 or f32, or convert to infinities with to(DType::f16, {.allow_overflow = true})");
  EXPECT_EQ(leaf.dtype(), DType::f32);
  EXPECT_EQ(bits_of(leaf), before);
  leaf.to(DType::f16, {.allow_overflow = true});
  EXPECT_EQ(leaf.dtype(), DType::f16);
}

TEST(Range, WhatBecomesZeroIsNoted) {
  Leaf leaf;
  leaf.to(DType::f16);
  EXPECT_THAT(leaf.load(weights_with(1e-8, DType::f32)).notes,
              ElementsAre("weight narrowed from f32 to f16", "bias narrowed from f32 to f16",
                          "weight: 2 of 6 values are too small for f16 and became zero"));
}

}  // namespace
