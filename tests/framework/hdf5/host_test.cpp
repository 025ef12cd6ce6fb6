#include <thread>

#include "files.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>

/// A program that uses the HDF5 library itself finds it as it was, whatever upconv read or wrote.
namespace {

using namespace hdf5_files;

constexpr H5Z_filter_t kLzf = 32000;

herr_t count_call(hid_t, void* count) {
  ++*static_cast<int*>(count);
  return 0;
}

/// What upconv has to touch for its own calls. Public fields: shown when two differ.
struct LibraryState {
  unsigned plugins = 0;
  int filters_of_ours = 0;
  bool external_links = false;
  H5E_auto2_t print = nullptr;
  void* print_data = nullptr;
  ssize_t open_objects = 0;

  bool operator==(const LibraryState&) const = default;
};

LibraryState state() {
  LibraryState now;
  ok(H5PLget_loading_state(&now.plugins));
  ok(H5PLset_loading_state(0));
  for (H5Z_filter_t id = 256; id < 512; ++id)
    now.filters_of_ours += H5Zfilter_avail(id) > 0;
  now.filters_of_ours += H5Zfilter_avail(kLzf) > 0;
  ok(H5PLset_loading_state(now.plugins));
  now.external_links = H5Lis_registered(H5L_TYPE_EXTERNAL) > 0;
  ok(H5Eget_auto2(H5E_DEFAULT, &now.print, &now.print_data));
  now.open_objects = H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL);
  return now;
}

upconv::StateDict sample() {
  upconv::StateDict weights;
  weights.insert("weight", upconv::Tensor::full({64, 64}, 0.5));
  return weights;
}

class Hdf5Host : public testing::Test {
 protected:
  Hdf5Host() {
    ok(H5Eset_auto2(H5E_DEFAULT, count_call, &errors_));
    before_ = state();
  }
  ~Hdf5Host() override { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }
  void expect_as_before() {
    EXPECT_TRUE(state() == before_) << "filters " << state().filters_of_ours << " instead of "
                                    << before_.filters_of_ours << ", external links "
                                    << state().external_links << ", objects " << state().open_objects;
  }

  int errors_ = 0;
  LibraryState before_;
  TempDir dir_;
};

TEST_F(Hdf5Host, EveryKindOfWriteAndReadLeavesTheLibraryAsItWas) {
  ASSERT_TRUE(before_.external_links);
  ASSERT_EQ(before_.filters_of_ours, 0);
  using upconv::Hdf5Compression;
  for (const Hdf5Compression compression :
       {Hdf5Compression::none, Hdf5Compression::gzip, Hdf5Compression::lzf}) {
    upconv::write_hdf5(dir_ / "w.h5", sample(), {.compression = compression, .fletcher32 = true});
    expect_as_before();
    EXPECT_EQ(upconv::read_hdf5(dir_ / "w.h5").at("weight").data<float>()[9], 0.5f);
    expect_as_before();
    upconv::list_hdf5(dir_ / "w.h5");
    expect_as_before();
  }
  EXPECT_EQ(errors_, 0);
}

TEST_F(Hdf5Host, ARefusedFileLeavesTheLibraryAsItWas) {
  upconv::write_hdf5(dir_ / "w.h5", sample(),
                     {.compression = upconv::Hdf5Compression::lzf, .fletcher32 = true});
  std::uint64_t place = 0;
  {
    const Id file = H5Fopen((dir_ / "w.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    place = first_chunk(Id(H5Dopen2(file, "weight", H5P_DEFAULT))).offset;
  }
  flip_byte(dir_ / "w.h5", place + 4);
  EXPECT_THROW(upconv::read_hdf5(dir_ / "w.h5"), upconv::LoadError);
  expect_as_before();
  EXPECT_THROW(upconv::read_hdf5(dir_ / "none.h5"), upconv::LoadError);
  expect_as_before();
  EXPECT_EQ(errors_, 0);
}

TEST_F(Hdf5Host, ItsExternalLinksStillLeadOut) {
  upconv::write_hdf5(dir_ / "other.h5", sample());
  {
    const Id file = create_file(dir_ / "links.h5");
    ok(H5Lcreate_external((dir_ / "other.h5").c_str(), "/weight", file, "out", H5P_DEFAULT, H5P_DEFAULT));
  }
  EXPECT_THROW(upconv::read_hdf5(dir_ / "links.h5"), upconv::LoadError);
  const Id file = H5Fopen((dir_ / "links.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  EXPECT_GE(Id(H5Dopen2(file, "out", H5P_DEFAULT)), 0);
}

/// The path through the link is given by the caller, not found in the file.
TEST_F(Hdf5Host, ARootGroupDoesNotLeadOut) {
  {
    const Id other = create_file(dir_ / "other.h5");
    floats(group(other, "group"), "weight", {2});
    const Id file = create_file(dir_ / "links.h5");
    ok(H5Lcreate_external((dir_ / "other.h5").c_str(), "/group", file, "out", H5P_DEFAULT, H5P_DEFAULT));
  }
  try {
    upconv::read_hdf5(dir_ / "links.h5", {.root_group = "out"});
    FAIL() << "followed an external link";
  } catch (const upconv::LoadError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("it has no group '/out'"));
  }
}

/// The library does not give up a filter that someone's open dataset names: it must then stay usable.
TEST_F(Hdf5Host, AnOpenDatasetOfTheHostMayKeepTheFilter) {
  upconv::write_hdf5(dir_ / "w.h5", sample(), {.compression = upconv::Hdf5Compression::lzf});
  const Id file = H5Fopen((dir_ / "w.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const Id dataset = H5Dopen2(file, "weight", H5P_DEFAULT);
  EXPECT_EQ(upconv::read_hdf5(dir_ / "w.h5").at("weight").data<float>()[9], 0.5f);
  std::vector<float> values(64 * 64);
  if (H5Zfilter_avail(kLzf) > 0) {
    EXPECT_GE(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
    EXPECT_EQ(values[9], 0.5f);
  }
}

TEST_F(Hdf5Host, ThreadsMayReadAtOnce) {
  upconv::write_hdf5(dir_ / "w.h5", sample(), {.compression = upconv::Hdf5Compression::lzf});
  std::vector<std::thread> threads;
  std::vector<int> sums(4);
  for (int& sum : sums) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i)
        sum += upconv::read_hdf5(dir_ / "w.h5").at("weight").data<float>()[i] == 0.5f;
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_THAT(sums, testing::Each(25));
  expect_as_before();
}

}  // namespace
