#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <map>
#include <string_view>
#include <unordered_map>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/file.h>
#include <upconv/framework/message.h>

namespace upconv::hdf5 {

namespace {

struct Link {
  std::string name;
  H5L_type_t type = H5L_TYPE_ERROR;
};

/// What the library's callback fills in; nothing may be thrown through C.
struct LinkList {
  std::vector<Link> links;
  std::size_t most = 0;
  bool too_many = false;
  std::exception_ptr error;
};

herr_t collect_link(hid_t, const char* name, const H5L_info_t* info, void* data) {
  auto& list = *static_cast<LinkList*>(data);
  if (list.links.size() >= list.most) {
    list.too_many = true;
    return H5_ITER_STOP;
  }
  try {
    list.links.push_back({name, info->type});
  } catch (...) {
    list.error = std::current_exception();
    return H5_ITER_ERROR;
  }
  return H5_ITER_CONT;
}

/// Identity of an object within its file: hard links to one object share it.
using ObjectKey = std::array<unsigned char, 16>;

ObjectKey key_of(hid_t object) {
  ObjectKey key{};
#if H5_VERSION_GE(1, 12, 0)
  H5O_info2_t info;
  check(H5Oget_info3(object, &info, H5O_INFO_BASIC), "identify an object");
  static_assert(sizeof(info.token) <= sizeof(key));
  std::memcpy(key.data(), &info.token, sizeof(info.token));
#else
  H5O_info_t info;
  check(H5Oget_info2(object, &info, H5O_INFO_BASIC), "identify an object");
  static_assert(sizeof(info.addr) <= sizeof(key));
  std::memcpy(key.data(), &info.addr, sizeof(info.addr));
#endif
  return key;
}

H5_index_t best_order(hid_t group) {
  const Handle gcpl = checked(H5Gget_create_plist(group), "read a group's properties");
  unsigned order = 0;
  check(H5Pget_link_creation_order(gcpl.get(), &order), "read a group's properties");
  return (order & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
    };
    const unsigned lead = byte(i);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0) return false;
    for (std::size_t j = 1; j < length; ++j) {
      if ((byte(i + j) & 0xc0) != 0x80) return false;
    }
    const unsigned next = byte(i + 1);
    const bool overlong = (lead == 0xe0 && next < 0xa0) || (lead == 0xf0 && next < 0x90);
    const bool surrogate = lead == 0xed && next >= 0xa0;
    const bool beyond = lead == 0xf4 && next >= 0x90;
    if (overlong || surrogate || beyond) return false;
    i += length;
  }
  return true;
}

/// Ends the walk; any other LoadError is one entry's problem.
struct TooManyEntries : LoadError {
  using LoadError::LoadError;
};

class Walker {
 public:
  Walker(const InputFile& file, const Hdf5ReadOptions& options) : file_(file), options_(options) {}

  Contents run() {
    const Handle root = open_root();
    ancestors_.push_back(key_of(root.get()));
    visit_group(root.get(), root_path(), "");
    finish_prefix();
    return std::move(contents_);
  }

 private:
  std::string root_path() const {
    std::string path = options_.root_group;
    while (path.ends_with('/'))
      path.pop_back();
    return path.empty() || path.starts_with('/') ? path : '/' + path;
  }

  Handle open_root() {
    const std::string path = root_path();
    Handle root(H5Oopen(file_.handle.get(), path.empty() ? "/" : path.c_str(), access_.get()));
    if (root && H5Iget_type(root.get()) == H5I_GROUP) return root;
    H5Eclear2(H5E_DEFAULT);
    const Handle top = checked(H5Gopen2(file_.handle.get(), "/", H5P_DEFAULT), "open the root group");
    std::string names;
    for (const Link& link : list_links(top.get())) {
      if (names.size() > 200) {
        names += ", ...";
        break;
      }
      names += (names.empty() ? "" : ", ") + printable(link.name);
    }
    throw LoadError(message("it has no group '", printable(path),
                            "'; at its root are: ", names.empty() ? "nothing" : names));
  }

  std::vector<Link> list_links(hid_t group) {
    LinkList list;
    list.most = options_.max_entries - std::min(visited_, options_.max_entries);
    const herr_t status = H5Literate(group, best_order(group), H5_ITER_INC, nullptr, collect_link, &list);
    if (list.error) std::rethrow_exception(list.error);
    check(status, "list a group");
    if (list.too_many) {
      throw TooManyEntries(
          message("it has more than ", options_.max_entries, " entries: raise max_entries if that is meant"));
    }
    return std::move(list.links);
  }

  /// `path` and `name` are the group's own; the root's are empty.
  void visit_group(hid_t group, const std::string& path, const std::string& name) {
    const std::vector<Link> links = list_links(group);
    visited_ += links.size();
    const std::size_t depth = ancestors_.size();
    for (const Link& link : links) {
      Found found;
      found.entry.path = path + '/' + link.name;
      found.entry.name = name.empty() ? link.name : name + '.' + link.name;
      try {
        visit_link(group, link, found);
      } catch (const TooManyEntries&) {
        throw;
      } catch (const LoadError& error) {
        ancestors_.resize(depth);
        found.entry.problem = error.what();
        add(std::move(found));
      }
    }
  }

  /// Throws: LoadError saying what is wrong with it.
  void visit_link(hid_t group, const Link& link, Found& found) {
    const std::string bad_name = name_problem(found.entry.name, options_.max_name_bytes);
    if (!bad_name.empty()) throw LoadError(bad_name);
    if (link.type == H5L_TYPE_EXTERNAL)
      throw LoadError("is an external link: store the values themselves in this file");
    if (link.type != H5L_TYPE_HARD && link.type != H5L_TYPE_SOFT)
      throw LoadError("is a link of a kind that upconv does not follow");
    const Handle object(H5Oopen(group, link.name.c_str(), access_.get()));
    if (!object) {
      throw LoadError(explain_unopened(link, take_errors()));
    }
    switch (H5Iget_type(object.get())) {
      case H5I_GROUP:
        return enter_group(object.get(), found);
      case H5I_DATASET:
        return add_dataset(object.get(), std::move(found));
      default:
        throw LoadError("is a named datatype, neither a dataset nor a group");
    }
  }

  std::string explain_unopened(const Link& link, const std::string& errors) const {
    const std::string newer = explain_newer(errors);
    // The old format has no checksum over a version.
    if (!newer.empty()) return file_.checks_metadata ? newer : newer + ", if the file is not damaged";
    return message(link.type == H5L_TYPE_SOFT
                       ? "is a soft link that leads nowhere, in a circle, or out of the file: "
                       : "cannot be opened: the file is damaged: ",
                   errors);
  }

  void enter_group(hid_t group, Found& found) {
    const ObjectKey key = key_of(group);
    if (std::ranges::find(ancestors_, key) != ancestors_.end())
      throw LoadError("is a group that lies within itself (a cycle of links)");
    if (static_cast<int>(ancestors_.size()) > options_.max_depth)
      throw LoadError(message("is nested in more than ", options_.max_depth, " groups"));
    std::string name = found.entry.name;
    if (strip_prefix(name)) contents_.groups.push_back(std::move(name));
    ancestors_.push_back(key);
    // Its own copies: an entry that fails inside must not be taken for the group.
    const std::string group_path = found.entry.path;
    const std::string group_name = found.entry.name;
    visit_group(group, group_path, group_name);
    ancestors_.pop_back();
  }

  void add_dataset(hid_t dataset, Found found) {
    if (options_.prefix.empty() || found.entry.name.starts_with(options_.prefix)) {
      std::string stripped = found.entry.name.substr(options_.prefix.size());
      const auto [first, is_new] = by_object_.emplace(key_of(dataset), stripped);
      if (!is_new) found.entry.tied_to = first->second;
      try {
        describe_dataset(dataset, file_.bytes, options_, found);
        if (is_new) add_stored(found.entry);
      } catch (const LoadError& error) {
        found.entry.problem = error.what();
      }
    }
    add(std::move(found));
  }

  /// Entries that lie in each other can claim any number of times what the file has.
  void add_stored(const Hdf5Entry& entry) {
    stored_bytes_ += entry.stored_bytes;
    if (stored_bytes_ > file_.bytes) {
      throw LoadError(message("is damaged, or made to fill the memory: with it the entries take ",
                              stored_bytes_, " bytes in a file of ", file_.bytes));
    }
  }

  bool strip_prefix(std::string& name) const {
    if (!name.starts_with(options_.prefix)) return false;
    name.erase(0, options_.prefix.size());
    return true;
  }

  void add(Found found) {
    if (!strip_prefix(found.entry.name)) {
      ++left_out_;
      return;
    }
    if (found.entry.problem.empty() && found.entry.name.empty())
      found.entry.problem = "has no name left without the prefix";
    const auto [first, is_new] = by_name_.emplace(found.entry.name, found.entry.path);
    if (!is_new && found.entry.problem.empty()) {
      found.entry.problem = message("stands in the file twice, as '", printable(first->second), "' and as '",
                                    printable(found.entry.path), "', which mean the same name");
    }
    contents_.entries.push_back(std::move(found));
  }

  void finish_prefix() {
    if (!root_path().empty())
      contents_.notes.push_back(message("read group '", printable(root_path()), '\''));
    if (options_.prefix.empty()) return;
    contents_.notes.push_back(
        message("prefix '", printable(options_.prefix), "' taken off ", contents_.entries.size(), " names"));
    if (left_out_ > 0) contents_.notes.push_back(message(left_out_, " entries without the prefix left out"));
  }

  const InputFile& file_;
  const Hdf5ReadOptions& options_;
  const Handle access_ = inside_the_file();
  Contents contents_;
  std::vector<ObjectKey> ancestors_;
  std::map<ObjectKey, std::string> by_object_;            // dataset -> name of its first entry
  std::unordered_map<std::string, std::string> by_name_;  // name -> path
  std::size_t visited_ = 0;
  std::size_t left_out_ = 0;
  std::uint64_t stored_bytes_ = 0;  // of the entries so far, tied ones once
};

}  // namespace

std::string name_problem(std::string_view name, std::size_t max_bytes) {
  if (name.empty()) return "has an empty name";
  if (name.size() > max_bytes) return message("has a name of more than ", max_bytes, " bytes");
  if (!is_utf8(name)) return "has a name that is not UTF-8";
  if (name.front() == '.' || name.back() == '.' || name.find("..") != std::string_view::npos)
    return "has a name with nothing before, after or between its dots";
  return {};
}

Contents walk(const InputFile& file, const Hdf5ReadOptions& options) {
  constexpr int kDeepest = 1000;  // groups are walked by recursion
  if (options.max_depth < 0 || options.max_depth > kDeepest)
    throw ArgumentError(message("max_depth must be 0 to ", kDeepest, ", got ", options.max_depth));
  return Walker(file, options).run();
}

}  // namespace upconv::hdf5
