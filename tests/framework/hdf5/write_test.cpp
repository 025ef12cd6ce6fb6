#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "files.h"
#include "framework/test_module.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>

/// What is written is read back bit for bit, in order, and a failed write leaves the old file.
namespace {

using hdf5_files::TempDir;
using test_module::message_of;
using testing::HasSubstr;
using upconv::ArgumentError;
using upconv::DType;
using upconv::Hdf5Compression;
using upconv::Hdf5WriteOptions;
using upconv::LoadError;
using upconv::Shape;
using upconv::StateDict;
using upconv::Tensor;

namespace fs = std::filesystem;

/// Every bit pattern of 16-bit types, and values of all kinds of the others.
StateDict every_dtype() {
  std::vector<upconv::Float16> halves;
  std::vector<upconv::BFloat16> brains;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    halves.push_back(upconv::Float16::from_bits(static_cast<std::uint16_t>(bits)));
    brains.push_back(upconv::BFloat16::from_bits(static_cast<std::uint16_t>(bits)));
  }
  const std::vector<float> floats = {0.0f,     -0.0f,     1e-45f, -3.5f,
                                     INFINITY, -INFINITY, NAN,    std::bit_cast<float>(0x7fa00001u)};
  const std::vector<double> doubles = {0.0, -0.0, 5e-324, 1.0 / 3, INFINITY, NAN};
  const std::vector<std::int64_t> integers = {0, -1, std::numeric_limits<std::int64_t>::min(),
                                              std::numeric_limits<std::int64_t>::max()};
  StateDict weights;  // not in the order of names
  weights.insert("z.f32", Tensor::from<float>(floats, {2, 4}));
  weights.insert("10.f16", Tensor::from<upconv::Float16>(halves, {256, 256}));
  weights.insert("9.bf16", Tensor::from<upconv::BFloat16>(brains, {65536}));
  weights.insert("a.f64", Tensor::from<double>(doubles, {6, 1}));
  weights.insert("b.i64", Tensor::from<std::int64_t>(integers, {2, 1, 2}));
  weights.insert("scalar", Tensor::full({}, 7.0, DType::i64));
  weights.insert("empty", Tensor::zeros({0, 3}, DType::bf16));
  weights.insert("rank8", Tensor::full({1, 2, 1, 2, 1, 2, 1, 2}, 0.5));
  weights.insert("\xc3\xa9.weight", Tensor::full({1}, 1.0));
  return weights;
}

void expect_same(const StateDict& a, const StateDict& b) {
  ASSERT_EQ(a.size(), b.size());
  for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
    EXPECT_EQ(i->first, j->first);
    ASSERT_EQ(i->second.spec(), j->second.spec()) << i->first;
    if (i->second.numel() == 0) continue;
    EXPECT_EQ(std::memcmp(i->second.view().raw(), j->second.view().raw(), i->second.spec().bytes()), 0)
        << i->first;
  }
}

TEST(Hdf5Write, RoundTripOfEveryDTypeAndOption) {
  const TempDir dir;
  const StateDict weights = every_dtype();
  for (const Hdf5Compression compression :
       {Hdf5Compression::none, Hdf5Compression::gzip, Hdf5Compression::lzf}) {
    for (const bool shuffle : {false, true}) {
      for (const bool fletcher32 : {false, true}) {
        const Hdf5WriteOptions options{
            .compression = compression, .shuffle = shuffle, .fletcher32 = fletcher32};
        upconv::write_hdf5(dir / "w.h5", weights, options);
        expect_same(weights, upconv::read_hdf5(dir / "w.h5"));
      }
    }
  }
}

TEST(Hdf5Write, LzfShrinksWhatRepeatsAndStoresTheRestPlain) {
  const TempDir dir;
  std::vector<float> noise(100'000);
  std::uint32_t state = 1;
  for (float& value : noise) {
    state = state * 1664525u + 1013904223u;
    value = std::bit_cast<float>(0x3f000000u | (state >> 9));
  }
  StateDict weights;
  weights.insert("repeats", Tensor::full({300, 1000}, 0.5));  // more than one chunk
  weights.insert("noise", Tensor::from<float>(noise, {100, 1000}));
  upconv::write_hdf5(dir / "w.h5", weights, {.compression = Hdf5Compression::lzf});
  expect_same(weights, upconv::read_hdf5(dir / "w.h5"));
  const auto entries = upconv::list_hdf5(dir / "w.h5");
  EXPECT_LT(entries[0].stored_bytes, 300'000u * 4 / 20);
  EXPECT_EQ(entries[1].stored_bytes, 100'000u * 4);
  EXPECT_THAT(entries[0].filters, testing::ElementsAre("lzf"));
  EXPECT_LE(entries[0].chunk[0] * entries[0].chunk[1] * 4, std::uint64_t{1} << 20);
}

TEST(Hdf5Write, StoresTypesAsTheExporterDoes) {
  const TempDir dir;
  upconv::write_hdf5(dir / "w.h5", every_dtype());
  const auto entries = upconv::list_hdf5(dir / "w.h5");
  EXPECT_EQ(entries[0].stored_type, "float32");
  EXPECT_EQ(entries[1].stored_type, "float16");
  EXPECT_EQ(entries[2].stored_type, "bfloat16");
  EXPECT_EQ(entries[3].stored_type, "float64");
  EXPECT_EQ(entries[4].stored_type, "int64");
  const hdf5_files::Id file = H5Fopen((dir / "w.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  EXPECT_GT(H5Aexists(file, "upconv_format_version"), 0);
  EXPECT_GT(H5Aexists(file, "upconv_exporter_version"), 0);
  EXPECT_GT(H5Aexists_by_name(file, "9.bf16", "torch_dtype", H5P_DEFAULT), 0);
}

TEST(Hdf5Write, EqualWeightsGiveEqualFiles) {
  const TempDir dir;
  upconv::write_hdf5(dir / "a.h5", every_dtype());
  upconv::write_hdf5(dir / "b.h5", every_dtype());
  EXPECT_EQ(hdf5_files::read_bytes(dir / "a.h5"), hdf5_files::read_bytes(dir / "b.h5"));
}

TEST(Hdf5Write, AnEmptyStateDict) {
  const TempDir dir;
  upconv::write_hdf5(dir / "w.h5", StateDict{});
  EXPECT_TRUE(upconv::read_hdf5(dir / "w.h5").empty());
}

TEST(Hdf5Write, ReplacesInOneStepAndKeepsLinkAndPermissions) {
  const TempDir dir;
  StateDict weights;
  weights.insert("w", Tensor::full({1}, 1.0));
  upconv::write_hdf5(dir / "w.h5", weights);
  fs::permissions(dir / "w.h5", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("w.h5", dir / "link.h5");

  StateDict newer;
  newer.insert("v", Tensor::full({1}, 2.0));
  upconv::write_hdf5(dir / "link.h5", newer);
  EXPECT_TRUE(fs::is_symlink(dir / "link.h5"));
  EXPECT_TRUE(upconv::read_hdf5(dir / "w.h5").contains("v"));
  EXPECT_EQ(fs::status(dir / "w.h5").permissions(), fs::perms::owner_read | fs::perms::owner_write);

  StateDict bad;
  bad.insert("a/b", Tensor::full({1}, 1.0));
  EXPECT_THROW(upconv::write_hdf5(dir / "w.h5", bad), ArgumentError);
  EXPECT_TRUE(upconv::read_hdf5(dir / "w.h5").contains("v"));
  std::size_t files = 0;
  for (const auto& file : fs::directory_iterator((dir / "w.h5").parent_path()))
    files += file.is_regular_file() || file.is_symlink();
  EXPECT_EQ(files, 2u);
}

TEST(Hdf5Write, RefusesByMessage) {
  const TempDir dir;
  const auto refusal = [&](std::string name, const Hdf5WriteOptions& options = {}) {
    StateDict weights;
    weights.insert(std::move(name), Tensor::full({1}, 1.0));
    return message_of<ArgumentError>([&] { upconv::write_hdf5(dir / "w.h5", weights, options); });
  };
  EXPECT_EQ(refusal("a/b"), "cannot write 'a/b': it has a name with '/', which HDF5 reads as a group");
  EXPECT_THAT(refusal(std::string("a\0b", 3)), HasSubstr("NUL"));
  EXPECT_THAT(refusal("a..b"), HasSubstr("nothing before, after or between its dots"));
  EXPECT_THAT(refusal("\xff"), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal(std::string(1025, 'x')), HasSubstr("more than 1024 bytes"));
  EXPECT_EQ(refusal("w", {.gzip_level = 10}), "gzip_level must be 0 to 9, got 10");
  EXPECT_FALSE(fs::exists(dir / "w.h5"));

  StateDict weights;
  weights.insert("w", Tensor::full({1}, 1.0));
  EXPECT_EQ(message_of<LoadError>([&] { upconv::write_hdf5(dir / "", weights); }),
            "cannot write '" + (dir / "").string() + "': it is a directory");
  EXPECT_EQ(message_of<LoadError>([&] { upconv::write_hdf5(dir / "no/w.h5", weights); }),
            "cannot write '" + (dir / "no/w.h5").string() + "': No such file or directory");
}

TEST(Hdf5Write, AModulesStateComesBack) {
  const TempDir dir;
  test_module::Net net(true);
  StateDict weights;
  weights.insert("block.weight", Tensor::full({2, 3}, 0.1, DType::f64));
  weights.insert("block.bias", Tensor::full({2}, -1.0, DType::bf16));
  weights.insert("block.num_batches_tracked", Tensor::full({}, 12.0, DType::i64));
  upconv::write_hdf5(dir / "w.h5", weights);
  const upconv::LoadReport report = upconv::load_hdf5(net, dir / "w.h5");
  EXPECT_THAT(report.notes, testing::ElementsAre("block.weight narrowed from f64 to f32"));
  EXPECT_EQ(net.state_dict().at("block.weight").data<float>()[5], 0.1f);
  EXPECT_EQ(net.state_dict().at("block.num_batches_tracked").data<std::int64_t>()[0], 12);

  upconv::write_hdf5(dir / "again.h5", net.state_dict());
  test_module::Net other(true);
  upconv::load_hdf5(other, dir / "again.h5");
  expect_same(net.state_dict(), other.state_dict());
}

}  // namespace
