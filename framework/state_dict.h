#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <upconv/framework/load_report.h>
#include <upconv/framework/names.h>
#include <upconv/framework/tensor.h>

namespace upconv {

/// An ordered map from parameter name to tensor, as PyTorch's `state_dict()`. Moves; tensors are not copied
/// silently.
class StateDict {
 public:
  /// Name and tensor.
  using Entry = std::pair<std::string, Tensor>;

  /// No entries.
  StateDict() = default;
  /// Takes the entries over.
  StateDict(StateDict&&) = default;
  /// Takes the entries over; its own are gone.
  StateDict& operator=(StateDict&&) = default;
  StateDict(const StateDict&) = delete;             // no silent copies: write std::move(weights)
  StateDict& operator=(const StateDict&) = delete;  // no silent copies: write std::move(weights)

  /// Appends an entry. Throws: ArgumentError if the name is empty or already there, or the tensor undefined.
  void insert(std::string name, Tensor tensor);
  /// True if there is an entry of this name.
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Null if there is none.
  const Tensor* find(std::string_view name) const;
  /// Throws: ArgumentError, naming the nearest entry, if there is none.
  const Tensor& at(std::string_view name) const;

  /// Number of entries.
  std::size_t size() const { return entries_.size(); }
  /// True without entries.
  bool empty() const { return entries_.empty(); }
  /// The entries, in the order they were inserted.
  auto begin() const { return entries_.begin(); }
  /// Behind the last entry.
  auto end() const { return entries_.end(); }

  /// Where the entries came from, such as a file name, for messages; may be empty.
  const std::string& source() const { return source_; }
  /// Says where the entries came from.
  void set_source(std::string source) { source_ = std::move(source); }

  /// What the reader changed on the way, such as a stripped prefix; copied into the LoadReport.
  const std::vector<std::string>& notes() const { return notes_; }
  /// Adds a sentence to `notes()`.
  void add_note(std::string note) { notes_.push_back(std::move(note)); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  friend class Module;
  /// Gives an entry's tensor up to a module, which then drops the whole dict.
  Tensor take(std::string_view name) { return std::move(entries_[index_.find(name)->second].second); }

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

}  // namespace upconv
