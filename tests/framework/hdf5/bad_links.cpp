#include "bad_files.h"

namespace hdf5_bad_files {

using namespace hdf5_files;

hdf5_files::Id file_with_bias(const std::filesystem::path& path) {
  Id file = create_file(path);
  floats(file, "block.bias", {2});
  return file;
}

namespace {

void create_external_link(hid_t parent, const char* name, const std::string& file,
                          const std::string& object) {
  ok(H5Lcreate_external(file.c_str(), object.c_str(), parent, name, H5P_DEFAULT, H5P_DEFAULT));
}

std::filesystem::path other_file(const std::filesystem::path& path) {
  const std::filesystem::path other = path.parent_path() / "other.h5";
  const Id file = create_file(other);
  floats(file, "weight", {2, 3});
  return other;
}

void make_external_link(const std::filesystem::path& path) {
  const std::filesystem::path other = other_file(path);
  const Id file = file_with_bias(path);
  create_external_link(file, "block.weight", other.string(), "/weight");
}

/// A soft link through an external one.
void make_soft_link_out(const std::filesystem::path& path) {
  const std::filesystem::path other = other_file(path);
  const Id file = file_with_bias(path);
  create_external_link(file, "elsewhere", other.string(), "/");
  ok(H5Lcreate_soft("/elsewhere/weight", file, "block.weight", H5P_DEFAULT, H5P_DEFAULT));
}

void make_soft_cycle(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  ok(H5Lcreate_soft("/block.weight", file, "again", H5P_DEFAULT, H5P_DEFAULT));
  ok(H5Lcreate_soft("/again", file, "block.weight", H5P_DEFAULT, H5P_DEFAULT));
}

void make_dangling(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  ok(H5Lcreate_soft("/nowhere", file, "block.weight", H5P_DEFAULT, H5P_DEFAULT));
}

void make_hard_cycle(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  const Id outer = group(file, "outer");
  const Id inner = group(outer, "inner");
  ok(H5Lcreate_hard(file, "outer", inner, "back", H5P_DEFAULT, H5P_DEFAULT));
}

void make_soft_group_cycle(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  ok(H5Lcreate_soft("/", group(file, "outer"), "root", H5P_DEFAULT, H5P_DEFAULT));
}

void make_both_spellings(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  floats(file, "block.weight", {2, 3});
  floats(group(file, "block"), "weight", {2, 3});
}

void make_group(const std::filesystem::path& path, bool filled) {
  const Id file = file_with_bias(path);
  const Id weight = group(group(file, "block"), "weight");
  if (filled) floats(weight, "values", {2, 3});
}

BadFile named(std::string name, std::string dataset_name, std::string shown, std::string says) {
  const auto make = [dataset_name](const std::filesystem::path& path) {
    const Id file = file_with_bias(path);
    floats(file, "block.weight", {2, 3});
    floats(file, dataset_name, {1});
  };
  return {std::move(name), make, std::move(shown), std::move(says)};
}

void make_dots_between_groups(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  floats(group(group(file, "a"), ".."), "block.weight", {2, 3});
}

void make_deep(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  Id parent = group(file, "g");
  for (int i = 0; i < 500; ++i)
    parent = group(parent, "g");
  floats(parent, "weight", {2, 3});
}

}  // namespace

std::vector<BadFile> bad_links() {
  constexpr const char* kDots = "has a name with nothing before, after or between its dots";
  return {
      {"ExternalLink", make_external_link, "block.weight", "is an external link"},
      {"SoftLinkOut", make_soft_link_out, "block.weight", "leads nowhere, in a circle, or out of the file"},
      {"SoftLinkCycle", make_soft_cycle, "block.weight", "leads nowhere, in a circle, or out of the file"},
      {"DanglingSoftLink", make_dangling, "block.weight", "leads nowhere, in a circle, or out of the file"},
      {"HardLinkCycle", make_hard_cycle, "outer.inner.back", "is a group that lies within itself"},
      {"SoftLinkToAGroupAbove", make_soft_group_cycle, "outer.root", "is a group that lies within itself"},
      {"BothSpellings", make_both_spellings, "block.weight",
       "stands in the file twice, as '/block/weight' and as '/block.weight'"},
      {"EmptyGroupForADataset", [](const auto& path) { make_group(path, false); }, "block.weight",
       "block.weight expected a dataset, got a group", true},
      {"GroupForADataset", [](const auto& path) { make_group(path, true); }, "block.weight",
       "block.weight expected a dataset, got a group", true},
      named("NameNotUtf8", "block.\xff\xfe", "block.\\xff\\xfe", "has a name that is not UTF-8"),
      named("NameOverlongUtf8", "block.\xc0\xae", "block.\\xc0\\xae", "has a name that is not UTF-8"),
      named("NameOfTwoDots", "..", "..", kDots),
      named("NameWithTwoDots", "block..weight", "block..weight", kDots),
      named("NameEndsInADot", "block.", "block.", kDots),
      named("NameTooLong", std::string(2000, 'x'), "xxx...(2000 bytes)...xxx",
            "has a name of more than 1024 bytes"),
      {"DotsBetweenGroups", make_dots_between_groups, "a...", kDots},
      {"VeryDeep", make_deep, "g.g.g", "is nested in more than 64 groups"},
  };
}

}  // namespace hdf5_bad_files
