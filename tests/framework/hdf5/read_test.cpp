#include <array>
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

/// Every form of weights that the reader accepts.
namespace {

using namespace hdf5_files;
using test_module::message_of;
using test_module::values;
using testing::ElementsAre;
using testing::HasSubstr;
using upconv::BFloat16;
using upconv::DType;
using upconv::Float16;
using upconv::LoadError;
using upconv::Shape;
using upconv::StateDict;
using upconv::Tensor;

std::vector<std::string> names(const StateDict& weights) {
  std::vector<std::string> result;
  for (const auto& [name, tensor] : weights)
    result.push_back(name);
  return result;
}

class Hdf5Read : public testing::Test {
 protected:
  /// Writes one dataset "w" and reads it.
  Tensor round_trip(hid_t type, const Dims& dims, const void* data, hid_t memory_type,
                    const char* marker = nullptr, hid_t dcpl = H5P_DEFAULT) {
    {
      const Id file = create_file(path());
      const Id set = dataset(file, "w", type, space_of(dims), data, memory_type, dcpl);
      if (marker != nullptr) text_attribute(set, "torch_dtype", marker);
    }
    return upconv::read_hdf5(path()).at("w").clone();
  }
  std::filesystem::path path() const { return dir_ / "weights.h5"; }

  TempDir dir_;
};

TEST_F(Hdf5Read, FloatsOfEveryWidthAndOrder) {
  const std::vector<float> x = {0.0f, -0.0f, 1.5f, -2.25f, 65504.0f, 0x1p-14f};
  for (const bool big_endian : {false, true}) {
    const hid_t f32 = big_endian ? H5T_IEEE_F32BE : H5T_IEEE_F32LE;
    const hid_t f64 = big_endian ? H5T_IEEE_F64BE : H5T_IEEE_F64LE;
    EXPECT_EQ(values<float>(round_trip(f32, {6}, x.data(), H5T_NATIVE_FLOAT)), x);
    EXPECT_EQ(values<double>(round_trip(f64, {6}, x.data(), H5T_NATIVE_FLOAT)),
              std::vector<double>(x.begin(), x.end()));
    const Tensor half = round_trip(half_type(5, 10, 15, big_endian), {6}, x.data(), H5T_NATIVE_FLOAT);
    EXPECT_EQ(half.dtype(), DType::f16);
    for (std::size_t i = 0; i < x.size(); ++i)
      EXPECT_EQ(half.data<Float16>()[i].bits, Float16(x[i]).bits);
  }
}

TEST_F(Hdf5Read, Bfloat16InItsThreeForms) {
  const std::vector<float> x = {0.125f, -3.0f, 0x1p100f, 0.0f};
  std::vector<std::uint16_t> bits;
  for (const float value : x)
    bits.push_back(BFloat16(value).bits);
  const auto check = [&](const Tensor& tensor) {
    ASSERT_EQ(tensor.dtype(), DType::bf16);
    for (std::size_t i = 0; i < x.size(); ++i)
      EXPECT_EQ(static_cast<float>(tensor.data<BFloat16>()[i]), x[i]);
  };
  check(round_trip(half_type(8, 7, 127, false), {2, 2}, x.data(), H5T_NATIVE_FLOAT));
  check(round_trip(half_type(8, 7, 127, true), {2, 2}, x.data(), H5T_NATIVE_FLOAT));
  check(round_trip(half_type(8, 7, 127, false), {2, 2}, x.data(), H5T_NATIVE_FLOAT, "bfloat16"));
  check(round_trip(H5T_STD_U16LE, {2, 2}, bits.data(), H5T_NATIVE_UINT16, "bfloat16"));
  check(round_trip(H5T_STD_U16BE, {2, 2}, bits.data(), H5T_NATIVE_UINT16, "torch.bfloat16"));
  const Id opaque = H5Tcreate(H5T_OPAQUE, 2);  // as h5py stores an array of ml_dtypes.bfloat16
  ok(H5Tset_tag(opaque, "NUMPY:bfloat16"));
  check(round_trip(opaque, {2, 2}, bits.data(), opaque, "bfloat16"));
}

TEST_F(Hdf5Read, IntegersAndBoolsBecomeI64) {
  const std::vector<std::int64_t> x = {0, 1, 100, 127};
  for (const hid_t type :
       {H5T_STD_I8LE, H5T_STD_I16LE, H5T_STD_I16BE, H5T_STD_I32LE, H5T_STD_I32BE, H5T_STD_I64LE,
        H5T_STD_I64BE, H5T_STD_U8LE, H5T_STD_U32LE, H5T_STD_U32BE, H5T_STD_U64LE, H5T_STD_U64BE}) {
    EXPECT_EQ(values<std::int64_t>(round_trip(type, {4}, x.data(), H5T_NATIVE_INT64)), x);
  }
  EXPECT_EQ(values<std::int64_t>(round_trip(H5T_STD_U16LE, {4}, x.data(), H5T_NATIVE_INT64, "uint16")), x);

  const std::vector<std::int64_t> negative = {-1, -128, 127};
  for (const hid_t type : {H5T_STD_I8LE, H5T_STD_I16BE, H5T_STD_I32LE, H5T_STD_I64BE})
    EXPECT_EQ(values<std::int64_t>(round_trip(type, {3}, negative.data(), H5T_NATIVE_INT64)), negative);
  const std::uint8_t high = 200;
  EXPECT_EQ(values<std::int64_t>(round_trip(H5T_STD_U8LE, {1}, &high, H5T_NATIVE_UINT8)),
            (std::vector<std::int64_t>{200}));

  const Id boolean = H5Tenum_create(H5T_NATIVE_INT8);  // as h5py stores numpy.bool_
  std::int8_t no = 0;
  std::int8_t yes = 1;
  ok(H5Tenum_insert(boolean, "FALSE", &no));
  ok(H5Tenum_insert(boolean, "TRUE", &yes));
  const std::array<std::int8_t, 3> flags = {1, 0, 1};
  EXPECT_EQ(values<std::int64_t>(round_trip(boolean, {3}, flags.data(), boolean)),
            (std::vector<std::int64_t>{1, 0, 1}));
  EXPECT_EQ(values<std::int64_t>(round_trip(H5T_STD_B8LE, {3}, flags.data(), H5T_STD_B8LE)),
            (std::vector<std::int64_t>{1, 0, 1}));
}

TEST_F(Hdf5Read, UnsignedBeyondI64IsRefused) {
  const std::uint64_t huge = std::uint64_t{1} << 63;
  const std::string text =
      message_of<LoadError>([&] { round_trip(H5T_STD_U64LE, {1}, &huge, H5T_NATIVE_UINT64); });
  EXPECT_THAT(text, HasSubstr("entry 'w' holds 9223372036854775808, which does not fit i64"));
}

TEST_F(Hdf5Read, NanAndInfinityBitForBit) {
  std::array<std::uint32_t, 4> bits = {0x7fc00001u, 0xff800000u, 0x7f800000u, 0x7f800001u};
  const Tensor x = round_trip(H5T_IEEE_F32LE, {4}, bits.data(), H5T_IEEE_F32LE);
  for (std::size_t i = 0; i < bits.size(); ++i)
    EXPECT_EQ(std::bit_cast<std::uint32_t>(x.data<float>()[i]), bits[i]);
}

TEST_F(Hdf5Read, ScalarsAndEmptyTensors) {
  {
    const Id file = create_file(path());
    floats(file, "scalar", {}, 7.0f);
    floats(file, "empty", {3, 0, 2});
    const Id dcpl = chunked({4});
    ok(H5Pset_deflate(dcpl, 4));
    const hsize_t none = 0;
    const hsize_t unlimited = H5S_UNLIMITED;
    dataset(file, "grows", H5T_IEEE_F32LE, Id(H5Screate_simple(1, &none, &unlimited)), nullptr,
            H5I_INVALID_HID, dcpl);
  }
  const StateDict weights = upconv::read_hdf5(path());
  EXPECT_EQ(weights.at("scalar").shape(), Shape{});
  EXPECT_EQ(weights.at("scalar").data<float>()[0], 7.0f);
  EXPECT_EQ(weights.at("empty").shape(), (Shape{3, 0, 2}));
  EXPECT_EQ(weights.at("grows").shape(), Shape{0});
}

TEST_F(Hdf5Read, EveryFilterAndChunking) {
  std::vector<float> x(40 * 25);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(i % 17) / 8.0f;
  const auto expect_same = [&](hid_t dcpl, hid_t type = H5T_IEEE_F32LE) {
    EXPECT_EQ(values<float>(round_trip(type, {40, 25}, x.data(), H5T_NATIVE_FLOAT, nullptr, dcpl)), x);
  };
  for (const Dims& chunk : {Dims{40, 25}, Dims{7, 25}, Dims{16, 16}, Dims{1, 1}}) {
    expect_same(chunked(chunk));
    Id gzip = chunked(chunk);
    ok(H5Pset_shuffle(gzip));
    ok(H5Pset_deflate(gzip, 6));
    ok(H5Pset_fletcher32(gzip));
    expect_same(gzip);
    expect_same(gzip, H5T_IEEE_F32BE);
    Id partly_plain = chunked(chunk);
    ok(H5Pset_deflate(partly_plain, 6));
    ok(H5Pset_chunk_opts(partly_plain, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS));
    expect_same(partly_plain);
  }
  if (H5Zfilter_avail(H5Z_FILTER_SZIP) > 0) {
    Id szip = chunked({16, 16});
    ok(H5Pset_szip(szip, H5_SZIP_NN_OPTION_MASK, 16));
    expect_same(szip);
  }
  Id nbit = chunked({8, 8});
  ok(H5Pset_nbit(nbit));
  expect_same(nbit);
  Id scale = chunked({16, 16});
  ok(H5Pset_scaleoffset(scale, H5Z_SO_FLOAT_DSCALE, 3));
  const Tensor rounded = round_trip(H5T_IEEE_F32LE, {40, 25}, x.data(), H5T_NATIVE_FLOAT, nullptr, scale);
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(rounded.data<float>()[i], x[i], 1e-3f);
  Id compact = H5Pcreate(H5P_DATASET_CREATE);
  ok(H5Pset_layout(compact, H5D_COMPACT));
  expect_same(compact);
}

TEST_F(Hdf5Read, ScaleOffsetIntegers) {
  std::vector<std::int32_t> x(100);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<std::int32_t>(1000 + i);
  Id dcpl = chunked({32});
  ok(H5Pset_scaleoffset(dcpl, H5Z_SO_INT, H5Z_SO_INT_MINBITS_DEFAULT));
  const Tensor y = round_trip(H5T_STD_I32LE, {100}, x.data(), H5T_NATIVE_INT32, nullptr, dcpl);
  EXPECT_EQ(values<std::int64_t>(y), std::vector<std::int64_t>(x.begin(), x.end()));
}

std::vector<unsigned char> from_hex(const std::string& hex) {
  std::vector<unsigned char> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<unsigned char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

// The chunks are h5py 3.7's, of numpy.arange(96) // 12 as float32 [8,12]: what its own filter made.
TEST_F(Hdf5Read, LzfAsH5pyWritesIt) {
  upconv::Hdf5WriteOptions unused;
  upconv::write_hdf5(path(), StateDict{}, unused);  // registers the filter, which H5Pset_filter wants to see
  const auto plain = from_hex(
      "010000e0270001803fe02503010040e025030040202fe023030080202fe0230300a0202fe0230300c0202fe0230300e0202fe0"
      "1f0301"
      "e040");
  const auto shuffled = from_hex(
      "010000e0c1000080e00200e003d50040e00200e002220180a0e0020000c0e0020000e0e00200e00347003fe00200e00252e032"
      "000140"
      "406a0295d4");
  const unsigned parameters[] = {4, 261, 384};
  {
    const Id file = create_file(path());
    for (const bool with_others : {false, true}) {
      const Id dcpl = chunked({8, 12});
      if (with_others) ok(H5Pset_shuffle(dcpl));
      ok(H5Pset_filter(dcpl, 32000, H5Z_FLAG_OPTIONAL, 3, parameters));
      if (with_others) ok(H5Pset_fletcher32(dcpl));
      const Id set = dataset(file, with_others ? "shuffled" : "plain", H5T_IEEE_F32LE, space_of({8, 12}),
                             nullptr, H5I_INVALID_HID, dcpl);
      const auto& chunk = with_others ? shuffled : plain;
      const hsize_t origin[] = {0, 0};
      ok(H5Dwrite_chunk(set, H5P_DEFAULT, 0, origin, chunk.size(), chunk.data()));
    }
  }
  const StateDict weights = upconv::read_hdf5(path());
  for (const auto& [name, tensor] : weights) {
    for (std::size_t i = 0; i < 96; ++i)
      EXPECT_EQ(tensor.data<float>()[i], static_cast<float>(i / 12)) << name << ' ' << i;
  }
}

TEST_F(Hdf5Read, FlatAndNestedNamesMeanTheSame) {
  {
    const Id file = create_file(path());
    floats(file, "b.weight", {2});
    const Id outer = group(file, "a");
    const Id inner = group(outer, "0");
    floats(inner, "weight", {3});
    floats(inner, "bias.x", {1});
  }
  EXPECT_THAT(names(upconv::read_hdf5(path())), ElementsAre("a.0.bias.x", "a.0.weight", "b.weight"));
}

TEST_F(Hdf5Read, CreationOrderIsKept) {
  {
    const Id fcpl = H5Pcreate(H5P_FILE_CREATE);
    ok(H5Pset_link_creation_order(fcpl, H5P_CRT_ORDER_TRACKED));
    const Id file = H5Fcreate(path().c_str(), H5F_ACC_TRUNC, fcpl, H5P_DEFAULT);
    for (const char* name : {"10", "9", "b", "a", "c", "z", "y", "x", "w", "v"})
      floats(file, name, {1});
  }
  EXPECT_THAT(names(upconv::read_hdf5(path())),
              ElementsAre("10", "9", "b", "a", "c", "z", "y", "x", "w", "v"));
}

TEST_F(Hdf5Read, UnicodeNames) {
  {
    const Id file = create_file(path());
    floats(file,
           "d\xc3\xa9"
           "codeur.\xf0\x9f\x98\x80",
           {1});
  }
  EXPECT_THAT(names(upconv::read_hdf5(path())), ElementsAre("d\xc3\xa9"
                                                            "codeur.\xf0\x9f\x98\x80"));
}

TEST_F(Hdf5Read, RootGroupAndPrefix) {
  {
    const Id file = create_file(path());
    const Id model = group(file, "model");
    const Id state = group(model, "state_dict");
    floats(state, "module.weight", {2});
    floats(state, "module.bias", {1});
    floats(state, "step", {});
    const Id optimizer = group(file, "optimizer");
    dataset(optimizer, "text", H5T_C_S1, space_of({}), "x");
  }
  const StateDict weights =
      upconv::read_hdf5(path(), {.root_group = "model/state_dict", .prefix = "module."});
  EXPECT_THAT(names(weights), ElementsAre("bias", "weight"));
  EXPECT_EQ(weights.source(), path().string());
  EXPECT_THAT(weights.notes(),
              ElementsAre("read group '/model/state_dict'", "prefix 'module.' taken off 2 names",
                          "1 entries without the prefix left out"));
  EXPECT_EQ(upconv::read_hdf5(path(), {.root_group = "/model/state_dict/"}).size(), 3u);

  const auto text = [&](const upconv::Hdf5ReadOptions& options) {
    return message_of<LoadError>([&] { upconv::read_hdf5(path(), options); });
  };
  EXPECT_THAT(text({.root_group = "model/weights"}),
              HasSubstr("it has no group '/model/weights'; at its root are: model, optimizer"));
  EXPECT_THAT(text({.root_group = "model/state_dict/step"}), HasSubstr("it has no group"));
  EXPECT_THAT(text({.root_group = "model", .prefix = "net."}),
              HasSubstr("no name in it starts with the prefix 'net.'"));
}

TEST_F(Hdf5Read, TiedWeightsAndSoftLinks) {
  {
    const Id file = create_file(path());
    floats(file, "decoder", {2}, 5.0f);
    ok(H5Lcreate_hard(file, "decoder", file, "encoder", H5P_DEFAULT, H5P_DEFAULT));
    ok(H5Lcreate_soft("/decoder", file, "soft", H5P_DEFAULT, H5P_DEFAULT));
    const Id block = group(file, "block");
    floats(block, "w", {1});
    ok(H5Lcreate_hard(file, "block", file, "same_block", H5P_DEFAULT, H5P_DEFAULT));
  }
  const StateDict weights = upconv::read_hdf5(path());
  EXPECT_THAT(names(weights), ElementsAre("block.w", "decoder", "encoder", "same_block.w", "soft"));
  EXPECT_EQ(values<float>(weights.at("encoder")), (std::vector<float>{5, 6}));
  EXPECT_EQ(values<float>(weights.at("soft")), (std::vector<float>{5, 6}));
  const auto entries = upconv::list_hdf5(path());
  EXPECT_EQ(entries[1].tied_to, "");
  EXPECT_EQ(entries[2].tied_to, "decoder");
  EXPECT_EQ(entries[4].tied_to, "decoder");
}

TEST_F(Hdf5Read, FileWithAUserBlock) {
  {
    const Id fcpl = H5Pcreate(H5P_FILE_CREATE);
    ok(H5Pset_userblock(fcpl, 1024));
    const Id file = H5Fcreate(path().c_str(), H5F_ACC_TRUNC, fcpl, H5P_DEFAULT);
    floats(file, "w", {3}, 1.0f);
    const Id gzip = chunked({2});
    ok(H5Pset_deflate(gzip, 1));
    floats(file, "z", {3}, 1.0f, gzip);
  }
  const StateDict weights = upconv::read_hdf5(path());
  EXPECT_EQ(values<float>(weights.at("w")), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(values<float>(weights.at("z")), (std::vector<float>{1, 2, 3}));
}

TEST_F(Hdf5Read, ListTellsEverythingAboutAnEntry) {
  {
    const Id file = create_file(path());
    const Id dcpl = chunked({2, 4});
    ok(H5Pset_shuffle(dcpl));
    ok(H5Pset_deflate(dcpl, 9));
    ok(H5Pset_fletcher32(dcpl));
    floats(group(file, "a"), "w", {4, 4}, 0.0f, dcpl);
    dataset(file, "text", H5T_C_S1, space_of({}), "x");
  }
  const auto entries = upconv::list_hdf5(path());
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "a.w");
  EXPECT_EQ(entries[0].path, "/a/w");
  EXPECT_EQ(entries[0].shape, (Shape{4, 4}));
  EXPECT_EQ(entries[0].dtype, DType::f32);
  EXPECT_EQ(entries[0].stored_type, "float32");
  EXPECT_EQ(entries[0].layout, "chunked");
  EXPECT_GT(entries[0].stored_bytes, 0u);
  EXPECT_THAT(entries[0].chunk, ElementsAre(2u, 4u));
  EXPECT_THAT(entries[0].filters, ElementsAre("shuffle", "gzip(9)", "fletcher32"));
  EXPECT_EQ(entries[0].problem, "");
  EXPECT_EQ(entries[1].stored_type, "a string of 1 bytes");
  EXPECT_FALSE(entries[1].dtype.has_value());
  EXPECT_THAT(entries[1].problem, HasSubstr("which upconv has no type for"));
}

TEST_F(Hdf5Read, TheHostProgramKeepsItsErrorPrinting) {
  H5E_auto2_t before = nullptr;
  void* data = nullptr;
  ok(H5Eget_auto2(H5E_DEFAULT, &before, &data));
  EXPECT_THROW(upconv::read_hdf5(dir_ / "nothing.h5"), LoadError);
  H5E_auto2_t after = nullptr;
  ok(H5Eget_auto2(H5E_DEFAULT, &after, &data));
  EXPECT_EQ(before, after);
  EXPECT_EQ(H5Eget_num(H5E_DEFAULT), 0);
}

}  // namespace
