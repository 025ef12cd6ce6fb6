#pragma once

#include <cstdint>
#include <ranges>
#include <span>

#include <upconv/framework/memory.h>
#include <upconv/framework/reset_on_move.h>
#include <upconv/framework/shape.h>

namespace upconv {

class ExecutionContext;

/// A borrowed, read-only, contiguous (row-major) tensor. Cheap to copy; must not outlive what it looks at.
class ConstTensorView {
 public:
  ConstTensorView() = default;  ///< Looks at nothing: `defined()` is false.
  /// Throws: ArgumentError if there are elements but `data` is null or not aligned to an element.
  ConstTensorView(const void* data, const TensorSpec& spec);

  /// False if there is no tensor, which is not the same as one without elements.
  bool defined() const { return defined_; }
  /// Shape, type and device.
  const TensorSpec& spec() const { return spec_; }
  /// Sizes.
  const Shape& shape() const { return spec_.shape; }
  /// Type of the elements.
  DType dtype() const { return spec_.dtype; }
  /// Where the elements lie.
  Device device() const { return spec_.device; }
  /// Number of elements.
  std::int64_t numel() const { return spec_.shape.numel(); }
  /// The first element, which on a GPU the host cannot read.
  const void* raw() const { return data_; }

  /// The elements. Throws: DTypeError unless T is the tensor's type, DeviceError unless it is on the CPU;
  /// ArgumentError if the view is undefined.
  template <Element T>
  std::span<const T> data() const {
    check_access(dtype_of<T>());
    return {static_cast<const T*>(data_), static_cast<std::size_t>(numel())};
  }
  /// The same elements under another shape. Throws: ShapeError if the counts differ; ArgumentError if the
  /// view is undefined.
  ConstTensorView reshape(const Shape& shape) const;

 protected:
  /// Throws unless the host may read elements of this type here.
  void check_access(DType requested) const;

  const void* data_ = nullptr;  ///< First element.
  TensorSpec spec_;             ///< What is looked at.
  bool defined_ = false;        ///< Whether anything is.
};

/// A borrowed tensor whose elements may be written. Converts to ConstTensorView.
class TensorView : public ConstTensorView {
 public:
  TensorView() = default;  ///< Looks at nothing: `defined()` is false.
  /// Looks at memory of this description, which the caller keeps alive. Throws as ConstTensorView does.
  TensorView(void* data, const TensorSpec& spec) : ConstTensorView(data, spec) {}

  /// The first element, which on a GPU the host cannot read.
  void* raw() const { return const_cast<void*>(data_); }  // was given to us as void*
  /// The elements. Throws: DTypeError unless T is the tensor's type, DeviceError unless it is on the CPU.
  template <Element T>
  std::span<T> data() const {
    check_access(dtype_of<T>());
    return {static_cast<T*>(raw()), static_cast<std::size_t>(numel())};
  }
  /// The same elements under another shape. Throws: ShapeError if the counts differ.
  TensorView reshape(const Shape& shape) const;
};

/// Owns a contiguous n-dimensional array on one device. Moves, but does not copy silently: see `clone`. What
/// was moved from is undefined, as Tensor() is. Layouts are PyTorch's (NCHW for images). Allocation throws
/// std::bad_alloc on the CPU, CudaError on a GPU.
class Tensor {
 public:
  Tensor() = default;  ///< No tensor: `defined()` is false.
  /// Takes the array over; what was moved from is no tensor.
  Tensor(Tensor&&) noexcept = default;
  /// The same; what this held is released.
  Tensor& operator=(Tensor&&) noexcept = default;
  Tensor(const Tensor&) = delete;             // no silent copies: write x.clone() or std::move(x)
  Tensor& operator=(const Tensor&) = delete;  // no silent copies: write x.clone() or std::move(x)

  /// Elements start undefined.
  static Tensor empty(const Shape& shape, DType dtype = DType::f32, Device device = Device::cpu());
  /// In memory that is ordered by the context's work, on its device: making it and letting it go never wait
  /// for a GPU. Throws: StateError while a CUDA graph is captured.
  static Tensor empty(const Shape& shape, DType dtype, ExecutionContext& ctx);
  /// Every element is zero.
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32, Device device = Device::cpu());
  /// Every element is `value`, rounded to `dtype`. Throws: ArgumentError if i64 cannot hold it.
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32,
                     Device device = Device::cpu());
  /// Copies `values`, in row-major order, into a CPU tensor. Throws: ShapeError if the count does not fit.
  template <Element T>
  static Tensor from(std::span<const T> values, const Shape& shape) {
    return copy_of(values.data(), values.size(), TensorSpec{shape, dtype_of<T>(), Device::cpu()});
  }
  /// The same from a vector or array.
  template <std::ranges::contiguous_range Values>
  requires Element<std::ranges::range_value_t<Values>>
  static Tensor from(const Values& values, const Shape& shape) {
    return from(std::span<const std::ranges::range_value_t<Values>>(values), shape);
  }

  /// False if there is no tensor, which is not the same as one without elements.
  bool defined() const { return defined_.get(); }
  /// Shape, type and device.
  const TensorSpec& spec() const { return spec_.get(); }
  /// Sizes.
  const Shape& shape() const { return spec().shape; }
  /// Type of the elements.
  DType dtype() const { return spec().dtype; }
  /// Where the elements lie.
  Device device() const { return spec().device; }
  /// Number of elements.
  std::int64_t numel() const { return shape().numel(); }

  /// The tensor, borrowed.
  TensorView view() { return defined() ? TensorView(buffer_.data(), spec()) : TensorView(); }
  /// The tensor, borrowed to be read.
  ConstTensorView view() const {
    return defined() ? ConstTensorView(buffer_.data(), spec()) : ConstTensorView();
  }
  /// As `view()`.
  operator TensorView() { return view(); }
  /// As `view()`.
  operator ConstTensorView() const { return view(); }

  /// The elements. Throws: DTypeError unless T is the tensor's type, DeviceError unless it is on the CPU;
  /// ArgumentError if the tensor is undefined.
  template <Element T>
  std::span<T> data() & {
    return view().data<T>();
  }
  /// The elements, to be read. Throws as the other.
  template <Element T>
  std::span<const T> data() const& {
    return view().data<T>();
  }
  template <Element T>
  std::span<const T> data() && = delete;  // the elements would be gone at the end of the expression

  /// Complete when it returns, like `to`: it waits for what a GPU still has to do. `ExecutionContext::copy`
  /// waits for less. A copy of no tensor is no tensor.
  Tensor clone() const;
  /// A copy on `device`, also if the tensor is there already. Throws: DeviceError, CudaError.
  Tensor to(Device device) const&;
  /// The tensor itself, without a copy, if it is on `device` already; else as above.
  Tensor to(Device device) &&;
  /// A copy with elements rounded to nearest even in `dtype`, also if that is the tensor's type already;
  /// float to i64 truncates, and throws DTypeError on a value that i64 cannot hold. CPU tensors only
  /// (DeviceError).
  Tensor to(DType dtype) const&;
  /// The tensor itself, without a copy and on any device, if `dtype` is its type already; else as above.
  Tensor to(DType dtype) &&;
  /// The same elements under another shape, without a copy. Throws: ShapeError if the counts differ;
  /// ArgumentError if the tensor is undefined.
  Tensor reshape(const Shape& shape) &&;

 private:
  static Tensor copy_of(const void* values, std::size_t count, const TensorSpec& spec);

  Tensor(Buffer buffer, const TensorSpec& spec) : buffer_(std::move(buffer)), spec_(spec), defined_(true) {}

  Buffer buffer_;
  ResetOnMove<TensorSpec> spec_;
  ResetOnMove<bool> defined_;
};

/// Copies `from` to `to`, which may live on different devices; complete when it returns. The two may be one
/// tensor, but must not overlap otherwise.
/// Throws: ShapeError, DTypeError if they differ; ArgumentError if one is undefined, or if they overlap.
void copy(TensorView to, ConstTensorView from);
/// Throws as `copy` does unless the one can be copied to the other.
void check_copy(ConstTensorView to, ConstTensorView from);

/// Copies between CPU tensors of one shape, converting elements as `Tensor::to(DType)` does. Throws:
/// ShapeError; DeviceError; DTypeError on a value that i64 cannot hold; ArgumentError as `copy` does.
void convert(TensorView to, ConstTensorView from);

/// True if both are defined and have bytes in common.
bool overlap(ConstTensorView a, ConstTensorView b);

}  // namespace upconv
