#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <random>

#include "files.h"
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>

/// Thousands of damaged files. The HDF5 library itself may crash or hang on some, which no caller can help,
/// so they are read in child processes; but nothing but upconv::Error and std::bad_alloc may be thrown, and
/// no value under a checksum may come out wrong. Names and places in the file have no checksum.
namespace {

using hdf5_files::TempDir;
using upconv::StateDict;
using upconv::Tensor;

/// Shared by the child that reads and the parent that watches it.
struct Progress {
  int next = 0;      // case to run
  int accepted = 0;  // read without complaint
  int refused = 0;
  int wrong_exception = 0;
  int wrong_values = 0;
  int crashes = 0;
  int first_wrong = -1;
};

StateDict sample() {
  std::vector<float> values(24);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i) + 0.5f;
  StateDict weights;
  weights.insert("features.0.weight", Tensor::from<float>(values, {2, 3, 2, 2}));
  weights.insert("features.0.bias", Tensor::full({2}, -1.0, upconv::DType::bf16));
  weights.insert("features.1.count", Tensor::full({3}, 5.0, upconv::DType::i64));
  return weights;
}

bool same(const StateDict& a, const StateDict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    const Tensor* other = b.find(name);
    if (other == nullptr || other->spec() != tensor.spec()) return false;
    if (std::memcmp(other->view().raw(), tensor.view().raw(), tensor.spec().bytes()) != 0) return false;
  }
  return true;
}

/// One damaged version of `bytes`: a byte changed, a run of bytes overwritten, or the end cut off.
std::vector<char> damage(std::vector<char> bytes, int index) {
  std::mt19937 random(static_cast<std::uint32_t>(index));
  const std::size_t at = random() % bytes.size();
  switch (index % 8) {
    case 0:
      bytes.resize(at);
      break;
    case 1:
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min<std::size_t>(8, bytes.size() - at), static_cast<char>(random()));
      break;
    case 2:
      bytes[at] = static_cast<char>(random());
      break;
    default:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
  }
  return bytes;
}

void run_case(const std::filesystem::path& path, const std::vector<char>& bad, const StateDict* expected,
              int index, Progress& progress) {
  hdf5_files::write_bytes(path, bad);
  const auto wrong = [&](int& count) {
    ++count;
    if (progress.first_wrong < 0) progress.first_wrong = index;
  };
  try {
    const StateDict read = upconv::read_hdf5(path);
    ++progress.accepted;
    if (expected != nullptr && !same(*expected, read)) wrong(progress.wrong_values);
  } catch (const upconv::Error&) {
    ++progress.refused;
  } catch (const std::bad_alloc&) {
    ++progress.refused;
  } catch (...) {
    wrong(progress.wrong_exception);
  }
}

/// Runs every case in children, starting a new one behind the case that brought one down.
Progress run_cases(int count, const std::function<std::vector<char>(int)>& bad_file,
                   const StateDict* expected) {
  const TempDir dir;
  void* shared = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* progress = new (shared) Progress;
  while (progress->next < count) {
    const pid_t child = ::fork();
    if (child == 0) {
      // What a sanitizer says of a crash inside the library is of no interest.
      if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(1);
      while (progress->next < count) {
        ::alarm(1);  // the library may hang
        const int index = progress->next++;
        run_case(dir / "bad.h5", bad_file(index), expected, index, *progress);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ++progress->crashes;
  }
  const Progress result = *progress;
  ::munmap(shared, sizeof(Progress));
  std::cout << count << " files: accepted " << result.accepted << ", refused " << result.refused
            << ", crashes of the library " << result.crashes << '\n';
  return result;
}

std::vector<char> good_file(const upconv::Hdf5WriteOptions& options) {
  const TempDir dir;
  upconv::write_hdf5(dir / "good.h5", sample(), options);
  return hdf5_files::read_bytes(dir / "good.h5");
}

TEST(Hdf5Damage, NothingButErrorsIsThrown) {
  for (const upconv::Hdf5WriteOptions& options :
       {upconv::Hdf5WriteOptions{}, upconv::Hdf5WriteOptions{.fletcher32 = true},
        upconv::Hdf5WriteOptions{.compression = upconv::Hdf5Compression::lzf},
        upconv::Hdf5WriteOptions{.compression = upconv::Hdf5Compression::gzip, .shuffle = true}}) {
    const std::vector<char> good = good_file(options);
    const Progress result = run_cases(
        500, [&](int index) { return damage(good, index); }, nullptr);
    EXPECT_EQ(result.wrong_exception, 0) << "first in case " << result.first_wrong;
    EXPECT_GT(result.refused, 0);
  }
}

TEST(Hdf5Damage, EveryTruncationIsRefused) {
  const int kCases = 500 / hdf5_files::kSlowdown;
  const std::vector<char> good = good_file({});
  const auto truncated = [&](int index) {
    return std::vector<char>(good.begin(),
                             good.end() - 1 - index * static_cast<std::ptrdiff_t>(good.size()) / kCases);
  };
  const Progress result = run_cases(kCases, truncated, nullptr);
  EXPECT_EQ(result.accepted, 0);
  EXPECT_EQ(result.refused, kCases);
}

TEST(Hdf5Damage, EveryByteUnderAChecksumCounts) {
  const StateDict weights = sample();
  const std::vector<char> good = good_file({.fletcher32 = true});
  std::vector<std::size_t> places;
  {
    const TempDir dir;
    hdf5_files::write_bytes(dir / "good.h5", good);
    const hdf5_files::Id file = H5Fopen((dir / "good.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    for (const auto& [name, tensor] : weights) {
      const hdf5_files::Id set = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
      const hdf5_files::Extent extent = hdf5_files::first_chunk(set);
      for (std::uint64_t i = 0; i < extent.bytes; ++i)
        places.push_back(extent.offset + i);
    }
  }
  ASSERT_EQ(places.size(), 24u * 4 + 2 * 2 + 3 * 8 + 3 * 4);  // values and a checksum each
  const auto flipped = [&](int index) {
    std::vector<char> bytes = good;
    char& byte = bytes[places[static_cast<std::size_t>(index) / 2]];
    byte = static_cast<char>(byte ^ (index % 2 == 0 ? 0x01 : 0x80));
    return bytes;
  };
  const Progress result = run_cases(static_cast<int>(2 * places.size()), flipped, &weights);
  EXPECT_EQ(result.accepted, 0) << result.wrong_values;
  EXPECT_EQ(result.crashes, 0);
}

}  // namespace
