#pragma once

#include <random>
#include <vector>

#include "problems.h"

#include <upconv/kernels/epilogue.h>

namespace upconv::test {

/// Every combination of rungs, with functions whose results are exact for exact values.
std::vector<kernels::EpilogueForm> exact_forms();

/// The operands of an epilogue of this form, on the CPU. With exact values every result is exact in f32.
struct EpilogueCase {
  EpilogueCase(const kernels::EpilogueForm& form, std::int64_t channels, const Shape& y, DType dtype,
               Values values, std::mt19937& random);

  Tensor bias, scale, shift, slopes, second_slopes, residual;
  kernels::Epilogue numbers;  ///< What is no tensor.

  kernels::Epilogue epilogue() const;
  /// With every tensor as `place` returns it: as a view of a copy on a GPU.
  template <class Place>
  kernels::Epilogue epilogue(Place&& place) const {
    kernels::Epilogue result = numbers;
    const auto set = [&](ConstTensorView& to, const Tensor& from) {
      if (from.defined()) to = place(from);
    };
    set(result.bias, bias);
    set(result.scale, scale);
    set(result.shift, shift);
    set(result.first.slopes, slopes);
    set(result.second.slopes, second_slopes);
    set(result.residual, residual);
    return result;
  }
};

}  // namespace upconv::test
