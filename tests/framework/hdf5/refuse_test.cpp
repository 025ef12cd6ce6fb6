#include <algorithm>

#include "bad_files.h"
#include "framework/test_module.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/framework/hdf5/library.h>

/// Every bad file is refused with a LoadError that names file and dataset, and the module stays as it was.
namespace {

using namespace hdf5_files;
using hdf5_bad_files::BadFile;
using test_module::bits_of;
using test_module::message_of;
using test_module::Net;
using testing::HasSubstr;
using upconv::DType;
using upconv::LoadError;
using upconv::Tensor;

namespace fs = std::filesystem;

void write_magic(const fs::path& path, const std::string& text) {
  write_bytes(path, text);
}

void make_truncated(const fs::path& path, std::size_t keep_percent) {
  {
    const Id file = hdf5_bad_files::file_with_bias(path);
    floats(file, "block.weight", {2, 3});
  }
  std::vector<char> bytes = read_bytes(path);
  bytes.resize(bytes.size() * keep_percent / 100);
  write_bytes(path, bytes);
}

void make_newer_version(const fs::path& path) {
  const Id file = hdf5_bad_files::file_with_bias(path);
  const Id space = space_of({});
  const Id attribute =
      H5Acreate2(file, "upconv_format_version", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  const std::int64_t version = 2;
  ok(H5Awrite(attribute, H5T_NATIVE_INT64, &version));
}

void make_newer_superblock(const fs::path& path) {
  { const Id file = hdf5_bad_files::file_with_bias(path); }
  std::vector<char> bytes = read_bytes(path);
  bytes[8] = 4;
  write_bytes(path, bytes);
}

std::vector<BadFile> bad_files() {
  std::vector<BadFile> all = {
      {"Missing", [](const fs::path&) {}, "", "there is no such file"},
      {"Directory", [](const fs::path& path) { fs::create_directory(path); }, "", "it is a directory"},
      {"EmptyFile", [](const fs::path& path) { write_magic(path, ""); }, "", "the file is empty"},
      {"WrongMagic", [](const fs::path& path) { write_magic(path, "these are not weights"); }, "",
       "not an HDF5 file: its signature is missing"},
      {"OneByte", [](const fs::path& path) { write_magic(path, "\x89"); }, "", "not an HDF5 file"},
      {"PyTorchCheckpoint",
       [](const fs::path& path) { write_magic(path, "PK\x03\x04 and so on, and so on"); }, "",
       "it looks like a PyTorch checkpoint: convert it with tools/export_hdf5.py"},
      {"NumpyArchive",
       [](const fs::path& path) {
         write_magic(path,
                     "PK\x03\x04" + std::string(22, '\0') + "\x09" + std::string(3, '\0') + "conv1.npy");
       },
       "", "it looks like a NumPy archive (.npz): write its arrays with h5py"},
      {"NumpyArray", [](const fs::path& path) { write_magic(path, "\x93NUMPY and so on"); }, "",
       "it looks like a NumPy array: write it with h5py"},
      {"Safetensors",
       [](const fs::path& path) { write_magic(path, "\x40" + std::string(7, '\0') + R"({"weight":{}})"); },
       "", "it looks like a safetensors file: convert it with tools/export_hdf5.py"},
      {"GitLfsPointer",
       [](const fs::path& path) { write_magic(path, "version https://git-lfs.github.com/spec/v1\n"); }, "",
       "it is a Git LFS pointer, not the weights: fetch them with `git lfs pull`"},
      {"WebPage", [](const fs::path& path) { write_magic(path, "\n<!DOCTYPE html><html>"); }, "",
       "it is a web page, not the weights: download the file itself"},
      {"Onnx", [](const fs::path& path) { write_magic(path, "\x08\x07\x12\x07pytorch"); }, "",
       "it looks like an ONNX model: export the PyTorch model that it was made from"},
      {"SignatureOnly", [](const fs::path& path) { write_magic(path, "\x89HDF\r\n\x1a\n"); }, "",
       "the file is damaged"},
      {"TruncatedAtTheEnd", [](const fs::path& path) { make_truncated(path, 90); }, "",
       "the file is truncated"},
      {"TruncatedToAHalf", [](const fs::path& path) { make_truncated(path, 50); }, "",
       "the file is truncated"},
      {"TruncatedToAFew", [](const fs::path& path) { make_truncated(path, 2); }, "", "the file is damaged"},
      {"NewerSuperblock", make_newer_superblock, "",
       "it is written in a form of a newer HDF5, which the library here"},
      {"NewerFormat", make_newer_version, "", "it has format version 2, this upconv reads 1"},
  };
  for (auto* more : {hdf5_bad_files::bad_types, hdf5_bad_files::bad_storage, hdf5_bad_files::bad_links}) {
    for (BadFile& bad : more())
      all.push_back(std::move(bad));
  }
  return all;
}

/// A prepared module with values of its own, to see that a refused file changes nothing.
class PreparedNet {
 public:
  PreparedNet() {
    upconv::StateDict weights;
    weights.insert("block.weight", Tensor::full({2, 3}, 0.25));
    weights.insert("block.bias", Tensor::full({2}, 3.0));
    net_.load(weights);
    net_.prepare(ctx_);
    before_ = bits_of(net_);
  }
  Net& module() { return net_; }
  void expect_untouched() {
    EXPECT_EQ(bits_of(net_), before_);
    ASSERT_TRUE(net_.prepared());
    const Tensor y = net_.forward(Tensor::full({2}, 1.0), ctx_);
    EXPECT_EQ(y.data<float>()[0], 4.0f);
  }

 private:
  upconv::ExecutionContext ctx_;
  Net net_;
  std::vector<std::uint32_t> before_;
};

class Hdf5Refuse : public testing::TestWithParam<BadFile> {};

TEST_P(Hdf5Refuse, NamesFileAndDatasetAndLeavesTheModule) {
  const BadFile& bad = GetParam();
  const TempDir dir;
  const fs::path path = dir / "weights.h5";
  bad.make(path);
  PreparedNet net;

  const std::string text = message_of<LoadError>([&] { upconv::load_hdf5(net.module(), path); });
  EXPECT_THAT(text, HasSubstr(path.string()));
  EXPECT_THAT(text, HasSubstr(bad.dataset));
  EXPECT_THAT(text, HasSubstr(bad.says));
  RecordProperty("message", text);
  net.expect_untouched();
  EXPECT_THROW(upconv::load_hdf5(net.module(), path, {.strict = false}), LoadError);
  net.expect_untouched();

  if (bad.readable) {
    const upconv::StateDict weights = upconv::read_hdf5(path);
    EXPECT_THROW(net.module().load(weights), LoadError);
    net.expect_untouched();
    return;
  }
  const std::string read_text = message_of<LoadError>([&] { upconv::read_hdf5(path); });
  EXPECT_THAT(read_text, HasSubstr(path.string()));
  EXPECT_THAT(read_text, HasSubstr(bad.dataset));
  EXPECT_THAT(read_text, HasSubstr(bad.says));
  EXPECT_EQ(message_of<LoadError>([&] { upconv::read_hdf5(path, {.isolate = true}); }), read_text);
  if (bad.dataset.empty()) {
    EXPECT_THROW(upconv::list_hdf5(path), LoadError);
  }
}

INSTANTIATE_TEST_SUITE_P(BadFiles, Hdf5Refuse, testing::ValuesIn(bad_files()),
                         [](const auto& bad) { return bad.param.name; });

TEST(Hdf5RefuseMore, AllProblemsInOneMessage) {
  const TempDir dir;
  const fs::path path = dir / "weights.h5";
  {
    const Id file = create_file(path);
    dataset(file, "block.weight", H5T_C_S1, space_of({}), "x");
    floats(file, "block.bias", {3});
    floats(file, "extra", {1});
    dataset(file, "empty", H5T_IEEE_F32LE, H5Screate(H5S_NULL));
  }
  Net net;
  const std::string text = message_of<LoadError>([&] { upconv::load_hdf5(net, path); });
  EXPECT_EQ(text,
            "cannot load weights into Net\n" + path.string() +
                ":\n"
                "  unexpected (1):\n"
                "    extra\n"
                "  mismatched (3):\n"
                "    block.bias expected [2], got [3]\n"
                "    entry 'block.weight' is stored as a string of 1 bytes, which upconv has no type for: "
                "store float16, bfloat16, float32, float64, bool or integers\n"
                "    entry 'empty' has no values at all (a null dataspace, h5py.Empty)");
  const std::string read_text = message_of<LoadError>([&] { upconv::read_hdf5(path); });
  EXPECT_THAT(read_text, HasSubstr("2 entries are refused\n  entry 'block.weight' is stored as a string"));
}

TEST(Hdf5RefuseMore, MissingAndUnexpected) {
  const TempDir dir;
  const fs::path path = dir / "weights.h5";
  {
    const Id file = create_file(path);
    floats(file, "block.wieght", {2, 3});
    floats(file, "extra", {1});
  }
  PreparedNet net;
  const std::string text = message_of<LoadError>([&] { upconv::load_hdf5(net.module(), path); });
  EXPECT_THAT(
      text, HasSubstr(path.string() + ":\n  missing (2):\n    block.weight (the nearest is block.wieght)\n"));
  EXPECT_THAT(text, HasSubstr("  unexpected (2):\n    block.wieght\n    extra"));
  net.expect_untouched();
}

TEST(Hdf5RefuseMore, NotFiniteOnRequest) {
  const TempDir dir;
  const fs::path path = dir / "weights.h5";
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    {
      const Id file = hdf5_bad_files::file_with_bias(path);
      floats(file, "block.weight", {2, 3}, bad);
    }
    PreparedNet net;
    const std::string text =
        message_of<LoadError>([&] { upconv::load_hdf5(net.module(), path, {.require_finite = true}); });
    EXPECT_THAT(text, HasSubstr(path.string()));
    EXPECT_THAT(text, HasSubstr("block.weight holds NaN or infinity"));
    net.expect_untouched();
    upconv::load_hdf5(net.module(), path);
    EXPECT_FALSE(net.module().prepared());
    EXPECT_NE(bits_of(net.module()).front(), 0x3e800000u);
  }
}

TEST(Hdf5RefuseMore, NotStrictReportsAndLoads) {
  const TempDir dir;
  const fs::path path = dir / "weights.h5";
  {
    const Id file = hdf5_bad_files::file_with_bias(path);
    const std::array<double, 1> extra = {1.0};
    dataset(file, "extra", H5T_IEEE_F64LE, space_of({1}), extra.data());
  }
  Net net;
  const upconv::LoadReport report = upconv::load_hdf5(net, path, {.strict = false});
  EXPECT_THAT(report.missing, testing::ElementsAre("block.weight"));
  EXPECT_THAT(report.unexpected, testing::ElementsAre("extra"));
  EXPECT_EQ(net.state_dict().at("block.bias").data<float>()[1], 1.0f);
}

TEST(Hdf5RefuseMore, CapsAreOptions) {
  const TempDir dir;
  const fs::path path = dir / "weights.h5";
  {
    const Id file = create_file(path);
    const Id a = group(file, "a");
    floats(group(a, "b"), "long_name", {8}, 0.0f, chunked({2}));
  }
  const auto text = [&](const upconv::Hdf5ReadOptions& options) {
    return message_of<upconv::Error>([&] { upconv::read_hdf5(path, options); });
  };
  EXPECT_EQ(text({}), "");
  EXPECT_EQ(text({.max_entries = 3, .max_chunks = 4, .max_depth = 2, .max_name_bytes = 13}), "");
  EXPECT_THAT(text({.max_tensor_bytes = 31}), HasSubstr("more than the 31 bytes that one entry may have"));
  EXPECT_THAT(text({.max_entries = 2}), HasSubstr("it has more than 2 entries: raise max_entries"));
  EXPECT_THAT(text({.max_chunks = 3}), HasSubstr("in more than 3 chunks"));
  EXPECT_THAT(text({.max_depth = 1}), HasSubstr("is nested in more than 1 groups"));
  EXPECT_THAT(text({.max_depth = 1001}), HasSubstr("max_depth must be 0 to 1000"));
  EXPECT_THAT(text({.max_name_bytes = 12}), HasSubstr("has a name of more than 12 bytes"));
}

/// Written by h5py 3.16 over HDF5 2.0.0, libver="latest":
///   create_dataset("conv.weight", data=arange(24, dtype="f4").reshape(2, 3, 4), chunks=(1, 3, 4),
///   compression="gzip") file["mask"] = array([True, False])
TEST(Hdf5RefuseMore, AFileOfANewerLibraryIsNotCalledDamaged) {
#if H5_VERS_MAJOR < 2
  const fs::path path = fs::path(UPCONV_NEWER_FILES) / "hdf5_2_0.h5";
  // In isolation, since HDF5 1.10.8 leaks memory over such a type, which LeakSanitizer would see here.
  const std::string text = message_of<LoadError>([&] { upconv::read_hdf5(path, {.isolate = true}); });
  EXPECT_THAT(text,
              HasSubstr("entry 'conv.weight' is written in a form of HDF5 2.0 or newer, which the library "
                        "here, HDF5 " +
                        std::string(H5_VERS_INFO).substr(std::string("HDF5 library version: ").size()) +
                        ", cannot read: write it again for older ones, in h5py with File(..., "
                        "libver=(\"earliest\", \"v110\"))"));
#if !H5_VERSION_GE(1, 12, 0)
  EXPECT_THAT(text, HasSubstr("entry 'mask' is written in a form of HDF5 1.12 or newer"));
#endif
  EXPECT_THAT(text, testing::Not(HasSubstr("damaged")));
#else
  GTEST_SKIP() << "this library reads such files";
#endif
}

TEST(Hdf5RefuseMore, MessagesHoldNoAddresses) {
  EXPECT_EQ(
      upconv::hdf5::without_addresses(
          "file read failed: time = Mon Nov 30 20:00:00 2026, filename = 'w.h5', file descriptor = 7, errno "
          "= "
          "5, error message = 'Input/output error', buf = 0x55d0c0ffee10, total read size = 8, offset = 0"),
      "file read failed, filename = 'w.h5', errno = 5, error message = 'Input/output error', total read size "
      "= 8, offset = 0");
  EXPECT_EQ(upconv::hdf5::without_addresses("no object at 0x7f00deadbeef, flags 0x01"),
            "no object at (address), flags 0x01");
}

TEST(Hdf5RefuseMore, AHundredThousandDatasets) {
  const TempDir dir;
  const fs::path path = dir / "weights.h5";
  const std::size_t kCount = 100'000 / kSlowdown;
  {
    const Id file = create_file(path);
    const Id space = space_of({});
    const float value = 1.0f;
    for (std::size_t i = 0; i < kCount; ++i)
      dataset(file, "entry." + std::to_string(i), H5T_IEEE_F32LE, space, &value);
  }
  const upconv::StateDict weights = upconv::read_hdf5(path);
  EXPECT_EQ(weights.size(), kCount);
  PreparedNet net;
  const std::string text = message_of<LoadError>([&] { net.module().load(weights); });
  EXPECT_THAT(text, HasSubstr("unexpected (" + std::to_string(kCount) + "):"));
  EXPECT_LT(text.size(), 10'000u);
  net.expect_untouched();
}

// --- files that another process has its hands on ---

/// Runs `body` in a child process and returns its exit status; 99 if it throws.
template <class Body>
pid_t in_child(const Body& body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    ::_exit(body());
  } catch (...) {
    ::_exit(99);
  }
}

int exit_status(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Creates the file in a child that then waits, or ends without closing it.
pid_t write_in_child(const fs::path& path, unsigned flags, int ready, int release) {
  return in_child([&] {
    const Id fapl = H5Pcreate(H5P_FILE_ACCESS);
    ok(H5Pset_libver_bounds(fapl, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST));
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC | flags, H5P_DEFAULT, fapl);
    floats(file, "block.weight", {2, 3});
    ok(H5Fflush(file, H5F_SCOPE_GLOBAL));
    char byte = 'r';
    if (::write(ready, &byte, 1) != 1) return 1;
    if (::read(release, &byte, 1) < 0) return 1;
    return 0;  // by _exit: the file stays marked as open
  });
}

TEST(Hdf5Shared, AFileBeingWrittenIsRefused) {
  for (const unsigned flags : {0u, static_cast<unsigned>(H5F_ACC_SWMR_WRITE)}) {
    const TempDir dir;
    const fs::path path = dir / "weights.h5";
    int ready[2];
    int release[2];
    ASSERT_EQ(::pipe(ready), 0);
    ASSERT_EQ(::pipe(release), 0);
    const pid_t writer = write_in_child(path, flags, ready[1], release[0]);
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);

    PreparedNet net;
    std::string text = message_of<LoadError>([&] { upconv::load_hdf5(net.module(), path); });
    EXPECT_THAT(text, HasSubstr(path.string()));
    EXPECT_THAT(text, HasSubstr("another program is writing it"));
    net.expect_untouched();

    ASSERT_EQ(::write(release[1], "x", 1), 1);
    ASSERT_EQ(exit_status(writer), 0);
    text = message_of<LoadError>([&] { upconv::load_hdf5(net.module(), path); });
    EXPECT_THAT(text, HasSubstr("was stopped while it did"));
    EXPECT_THAT(text, HasSubstr("h5clear -s"));
    net.expect_untouched();
    for (const int end : {ready[0], ready[1], release[0], release[1]})
      ::close(end);
  }
}

TEST(Hdf5Shared, NoReadPermission) {
  const TempDir dir;
  const fs::path path = dir / "weights.h5";
  hdf5_bad_files::file_with_bias(path);
  fs::permissions(path, fs::perms::none);
  const auto refused = [&] {
    const std::string text = message_of<LoadError>([&] { upconv::read_hdf5(path); });
    return text == "cannot read '" + path.string() + "': Permission denied" ? 0 : 1;
  };
  constexpr uid_t kNobody = 65534;
  const pid_t child = in_child([&] {
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) return 2;  // root may read everything
    return refused();
  });
  EXPECT_EQ(exit_status(child), 0);
}

TEST(Hdf5Shared, LockingCanBeTurnedOff) {
  const TempDir dir;
  const fs::path path = dir / "weights.h5";
  { const Id file = hdf5_bad_files::file_with_bias(path); }
  int ready[2];
  int release[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(release), 0);
  const pid_t writer = in_child([&] {
    const Id file = open_to_write(path);
    char byte = 'r';
    return ::write(ready[1], &byte, 1) == 1 && ::read(release[0], &byte, 1) == 1 ? 0 : 1;
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_THROW(upconv::read_hdf5(path), LoadError);
  EXPECT_EQ(upconv::read_hdf5(path, {.file_locking = false}).size(), 1u);
  ASSERT_EQ(::write(release[1], "x", 1), 1);
  EXPECT_EQ(exit_status(writer), 0);
}

}  // namespace
