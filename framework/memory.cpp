#include <cstdint>
#include <cstring>
#include <new>

#include <sys/mman.h>

#include <upconv/framework/cuda_runtime.h>
#include <upconv/framework/error.h>
#include <upconv/framework/memory.h>
#include <upconv/framework/message.h>

namespace upconv {

namespace {

// A page of the processor's larger kind. To touch 100 MB for the first time takes 33 ms in pages of 4 KB, 5
// in these.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Blocks of some huge pages begin on one.
std::size_t alignment_of(std::size_t bytes) {
  return bytes >= 2 * kHugePage ? kHugePage : Buffer::kAlignment;
}

void* allocate_on_host(std::size_t bytes) {
  void* data = ::operator new (bytes, std::align_val_t{alignment_of(bytes)});
  // Whole ones alone, so that no memory is taken behind the block's end. A kernel that has none says so,
  // which does no harm.
  if (alignment_of(bytes) == kHugePage)
    static_cast<void>(::madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE));
  return data;
}

void check_pointer(const char* call, const void* data, std::size_t bytes) {
  if (data == nullptr) throw ArgumentError(message(call, ": ", bytes, " bytes at a null pointer"));
}

}  // namespace

Buffer::Buffer(Device device, std::size_t bytes) : bytes_(bytes), device_(device) {
  if (bytes == 0) return;
  switch (device.type()) {
    case Device::Type::cpu:
      data_ = allocate_on_host(bytes);
      return;
    case Device::Type::cuda:
      data_ = cuda::allocate(device.index(), bytes);
      return;
  }
}

Buffer::Buffer(std::shared_ptr<cuda::Stream> stream, Device device, std::size_t bytes)
    : bytes_(bytes), device_(device), stream_(std::move(stream)) {
  if (bytes != 0) data_ = cuda::allocate(*stream_, bytes);
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  if (stream_ != nullptr) {
    cuda::release(*stream_, data_);
    return;
  }
  switch (device_.type()) {
    case Device::Type::cpu:
      ::operator delete (data_, std::align_val_t{alignment_of(bytes_)});
      return;
    case Device::Type::cuda:
      cuda::release(device_.index(), data_);
      return;
  }
}

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (bytes == 0) return;
  check_pointer("copy_bytes", to, bytes);
  check_pointer("copy_bytes", from, bytes);
  if (to_device.is_cpu() && from_device.is_cpu()) {
    std::memcpy(to, from, bytes);
  } else {
    cuda::copy(to, to_device, from, from_device, bytes);
  }
}

void zero_bytes(void* data, Device device, std::size_t bytes) {
  if (bytes == 0) return;
  check_pointer("zero_bytes", data, bytes);
  switch (device.type()) {
    case Device::Type::cpu:
      std::memset(data, 0, bytes);
      return;
    case Device::Type::cuda:
      return cuda::zero(device.index(), data, bytes);
  }
}

}  // namespace upconv
