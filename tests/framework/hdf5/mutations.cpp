#include "mutations.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>

#include "files.h"

#include <upconv/framework/hdf5/hdf5.h>

namespace hdf5_mutations {

namespace {

using namespace hdf5_files;

using Random = std::mt19937_64;

/// Times would make every run's files others.
Id without_times(Id properties) {
  ok(H5Pset_obj_track_times(properties, false));
  return properties;
}

Id plain() {
  return without_times(H5Pcreate(H5P_DATASET_CREATE));
}

Id timeless_group(hid_t parent, const char* name) {
  const Id gcpl = without_times(H5Pcreate(H5P_GROUP_CREATE));
  return H5Gcreate2(parent, name, H5P_DEFAULT, gcpl, H5P_DEFAULT);
}

Id file_of(const std::filesystem::path& path, H5F_libver_t format) {
  const Id fcpl = without_times(H5Pcreate(H5P_FILE_CREATE));
  const Id fapl = H5Pcreate(H5P_FILE_ACCESS);
  ok(H5Pset_libver_bounds(fapl, format, H5F_LIBVER_V110));
  return H5Fcreate(path.c_str(), H5F_ACC_TRUNC, fcpl, fapl);
}

void batch_norm(hid_t parent, const std::string& prefix, const Id& dcpl = plain()) {
  for (const char* name : {"weight", "bias", "running_mean", "running_var"})
    floats(parent, prefix + name, {3}, 0.5f, dcpl);
  const std::int64_t count = 7;
  dataset(parent, prefix + "num_batches_tracked", H5T_STD_I64LE, space_of({}), &count, H5T_NATIVE_INT64,
          plain());
}

void contiguous(hid_t file) {
  floats(file, "0.weight", {2, 3, 3, 2}, 0.0f, plain());
  floats(file, "0.bias", {3}, 0.0f, plain());
  batch_norm(file, "1.");
}

void nested(hid_t file) {
  const Id outer = timeless_group(file, "features");
  for (const char* name : {"0", "1", "2"})
    batch_norm(timeless_group(outer, name), "");
  ok(H5Lcreate_soft("/features/0/weight", file, "tied", H5P_DEFAULT, H5P_DEFAULT));
  text_attribute(outer, "torch_dtype", "float32");
}

void in_chunks(hid_t file, const std::function<void(hid_t dcpl)>& add_filters) {
  for (const Dims& chunk : {Dims{1, 3, 2, 2}, Dims{4, 3, 3, 3}, Dims{3, 2, 1, 3}}) {
    const Id dcpl = without_times(chunked(chunk));
    add_filters(dcpl);
    floats(file, std::to_string(chunk[0]) + ".weight", {4, 3, 3, 3}, 1.0f, dcpl);
  }
  batch_norm(file, "norm.");
}

void compact(hid_t file) {
  const Id dcpl = plain();
  ok(H5Pset_layout(dcpl, H5D_COMPACT));
  floats(file, "0.weight", {2, 3, 3, 2}, 0.0f, dcpl);
  batch_norm(file, "1.", dcpl);
}

upconv::StateDict weights() {
  upconv::StateDict weights;
  weights.insert("0.weight", upconv::Tensor::full({8, 3, 3, 3}, 0.25));
  weights.insert("0.bias", upconv::Tensor::full({8}, 0.25, upconv::DType::bf16));
  weights.insert("1.num_batches_tracked", upconv::Tensor::full({}, 3, upconv::DType::i64));
  return weights;
}

using Bytes = std::vector<char>;

std::size_t place(const Bytes& bytes, Random& random) {
  return random() % bytes.size();
}

/// A size or address: wild, small, or one that the file itself may hold.
std::uint64_t field(const Bytes& bytes, std::size_t at, Random& random) {
  switch (random() % 6) {
    case 0:
      return ~std::uint64_t{0};
    case 1:
      return random() % 16;
    case 2:
      return at & ~std::uint64_t{7};
    case 3:
      return random() % bytes.size() & ~std::uint64_t{7};
    case 4:
      return std::uint64_t{1} << random() % 64;
    default:
      return random();
  }
}

void change_field(Bytes& bytes, Random& random) {
  const std::size_t at = place(bytes, random) & ~std::size_t{7};
  const std::uint64_t value = field(bytes, at, random);
  std::memcpy(bytes.data() + at, &value, std::min(sizeof(value), bytes.size() - at));
}

void copy_block(Bytes& bytes, Random& random) {
  const std::size_t from = place(bytes, random);
  const std::size_t to = place(bytes, random);
  const std::size_t count = std::min(random() % 64 + 1, bytes.size() - std::max(from, to));
  std::memmove(bytes.data() + to, bytes.data() + from, count);
}

void change_one_place(Bytes& bytes, Random& random) {
  switch (random() % 16) {
    case 0:
      return bytes.resize(place(bytes, random) + 1);
    case 1:
    case 2:
      return copy_block(bytes, random);
    case 3:
    case 4:
    case 5:
    case 6:
      return change_field(bytes, random);
    case 7:
    case 8:
    case 9:
      bytes[place(bytes, random)] = static_cast<char>(random());
      return;
    default:
      char& byte = bytes[place(bytes, random)];
      byte = static_cast<char>(byte ^ (1 << random() % 8));
  }
}

}  // namespace

std::vector<Original> originals() {
  const TempDir dir;
  const std::filesystem::path path = dir / "original.h5";
  std::vector<Original> all;
  const auto add = [&](std::string name, H5F_libver_t format, const auto& fill) {
    { fill(file_of(path, format)); }
    all.push_back({std::move(name), read_bytes(path)});
  };
  const auto deflate = [](hid_t dcpl) {
    ok(H5Pset_shuffle(dcpl));
    ok(H5Pset_deflate(dcpl, 4));
    ok(H5Pset_fletcher32(dcpl));
  };
  for (const H5F_libver_t format : {H5F_LIBVER_EARLIEST, H5F_LIBVER_V110}) {
    const std::string suffix = format == H5F_LIBVER_EARLIEST ? ", old" : ", new";
    add("contiguous" + suffix, format, [](hid_t file) { contiguous(file); });
    add("nested" + suffix, format, [](hid_t file) { nested(file); });
    add("compact" + suffix, format, [](hid_t file) { compact(file); });
    add("chunks" + suffix, format, [](hid_t file) { in_chunks(file, [](hid_t) {}); });
    add("gzip" + suffix, format, [&](hid_t file) { in_chunks(file, deflate); });
    add("fletcher32" + suffix, format,
        [](hid_t file) { in_chunks(file, [](hid_t dcpl) { ok(H5Pset_fletcher32(dcpl)); }); });
    add("n-bit" + suffix, format,
        [](hid_t file) { in_chunks(file, [](hid_t dcpl) { ok(H5Pset_nbit(dcpl)); }); });
    add("scale-offset" + suffix, format, [](hid_t file) {
      in_chunks(file, [](hid_t dcpl) { ok(H5Pset_scaleoffset(dcpl, H5Z_SO_FLOAT_DSCALE, 2)); });
    });
  }
  for (const upconv::Hdf5Compression compression :
       {upconv::Hdf5Compression::none, upconv::Hdf5Compression::gzip, upconv::Hdf5Compression::lzf}) {
    upconv::write_hdf5(path, weights(), {.compression = compression, .fletcher32 = true});
    all.push_back({"written by upconv", read_bytes(path)});
  }
  return all;
}

std::vector<char> mutated(const std::vector<Original>& originals, std::uint64_t seed) {
  Random random(seed);
  Bytes bytes = originals[seed % originals.size()].bytes;
  for (std::uint64_t changes = random() % 4 + 1; changes > 0; --changes)
    change_one_place(bytes, random);
  return bytes;
}

}  // namespace hdf5_mutations
