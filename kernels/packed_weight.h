#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include <upconv/framework/memory.h>

namespace upconv::kernels {

/// What one row of a kernel table reads of a packed weight.
struct PackedSection {
  std::string_view row;  ///< Its name.
  int layout = 0;        ///< Which of the row's layouts it is.
  std::size_t offset =
      0;  ///< Where it begins in the weight's memory; on a boundary of PackedWeight::kAlignment.
  std::size_t bytes = 0;  ///< How long it is.
};

/// A weight as the kernels of one device read it: a section for each row of the kernel table that packs one,
/// and a directory that says where it is. What a section holds is the row's own affair.
class PackedWeight {
 public:
  /// Of a section's first byte.
  static constexpr std::size_t kAlignment = 256;

  /// Nothing is packed: for rows that read the weight as PyTorch stores it.
  PackedWeight() = default;
  /// Takes memory over that holds these sections.
  PackedWeight(Buffer memory, std::vector<PackedSection> sections)
      : memory_(std::move(memory)), sections_(std::move(sections)) {}

  /// The section of this row, or null.
  const PackedSection* find(std::string_view row) const {
    for (const PackedSection& section : sections_) {
      if (section.row == row) return &section;
    }
    return nullptr;
  }
  /// The first byte of one of its sections, which on a GPU the host cannot read.
  const std::byte* data(const PackedSection& section) const {
    return static_cast<const std::byte*>(memory_.data()) + section.offset;
  }
  /// The directory.
  const std::vector<PackedSection>& sections() const { return sections_; }
  /// Size of all of it.
  std::size_t bytes() const { return memory_.bytes(); }
  /// Where it lies.
  Device device() const { return memory_.device(); }

 private:
  Buffer memory_;
  std::vector<PackedSection> sections_;
};

}  // namespace upconv::kernels
