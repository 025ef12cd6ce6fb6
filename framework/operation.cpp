#include <upconv/framework/operation.h>

namespace upconv {

std::string Operation::kernel(std::span<const TensorSpec>, const ExecutionContext&) const {
  return {};
}

bool Operation::runs_in_place(std::size_t) const {
  return false;
}

std::optional<std::size_t> Operation::view_offset(std::span<const TensorSpec>) const {
  return std::nullopt;
}

std::optional<std::size_t> Operation::part_offset(std::size_t, std::span<const TensorSpec>) const {
  return std::nullopt;
}

ConstTensorView Operation::constant(const ExecutionContext&) const {
  return {};
}

bool Operation::is_constant() const {
  return false;
}

const void* Operation::family() const {
  return nullptr;
}

Fusion Operation::fuse(const Operation&, std::size_t, std::span<const TensorSpec>,
                       const ExecutionContext&) const {
  return {};
}

}  // namespace upconv
