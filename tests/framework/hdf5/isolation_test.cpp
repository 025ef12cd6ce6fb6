#include <cstring>
#include <thread>

#include "files.h"
#include "framework/test_module.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>

/// Files read in a process of their own: the same results, the same messages, and whatever becomes of that
/// process is a LoadError here.
namespace {

using namespace hdf5_files;
using test_module::message_of;
using testing::AllOf;
using testing::HasSubstr;
using upconv::DType;
using upconv::Hdf5ReadOptions;
using upconv::LoadError;
using upconv::StateDict;
using upconv::Tensor;

namespace fs = std::filesystem;

const Hdf5ReadOptions kIsolated{.isolate = true};

StateDict sample() {
  std::vector<float> values(24);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i) + 0.5f;
  StateDict weights;
  weights.insert("module.0.weight", Tensor::from<float>(values, {2, 3, 2, 2}));
  weights.insert("module.0.bias", Tensor::full({2}, -1.0, DType::bf16));
  weights.insert("module.1.count", Tensor::full({}, 5.0, DType::i64));
  weights.insert("module.1.none", Tensor::full({0, 3}, 5.0, DType::f64));
  return weights;
}

void expect_same(const StateDict& a, const StateDict& b) {
  ASSERT_EQ(a.size(), b.size());
  for (auto left = a.begin(), right = b.begin(); left != a.end(); ++left, ++right) {
    EXPECT_EQ(left->first, right->first);
    ASSERT_TRUE(left->second.spec() == right->second.spec()) << left->first;
    const std::size_t bytes = left->second.spec().bytes();
    if (bytes == 0) continue;
    EXPECT_EQ(std::memcmp(left->second.view().raw(), right->second.view().raw(), bytes), 0);
  }
  EXPECT_EQ(a.source(), b.source());
  EXPECT_EQ(a.notes(), b.notes());
}

std::size_t open_files() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

/// A stand-in for upconv-read-hdf5.
fs::path script(const TempDir& dir, const std::string& text) {
  const fs::path path = dir / "program";
  write_bytes(path, "#!/bin/sh\n" + text + "\n");
  fs::permissions(path, fs::perms(0755));
  return path;
}

std::string message_with(const fs::path& path, upconv::Hdf5Isolation isolation) {
  return message_of<LoadError>(
      [&] { upconv::read_hdf5(path, {.isolate = true, .isolation = std::move(isolation)}); });
}

TEST(Hdf5Isolation, ReadsWhatIsReadWithoutIt) {
  const TempDir dir;
  const fs::path path = dir / "w.h5";
  for (const upconv::Hdf5Compression compression :
       {upconv::Hdf5Compression::none, upconv::Hdf5Compression::gzip, upconv::Hdf5Compression::lzf}) {
    upconv::write_hdf5(path, sample(), {.compression = compression});
    expect_same(upconv::read_hdf5(path, kIsolated), upconv::read_hdf5(path));
    expect_same(upconv::read_hdf5(path, {.prefix = "module.0.", .isolate = true}),
                upconv::read_hdf5(path, {.prefix = "module.0."}));
  }
  const auto here = upconv::list_hdf5(path);
  const auto there = upconv::list_hdf5(path, kIsolated);
  ASSERT_EQ(here.size(), there.size());
  for (std::size_t i = 0; i < here.size(); ++i) {
    EXPECT_EQ(here[i].path, there[i].path);
    EXPECT_EQ(here[i].stored_type, there[i].stored_type);
    EXPECT_EQ(here[i].layout, there[i].layout);
    EXPECT_EQ(here[i].stored_bytes, there[i].stored_bytes);
    EXPECT_EQ(here[i].chunk, there[i].chunk);
    EXPECT_EQ(here[i].filters, there[i].filters);
  }
}

TEST(Hdf5Isolation, LoadsAModule) {
  const TempDir dir;
  StateDict weights;
  weights.insert("block.weight", Tensor::full({2, 3}, 0.25));
  weights.insert("block.bias", Tensor::full({2}, 3.0));
  upconv::write_hdf5(dir / "w.h5", weights);
  test_module::Net net;
  EXPECT_TRUE(upconv::load_hdf5(net, dir / "w.h5", {}, kIsolated).unexpected.empty());
  EXPECT_EQ(net.state_dict().at("block.bias").data<float>()[1], 3.0f);
}

TEST(Hdf5Isolation, FilesThatCrashTheLibraryAreRefused) {
  const std::size_t files_before = open_files();
  int crashes = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(UPCONV_CRASHING_FILES)) {
    const std::string text = message_with(entry.path(), {});
    EXPECT_THAT(text, HasSubstr("cannot read '" + entry.path().string() + "': ")) << entry.path();
    crashes += text.find("the HDF5 library crashed on it (signal ") != std::string::npos;
  }
  EXPECT_EQ(open_files(), files_before);
  RecordProperty("crashes", crashes);
}

TEST(Hdf5Isolation, AShortChecksumIsSeenWithoutIt) {
  const std::string text = message_of<LoadError>(
      [] { upconv::read_hdf5(fs::path(UPCONV_CRASHING_FILES) / "fletcher32_short.h5"); });
  EXPECT_THAT(text,
              HasSubstr("a chunk has 3 bytes in the file, shorter than the filter fletcher32 makes any"));
}

TEST(Hdf5Isolation, ACrashIsToldWithItsSignal) {
  const TempDir dir;
  upconv::write_hdf5(dir / "w.h5", sample());
  EXPECT_THAT(
      message_with(dir / "w.h5", {.program = script(dir, "kill -SEGV $$")}),
      AllOf(HasSubstr("cannot read '" + (dir / "w.h5").string() + "'"),
            HasSubstr("the HDF5 library crashed on it (signal 11, Segmentation fault, in a process of "
                      "its own): the file is damaged, or made to do harm")));
  EXPECT_THAT(message_with(dir / "w.h5", {.program = script(dir, "kill -KILL $$")}),
              HasSubstr("was killed from outside, perhaps for lack of memory"));
  EXPECT_THAT(message_with(dir / "w.h5", {.program = script(dir, "kill -XCPU $$")}),
              HasSubstr("did not come to an end with it: the file is damaged, or isolation.seconds too low"));
  EXPECT_THAT(message_with(dir / "w.h5", {.program = script(dir, "exit 127")}),
              HasSubstr("cannot run: start it by hand to see why"));
  EXPECT_THAT(message_with(dir / "w.h5", {.program = script(dir, "exit 5")}), HasSubstr("exit status 5"));
}

TEST(Hdf5Isolation, AHangEndsAtTheTimeLimit) {
  const TempDir dir;
  upconv::write_hdf5(dir / "w.h5", sample());
  const std::string text =
      message_with(dir / "w.h5", {.seconds = 0.2, .program = script(dir, "exec sleep 100")});
  EXPECT_THAT(text, HasSubstr("did not come to an end with it in 0.2"));
  EXPECT_THAT(text, HasSubstr("raise isolation.seconds"));
}

TEST(Hdf5Isolation, NonsenseIsNotBelieved) {
  const TempDir dir;
  upconv::write_hdf5(dir / "w.h5", sample());
  const fs::path fine = script(dir, R"(printf '\010\0\0\0\0\0\0\0\0\377\0\0\0\0\0\0\0' >&0
sleep 2)");  // it must be there to be asked
  EXPECT_THAT(message_with(dir / "w.h5", {.program = fine}), HasSubstr("an answer that makes no sense"));
  const fs::path endless = script(dir, R"(exec printf '\377\377\377\377\377\377\377\377\0' >&0)");
  EXPECT_THAT(message_with(dir / "w.h5", {.program = endless}), HasSubstr("ended with exit status 0"));
}

/// True unless this is a build with a sanitizer, with which the program sets no limit.
constexpr bool limits_memory() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;
#elif defined(__has_feature)
  return !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
  return true;
#endif
}

TEST(Hdf5Isolation, MemoryIsLimited) {
  const TempDir dir;
  StateDict weights;
  weights.insert("large", Tensor::zeros({32, 1024, 1024}));
  upconv::write_hdf5(dir / "w.h5", weights);
  EXPECT_EQ(message_with(dir / "w.h5", {}), "");
  const std::string limited = message_with(dir / "w.h5", {.memory_bytes = std::uint64_t{100} << 20});
  if (limits_memory()) {
    EXPECT_THAT(limited, AllOf(HasSubstr("it needs more memory than its process may take"),
                               HasSubstr("raise isolation.memory_bytes")));
  } else {
    EXPECT_EQ(limited, "");
  }
}

TEST(Hdf5Isolation, ItsProgramIsFoundOrAskedFor) {
  const TempDir dir;
  upconv::write_hdf5(dir / "w.h5", sample());
  EXPECT_EQ(message_with(dir / "w.h5", {}), "");
  EXPECT_THAT(message_with(dir / "w.h5", {.program = dir / "none"}),
              HasSubstr("which reads it in isolation, cannot be started: No such file or directory"));
  ASSERT_EQ(::setenv("UPCONV_READ_HDF5", (dir / "nowhere").c_str(), 1), 0);
  EXPECT_THAT(message_with(dir / "w.h5", {}), HasSubstr("nowhere', which reads it in isolation"));
  ASSERT_EQ(::unsetenv("UPCONV_READ_HDF5"), 0);
  EXPECT_THAT(message_of<upconv::ArgumentError>(
                  [&] { upconv::read_hdf5(dir / "w.h5", {.isolate = true, .isolation = {.seconds = 0}}); }),
              HasSubstr("isolation.seconds must be more than 0, got 0"));
  EXPECT_THAT(message_of<upconv::ArgumentError>(
                  [&] { upconv::read_hdf5(dir / "w.h5", {.isolate = true, .max_depth = -1}); }),
              HasSubstr("max_depth must be 0 to 1000"));
}

TEST(Hdf5Isolation, AHostThatIgnoresItsChildrenMayReadToo) {
  const TempDir dir;
  upconv::write_hdf5(dir / "w.h5", sample());
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(message_with(dir / "w.h5", {}), "");
  EXPECT_THAT(message_with(dir / "w.h5", {.program = script(dir, "kill -SEGV $$")}),
              HasSubstr("ended too early: the file is damaged"));
  ::signal(SIGCHLD, before);
}

TEST(Hdf5Isolation, ThreadsReadAtOnce) {
  const TempDir dir;
  upconv::write_hdf5(dir / "w.h5", sample());
  std::vector<std::thread> threads;
  std::vector<int> counts(4);
  for (int& count : counts) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i)
        count += upconv::read_hdf5(dir / "w.h5", kIsolated).size() == 4;
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_THAT(counts, testing::Each(10));
}

}  // namespace
