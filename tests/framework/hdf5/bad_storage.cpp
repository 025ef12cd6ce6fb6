#include <array>
#include <cstring>

#include "bad_files.h"

namespace hdf5_bad_files {

using namespace hdf5_files;

namespace {

constexpr H5Z_filter_t kMysteryFilter = 301;

std::size_t pass_through(unsigned, std::size_t, const unsigned*, std::size_t bytes, std::size_t*, void**) {
  return bytes;
}

/// A filter that is there while the file is made, and gone when it is read.
void make_with_missing_filter(const std::filesystem::path& path) {
  const H5Z_class2_t description = {
      H5Z_CLASS_T_VERS, kMysteryFilter, 1, 1, "mystery", nullptr, nullptr, pass_through,
  };
  ok(H5Zregister(&description));
  {
    const Id file = file_with_bias(path);
    const Id dcpl = chunked({2, 3});
    ok(H5Pset_filter(dcpl, kMysteryFilter, H5Z_FLAG_MANDATORY, 0, nullptr));
    floats(file, "block.weight", {2, 3}, 0.0f, dcpl);
  }
  ok(H5Zunregister(kMysteryFilter));
}

/// Writes block.weight in one filtered chunk and inverts a byte in the middle of it.
void make_with_damaged_chunk(const std::filesystem::path& path, hid_t dcpl) {
  Extent extent;
  {
    const Id file = file_with_bias(path);
    extent = first_chunk(floats(file, "block.weight", {2, 3}, 1.0f, dcpl));
  }
  flip_byte(path, extent.offset + extent.bytes / 2);
}

void make_damaged_checksum(const std::filesystem::path& path) {
  const Id dcpl = chunked({2, 3});
  ok(H5Pset_fletcher32(dcpl));
  make_with_damaged_chunk(path, dcpl);
}

void make_damaged_gzip(const std::filesystem::path& path) {
  const Id dcpl = chunked({2, 3});
  ok(H5Pset_deflate(dcpl, 4));
  make_with_damaged_chunk(path, dcpl);
}

/// Its chunk is `raw` instead of what six floats would give.
void make_with_chunk(const std::filesystem::path& path, hid_t dcpl, const std::vector<char>& raw) {
  const Id file = file_with_bias(path);
  const Id set =
      dataset(file, "block.weight", H5T_IEEE_F32LE, space_of({2, 3}), nullptr, H5I_INVALID_HID, dcpl);
  const hsize_t origin[] = {0, 0};
  ok(H5Dwrite_chunk(set, H5P_DEFAULT, 0, origin, raw.size(), raw.data()));
}

/// A sound gzip chunk, but of fewer values.
void make_short_gzip_chunk(const std::filesystem::path& path) {
  std::vector<char> raw;
  {
    const Id file = create_file(path);
    const Id dcpl = chunked({2});
    ok(H5Pset_deflate(dcpl, 4));
    const Id set = floats(file, "short", {2}, 1.0f, dcpl);
    raw.resize(first_chunk(set).bytes);
    const hsize_t origin[] = {0};
    std::uint32_t mask = 0;
    ok(H5Dread_chunk(set, H5P_DEFAULT, origin, &mask, raw.data()));
  }
  const Id dcpl = chunked({2, 3});
  ok(H5Pset_deflate(dcpl, 4));
  make_with_chunk(path, dcpl, raw);
}

/// A file whose chunk of `dims` floats has the filter `id` `times` over, and is stored in `bytes` bytes.
BadFile chunk_of(std::string name, Dims dims, H5Z_filter_t id, int times, std::size_t bytes,
                 std::string says) {
  const auto make = [=](const std::filesystem::path& path) {
    const Id file = file_with_bias(path);
    const Id dcpl = chunked(dims);
    const unsigned level = 4;
    for (int i = 0; i < times; ++i)
      ok(H5Pset_filter(dcpl, id, H5Z_FLAG_OPTIONAL, id == H5Z_FILTER_DEFLATE ? 1 : 0, &level));
    const Id set =
        dataset(file, "block.weight", H5T_IEEE_F32LE, space_of(dims), nullptr, H5I_INVALID_HID, dcpl);
    const hsize_t origin[H5S_MAX_RANK] = {};
    const std::vector<char> raw(bytes, '\x78');
    ok(H5Dwrite_chunk(set, H5P_DEFAULT, 0, origin, raw.size(), raw.data()));
  };
  return {std::move(name), make, "block.weight", std::move(says)};
}

/// The reader's own lzf filter would put the parameter right, so a stand-in makes the file.
void make_bad_lzf_chunk(const std::filesystem::path& path, unsigned declared, const std::vector<char>& raw) {
  constexpr H5Z_filter_t kLzf = 32000;
  if (H5Zfilter_avail(kLzf) > 0) ok(H5Zunregister(kLzf));
  const H5Z_class2_t stand_in = {
      H5Z_CLASS_T_VERS, kLzf, 1, 1, "lzf", nullptr, nullptr, pass_through,
  };
  ok(H5Zregister(&stand_in));
  {
    const Id dcpl = chunked({2, 3});
    const unsigned parameters[] = {4, 261, declared};
    ok(H5Pset_filter(dcpl, kLzf, H5Z_FLAG_OPTIONAL, 3, parameters));
    make_with_chunk(path, dcpl, raw);
  }
  ok(H5Zunregister(kLzf));
}

void make_partly_written(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  const Id set = dataset(file, "block.weight", H5T_IEEE_F32LE, space_of({2, 3}), nullptr, H5I_INVALID_HID,
                         chunked({1, 3}));
  const hsize_t origin[] = {0, 0};
  const std::array<float, 3> row = {1, 2, 3};
  ok(H5Dwrite_chunk(set, H5P_DEFAULT, 0, origin, sizeof(row), row.data()));
}

void make_external_storage(const std::filesystem::path& path) {
  const std::filesystem::path other = path.parent_path() / "secret.bin";
  write_bytes(other, std::vector<char>(24, 'x'));
  const Id file = file_with_bias(path);
  const Id dcpl = H5Pcreate(H5P_DATASET_CREATE);
  ok(H5Pset_external(dcpl, other.c_str(), 0, 24));
  dataset(file, "block.weight", H5T_IEEE_F32LE, space_of({2, 3}), nullptr, H5I_INVALID_HID, dcpl);
}

void make_virtual(const std::filesystem::path& path) {
  const std::filesystem::path other = path.parent_path() / "source.h5";
  floats(create_file(other), "x", {2, 3});
  const Id file = file_with_bias(path);
  const Id space = space_of({2, 3});
  const Id dcpl = H5Pcreate(H5P_DATASET_CREATE);
  ok(H5Pset_virtual(dcpl, space, other.c_str(), "x", space));
  dataset(file, "block.weight", H5T_IEEE_F32LE, space, nullptr, H5I_INVALID_HID, dcpl);
}

/// Declares a size and writes nothing.
BadFile unwritten(std::string name, Dims dims, bool in_chunks, std::string says) {
  const auto make = [=](const std::filesystem::path& path) {
    const Id file = file_with_bias(path);
    const Id dcpl = in_chunks ? chunked(Dims(dims.size(), 64)) : Id(H5Pcreate(H5P_DATASET_CREATE));
    dataset(file, "block.weight", H5T_IEEE_F32LE, space_of(dims), nullptr, H5I_INVALID_HID, dcpl);
  };
  return {std::move(name), make, "block.weight", std::move(says)};
}

/// Declares `from` elements, and is then changed in the file to declare `to`, and 4 * `to` bytes.
void make_patched(const std::filesystem::path& path, std::uint64_t from, std::uint64_t to) {
  {
    const Id file = file_with_bias(path);
    const Id dcpl = H5Pcreate(H5P_DATASET_CREATE);
    ok(H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY));
    ok(H5Pset_fill_time(dcpl, H5D_FILL_TIME_NEVER));
    dataset(file, "block.weight", H5T_IEEE_F32LE, space_of({from}), nullptr, H5I_INVALID_HID, dcpl);
  }
  std::vector<char> bytes = read_bytes(path);
  const auto patch = [&](std::uint64_t old_value, std::uint64_t new_value) {
    char old_bytes[8];
    char new_bytes[8];
    std::memcpy(old_bytes, &old_value, 8);
    std::memcpy(new_bytes, &new_value, 8);
    for (std::size_t i = 0; i + 8 <= bytes.size(); ++i) {
      if (std::memcmp(bytes.data() + i, old_bytes, 8) == 0) std::memcpy(bytes.data() + i, new_bytes, 8);
    }
  };
  patch(from, to);  // its size and greatest size
  patch(4 * from, 4 * to);
  write_bytes(path, bytes);
}

/// block.weight, and a second dataset that is changed to declare the same size at the same place.
void make_overlapping(const std::filesystem::path& path) {
  constexpr std::uint64_t kLarge = 0x1234;
  constexpr std::uint64_t kSmall = 0x0321;
  std::uint64_t large_place = 0;
  std::uint64_t small_place = 0;
  {
    const Id file = file_with_bias(path);
    const Id large = floats(file, "block.weight", {kLarge});
    const Id small = floats(file, "overlap", {kSmall});
    large_place = H5Dget_offset(large);
    small_place = H5Dget_offset(small);
  }
  std::vector<char> bytes = read_bytes(path);
  const auto patch = [&](std::uint64_t old_value, std::uint64_t new_value) {
    for (std::size_t i = 0; i + 8 <= bytes.size(); ++i) {
      if (std::memcmp(bytes.data() + i, &old_value, 8) == 0) std::memcpy(bytes.data() + i, &new_value, 8);
    }
  };
  patch(kSmall, kLarge);
  patch(4 * kSmall, 4 * kLarge);
  patch(small_place, large_place);
  write_bytes(path, bytes);
}

}  // namespace

std::vector<BadFile> bad_storage() {
  return {
      {"MissingFilter", make_with_missing_filter, "block.weight",
       "is compressed with the filter mystery (number 301), which this build of HDF5 lacks"},
      {"DamagedChecksum", make_damaged_checksum, "block.weight",
       "data error detected by Fletcher32 checksum"},
      {"DamagedGzip", make_damaged_gzip, "block.weight", "inflate() failed"},
      {"DamagedLzf",
       [](const auto& path) {
         make_bad_lzf_chunk(path, 24, {'\x20', '\x10', '\x20', '\x30'});
       },
       "block.weight", "an lzf chunk is damaged"},
      {"LzfOfTheWrongSize",
       [](const auto& path) {
         make_bad_lzf_chunk(path, 2, {'\x01', 'a', 'b'});
       },
       "block.weight", "the parameters of its filter lzf do not fit its chunks"},
      {"LzfBomb",
       [](const auto& path) {
         make_bad_lzf_chunk(path, 0xffffffffu, {'\x01', 'a', 'b'});
       },
       "block.weight", "the parameters of its filter lzf do not fit its chunks"},
      {"ShortChunk",
       [](const auto& path) {
         make_with_chunk(path, chunked({2, 3}), std::vector<char>(8));
       },
       "block.weight", "1 chunks of 24 bytes take 8 in the file"},
      chunk_of("ShorterThanItsChecksum", {2, 3}, H5Z_FILTER_FLETCHER32, 1, 3,
               "a chunk has 3 bytes in the file, shorter than the filter fletcher32 makes any"),
      chunk_of("ShorterThanAnyGzip", {2, 3}, H5Z_FILTER_DEFLATE, 1, 8,
               "a chunk has 8 bytes in the file, shorter than the filter gzip(4) makes any"),
      chunk_of("LongerThanItsFilterMakes", {2, 3}, H5Z_FILTER_FLETCHER32, 1, 4000,
               "a chunk of 24 bytes has 4000 in the file, more than its filters can make of it"),
      chunk_of("GzipBomb", {40'000'000}, H5Z_FILTER_DEFLATE, 1, 144,
               "made to fill the memory: a chunk of 160000000 bytes has 144 in the file"),
      chunk_of("GzipBombInStages", {300'000'000}, H5Z_FILTER_DEFLATE, 3, 144,
               "made to fill the memory: a chunk of 1200000000 bytes has 144 in the file"),
      chunk_of("LzfBombOfAChunk", {40'000'000}, 32000, 1, 144,
               "made to fill the memory: a chunk of 160000000 bytes has 144 in the file"),
      {"ShortGzipChunk", make_short_gzip_chunk, "block.weight", "a chunk decodes to 8 bytes instead of 24"},
      {"PartlyWritten", make_partly_written, "block.weight",
       "has shape [2,3] in 2 chunks, but the file stores 1 of them"},
      {"ExternalStorage", make_external_storage, "block.weight",
       "keeps its values in another file (external storage)"},
      {"VirtualDataset", make_virtual, "block.weight", "is a virtual dataset"},
      unwritten(
          "NeverWritten", {2, 3}, false,
          "declares shape [2,3], which takes 24 bytes, but the file stores 0: its values were never written"),
      unwritten("HugeWithoutData", {hsize_t{1} << 34}, false,
                "takes 68719476736 bytes, but the file stores 0"),
      unwritten("HugeChunkedWithoutData", {hsize_t{1} << 20}, true,
                "in 16384 chunks, but the file stores 0 of them"),
      unwritten("TooManyChunks", {hsize_t{1} << 34}, true, "in more than 65536 chunks"),
      unwritten("BeyondTheCap", {hsize_t{1} << 40}, false, "raise max_tensor_bytes if that is meant"),
      unwritten("ProductOverflows", {hsize_t{1} << 32, hsize_t{1} << 32}, true,
                "has more elements than 64 bits can count"),
      {"OneInTheOther", make_overlapping, "overlap", "with it the entries take 37288 bytes in a file of"},
      {"BeyondTheEndOfTheFile", [](const auto& path) { make_patched(path, 0x1234, 0x1234 + 1000); },
       "block.weight", "that lie beyond the end of the file"},
      {"DimensionOverflows", [](const auto& path) { make_patched(path, 0x1234, (1ull << 63) + 5); },
       "block.weight", "entry 'block.weight'"},
  };
}

}  // namespace hdf5_bad_files
