#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <upconv/framework/tensor.h>

namespace upconv {

/// An ordered map from parameter name to tensor, as PyTorch's `state_dict()`. Moves; tensors are not copied
/// silently.
class StateDict {
 public:
  using Entry = std::pair<std::string, Tensor>;  ///< Name and tensor.

  /// Appends an entry. Throws: ArgumentError if the name is empty or already there.
  void insert(std::string name, Tensor tensor);
  /// True if there is an entry of this name.
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Null if there is none.
  const Tensor* find(std::string_view name) const;
  /// Throws: ArgumentError, naming the nearest entry, if there is none.
  const Tensor& at(std::string_view name) const;

  std::size_t size() const { return entries_.size(); }  ///< Number of entries.
  bool empty() const { return entries_.empty(); }       ///< True without entries.
  auto begin() const { return entries_.begin(); }       ///< The entries, in the order they were inserted.
  auto end() const { return entries_.end(); }           ///< Behind the last entry.

  /// Where the entries came from, such as a file name, for messages; may be empty.
  const std::string& source() const { return source_; }
  void set_source(std::string source) { source_ = std::move(source); }  ///< Says where the entries came from.

  /// What the reader changed on the way, such as a stripped prefix; copied into the LoadReport.
  const std::vector<std::string>& notes() const { return notes_; }
  void add_note(std::string note) { notes_.push_back(std::move(note)); }  ///< Adds a sentence to `notes()`.

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> index_;
  std::string source_;
  std::vector<std::string> notes_;
};

/// Name and spec of one entry that is offered to, or wanted by, a module.
struct EntrySpec {
  std::string name;          ///< As in the state dict, "decoder.0.weight".
  Shape shape;               ///< Sizes.
  DType dtype = DType::f32;  ///< Type of the elements.
};

/// Options of Module::load and load_hdf5.
struct LoadOptions {
  /// As PyTorch's `strict`: missing and unexpected names are errors. Without it they are only reported; an
  /// entry of the wrong shape or type is an error either way.
  bool strict = true;
  bool require_finite = false;  ///< Refuse weights that hold NaN or infinity.
};

/// The outcome of comparing a weight file with a module: every difference, not just the first.
struct LoadReport {
  std::string source;  ///< File, if known.
  std::vector<std::string>
      missing;  ///< Wanted by the module, not in the file; with the nearest name offered.
  std::vector<std::string> unexpected;  ///< In the file, unknown to the module.
  std::vector<std::string> mismatched;  ///< Wrong shape, type or value; full sentences.
  std::vector<std::string> notes;       ///< Harmless: narrowed types, stripped prefixes.

  bool has_errors(bool strict) const;  ///< True if something keeps the weights from being loaded.
  /// The whole report as text, one finding a line; empty if there is nothing to tell.
  std::string to_string() const;
};

/// The candidate closest to `name` by edit distance, or "" if none is close enough to be what was meant.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// `name` fit for a message: control characters and non-ASCII bytes escaped, the middle of long names elided.
std::string printable(std::string_view name);

}  // namespace upconv
