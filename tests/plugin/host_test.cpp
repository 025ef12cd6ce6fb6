#include <chrono>
#include <thread>

#include "framework/hdf5/files.h"
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

/// A program that does not know upconv, loads plugins that use it, unloads them, and works with HDF5 itself.
namespace {

using namespace hdf5_files;

void run_and_unload(const std::string& path) {
  void* plugin = ::dlopen(UPCONV_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(plugin, nullptr) << ::dlerror();
  const auto run = reinterpret_cast<int (*)(const char*)>(::dlsym(plugin, "run_plugin"));
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run(path.c_str()), 0);
  ASSERT_EQ(::dlclose(plugin), 0);
  ASSERT_EQ(::dlopen(UPCONV_PLUGIN, RTLD_NOW | RTLD_NOLOAD), nullptr) << "it was not unloaded";
}

TEST(Plugin, IsUnloadedThreeTimesAndLeavesNothingBehind) {
  const TempDir dir;
  const std::string path = dir / "w.h5";
  {
    const Id file = create_file(dir / "links.h5");
    ok(H5Lcreate_external(path.c_str(), "/bias", file, "out", H5P_DEFAULT, H5P_DEFAULT));
  }
  for (int i = 0; i < 3; ++i) {
    run_and_unload(path);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // threads of the plugin, if any, run on

    const Id links = H5Fopen((dir / "links.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    EXPECT_GE(Id(H5Dopen2(links, "out", H5P_DEFAULT)), 0);

    const Id file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const Id dataset = H5Dopen2(file, "weight", H5P_DEFAULT);
    std::vector<float> values(16 * 16 * 3 * 3);
    H5E_auto2_t print = nullptr;
    void* data = nullptr;
    ok(H5Eget_auto2(H5E_DEFAULT, &print, &data));
    EXPECT_NE(print, nullptr);
    ok(H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr));
    // The filter was upconv's: without a plugin of the program's own that is an error, and no crash.
    H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    ok(H5Eset_auto2(H5E_DEFAULT, print, data));
  }
}

}  // namespace
