#include <upconv/kernels/cuda/tables.h>

// A build without CUDA kernels: empty tables, so that selection says that no kernel on the device fits.
namespace upconv::kernels::cuda {

std::span<const ConvRow> convolution_rows() {
  return {};
}
std::span<const BinaryRow> binary_rows() {
  return {};
}
std::span<const PointwiseRow> pointwise_rows() {
  return {};
}
std::span<const LinearRow> linear_rows() {
  return {};
}
std::span<const PadRow> pad_rows() {
  return {};
}
std::span<const PoolRow> pool2d_rows() {
  return {};
}
std::span<const ResizeRow> resize2d_rows() {
  return {};
}
std::span<const StridedCopyRow> strided_copy_rows() {
  return {};
}

}  // namespace upconv::kernels::cuda
