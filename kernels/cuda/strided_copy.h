#pragma once

#include <cstdint>
#include <type_traits>

#include <upconv/kernels/cuda/device/strided_copy.cuh>
#include <upconv/kernels/cuda/divisor.h>
#include <upconv/kernels/strided_copy.h>

/// What the launchers of copies by strides share. For .cu files.
namespace upconv::kernels::cuda::movement {

inline std::size_t last_of(const StridedCopyProblem& p) {
  return static_cast<std::size_t>(p.rank) - 1;
}

/// Appends dimension `dim` of the problem, as the next inner one.
inline void append(device::StridedCopyArguments& arguments, const StridedCopyProblem& p, std::size_t dim) {
  arguments.sizes[arguments.rank] = divisor_of(p.sizes[dim]);
  arguments.x_strides[arguments.rank] = p.x_strides[dim];
  arguments.y_strides[arguments.rank] = p.y_strides[dim];
  ++arguments.rank;
}

/// All dimensions but these.
inline device::StridedCopyArguments without(const StridedCopyProblem& p, std::size_t one, std::size_t other) {
  device::StridedCopyArguments arguments;
  for (std::size_t dim = 0; dim < static_cast<std::size_t>(p.rank); ++dim) {
    if (dim != one && dim != other) append(arguments, p, dim);
  }
  return arguments;
}

/// The largest power of two that divides all of these; `most` at most.
template <class... Values>
std::uint64_t common_power(std::uint64_t most, Values... values) {
  const std::uint64_t bits = (most | ... | static_cast<std::uint64_t>(values));
  return bits & (~bits + 1);
}

inline std::uint64_t address_of(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// Calls visit(std::type_identity<T>) with an integer of that many bytes: 2, 4 or 8.
template <class Visit>
void visit_element(int bytes, Visit&& visit) {
  switch (bytes) {
    case 2:
      return visit(std::type_identity<std::uint16_t>{});
    case 4:
      return visit(std::type_identity<std::uint32_t>{});
    case 8:
      return visit(std::type_identity<std::uint64_t>{});
  }
}

/// Calls visit(std::type_identity<Index>) with the type that counts so many pieces.
template <class Visit>
void visit_index(std::int64_t count, Visit&& visit) {
  constexpr std::int64_t kFewest = std::int64_t{1} << 30;  // the last block's threads count past the end
  count < kFewest ? visit(std::type_identity<std::uint32_t>{}) : visit(std::type_identity<std::uint64_t>{});
}

}  // namespace upconv::kernels::cuda::movement
