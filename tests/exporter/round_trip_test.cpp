#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <upconv/upconv.h>

// What tools/export_hdf5.py writes, read back: every type, flat and nested names, each compression, tied
// weights. The files come from export_model.py, which ctest runs before.

namespace upconv::testing {

namespace {

Sequential network() {
  Sequential activations, body, net;
  activations.append(PReLU({.num_parameters = 3})).append(ReLU());
  body.append(
      ConvTranspose2d({.in_channels = 4, .out_channels = 3, .kernel_size = 4, .stride = 2, .bias = false}));
  body.append(BatchNorm2d({.num_features = 3})).append(std::move(activations));
  net.append("stem", Conv2d({.in_channels = 2, .out_channels = 4, .kernel_size = {3, 5}, .groups = 2}));
  net.append("body", std::move(body));
  net.append("head", Linear({.in_features = 5, .out_features = 5, .bias = false}));
  net.append("twin", Linear({.in_features = 5, .out_features = 5, .bias = false}));
  return net;
}

/// The values that export_model.py gave the entry at `index`.
template <class T>
bool holds_its_values(const Tensor& tensor, std::size_t index) {
  const auto first = static_cast<std::int64_t>(index);
  std::int64_t j = 0;
  for (const T value : tensor.data<T>()) {
    const std::int64_t whole = 1000003 * j + first, sixteenths = (31 * first + 7 * j) % 65 - 32;
    ++j;
    if (static_cast<double>(value) !=
        (dtype_of<T>() == DType::i64 ? static_cast<double>(whole) : static_cast<double>(sixteenths) / 16))
      return false;
  }
  return true;
}

bool holds_its_values(const Tensor& tensor, std::size_t index) {
  return visit_dtype(tensor.dtype(),
                     [&]<class T>(std::type_identity<T>) { return holds_its_values<T>(tensor, index); });
}

/// Tied entries hold the values of the later one, which was filled last.
std::size_t filled_at(const std::string& name, std::size_t index, std::size_t entries) {
  return name == "head.weight" ? entries - 1 : index;
}

constexpr char kNoFiles[] = "the exporter wrote no files: needs python3-h5py and python3-torch";

using Parameter = std::tuple<std::string, std::string>;  // type, storage

class RoundTrip : public ::testing::TestWithParam<Parameter> {
 protected:
  void SetUp() override {
    const auto& [type, storage] = GetParam();
    path_ = std::filesystem::path(UPCONV_ROUND_TRIP_DIR) / (type + '_' + storage + ".h5");
    if (!std::filesystem::exists(path_)) GTEST_SKIP() << kNoFiles;
    dtype_ = type == "f32"    ? DType::f32
             : type == "f16"  ? DType::f16
             : type == "bf16" ? DType::bf16
                              : DType::f64;
  }

  std::filesystem::path path_;
  DType dtype_ = DType::f32;
};

TEST_P(RoundTrip, FilesHoldTypesAndValues) {
  const StateDict weights = read_hdf5(path_);
  const std::vector<EntrySpec> wanted = network().entries();
  ASSERT_EQ(weights.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Tensor& tensor = weights.at(wanted[i].name);
    EXPECT_EQ(tensor.shape(), wanted[i].shape) << wanted[i].name;
    EXPECT_EQ(tensor.dtype(), wanted[i].dtype == DType::i64 ? DType::i64 : dtype_) << wanted[i].name;
    EXPECT_TRUE(holds_its_values(tensor, filled_at(wanted[i].name, i, wanted.size()))) << wanted[i].name;
  }
}

TEST_P(RoundTrip, ModulesLoadThem) {
  for (const DType own : {DType::f32, DType::f16, DType::bf16}) {
    Sequential net = network();
    net.to(own);
    const std::vector<EntrySpec> wanted = net.entries();  // normalisations stay in f32
    net.load(read_hdf5(path_));
    const StateDict loaded = net.state_dict();
    std::size_t index = 0;
    for (const auto& [name, tensor] : loaded) {
      EXPECT_EQ(tensor.dtype(), wanted[index].dtype) << name;
      EXPECT_TRUE(holds_its_values(tensor, filled_at(name, index++, loaded.size()))) << name;
    }
  }
}

/// Files whose names start with `prefix`, sorted.
std::vector<std::filesystem::path> files(const std::string& prefix) {
  std::vector<std::filesystem::path> found;
  if (!std::filesystem::exists(UPCONV_ROUND_TRIP_DIR)) return found;
  for (const auto& entry : std::filesystem::directory_iterator(UPCONV_ROUND_TRIP_DIR)) {
    if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

TEST(ExporterRules, WhatIsWrittenIsRead) {
  const std::vector<std::filesystem::path> written = files("rules_");
  if (written.empty()) GTEST_SKIP() << kNoFiles;
  EXPECT_EQ(written.size(), 5u);
  for (const std::filesystem::path& path : written) {
    SCOPED_TRACE(path);
    double index = 0;
    for (const auto& [name, tensor] : read_hdf5(path)) {
      if (tensor.numel() > 0) {
        const double first = tensor.dtype() == DType::i64
                                 ? static_cast<double>(tensor.data<std::int64_t>()[0])
                                 : static_cast<double>(tensor.data<float>()[0]);
        EXPECT_EQ(first, index) << name;
      }
      ++index;
    }
    EXPECT_GE(index, 2);
  }
}

TEST(ExporterRules, WhatIsRefusedIsRefusedByTheReader) {
  const std::vector<std::filesystem::path> refused = files("refused_");
  if (refused.empty()) GTEST_SKIP() << kNoFiles;
  EXPECT_GE(refused.size(), 8u);
  for (const std::filesystem::path& path : refused)
    EXPECT_THROW(read_hdf5(path), LoadError) << path;
}

TEST(ExporterFolds, WeightsOfWeightNorm) {
  if (files("folded_weight").empty()) GTEST_SKIP() << kNoFiles;
  const std::filesystem::path folder = UPCONV_ROUND_TRIP_DIR;
  ConvTranspose2d layer({.in_channels = 2, .out_channels = 3, .kernel_size = 2});
  layer.load(read_hdf5(folder / "folded_weight.h5"));
  const StateDict loaded = layer.state_dict(), plain = read_hdf5(folder / "plain_weight.h5");
  for (std::size_t i = 0; i < 24; ++i)
    EXPECT_FLOAT_EQ(loaded.at("weight").data<float>()[i], plain.at("weight").data<float>()[i]);
}

INSTANTIATE_TEST_SUITE_P(, RoundTrip,
                         ::testing::Combine(::testing::Values("f32", "f16", "bf16", "f64"),
                                            ::testing::Values("plain", "nested", "gzip", "lzf")),
                         [](const auto& instance) {
                           return std::get<0>(instance.param) + '_' + std::get<1>(instance.param);
                         });

}  // namespace

}  // namespace upconv::testing
