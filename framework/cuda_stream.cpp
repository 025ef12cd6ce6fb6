#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include <upconv/framework/cuda_check.h>
#include <upconv/framework/cuda_interop.h>
#include <upconv/framework/cuda_runtime.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

namespace upconv::cuda {

namespace {

/// Two pinned buffers that host copies go through: the GPU drains one while the CPU fills the other.
class Staging {
 public:
  static constexpr std::size_t kSlotBytes = std::size_t{4} << 20;

  Staging() = default;
  ~Staging() {
    for (const cudaEvent_t event : done_) {
      if (event != nullptr) cudaEventDestroy(event);
    }
    if (memory_ != nullptr) cudaFreeHost(memory_);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// The slot, once the GPU is through with it.
  std::byte* wait(int slot) {
    if (memory_ == nullptr) create();
    check(cudaEventSynchronize(done_[slot]), "cudaEventSynchronize");
    return memory_ + static_cast<std::size_t>(slot) * kSlotBytes;
  }
  /// Says that the slot is in use until the stream gets here.
  void use(int slot, cudaStream_t stream) { check(cudaEventRecord(done_[slot], stream), "cudaEventRecord"); }

 private:
  void create() {
    for (cudaEvent_t& event : done_) {
      if (event == nullptr)
        check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    }
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, done_.size() * kSlotBytes, cudaHostAllocPortable), "cudaHostAlloc");
    memory_ = static_cast<std::byte*>(memory);
  }

  std::byte* memory_ = nullptr;
  std::array<cudaEvent_t, 2> done_{};
};

}  // namespace

class Stream {
 public:
  Stream(int index, cudaStream_t borrowed) : index_(index), handle_(borrowed), owned_(borrowed == nullptr) {
    const DeviceGuard guard(index);
    if (!owned_) check_device();
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {.type = cudaMemLocationTypeDevice, .id = index};
    check(cudaMemPoolCreate(&pool_, &properties), "cudaMemPoolCreate");
    try {
      std::uint64_t keep_all = UINT64_MAX;  // or every synchronisation would hand the memory back
      check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_all),
            "cudaMemPoolSetAttribute");
      if (owned_) {
        check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
      }
    } catch (...) {
      cudaMemPoolDestroy(pool_);
      throw;
    }
  }
  // Neither call waits: CUDA lets go of a stream and a pool once their last work and memory are gone.
  ~Stream() {
    if (owned_) cudaStreamDestroy(handle_);
    cudaMemPoolDestroy(pool_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int index() const { return index_; }
  cudaStream_t handle() const { return handle_; }
  cudaMemPool_t pool() const { return pool_; }
  Staging& staging() { return staging_; }

 private:
  void check_device() const {
    int actual = 0;
    check(cudaStreamGetDevice(handle_, &actual), "cudaStreamGetDevice");
    if (actual != index_) {
      throw DeviceError(message("the stream given to the context belongs to cuda:", actual,
                                ", the context is on cuda:", index_));
    }
  }

  int index_;
  cudaStream_t handle_;
  bool owned_;
  cudaMemPool_t pool_ = nullptr;
  Staging staging_;
};

std::shared_ptr<Stream> make_stream(int index, void* borrowed) {
  return std::make_shared<Stream>(index, static_cast<cudaStream_t>(borrowed));
}

void* handle_of(const Stream& stream) noexcept {
  return stream.handle();
}

bool is_capturing(const Stream& stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream.handle(), &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

void synchronize(const Stream& stream) {
  const DeviceGuard guard(stream.index());
  check(cudaStreamSynchronize(stream.handle()), "cudaStreamSynchronize");
}

void* allocate(Stream& stream, std::size_t bytes) {
  if (is_capturing(stream)) {
    throw StateError(
        message("a CUDA graph is being captured, and ", bytes,
                " bytes would have to be allocated: capture forward_into, after one run of the same size"));
  }
  const DeviceGuard guard(stream.index());
  void* data = nullptr;
  check_allocation(cudaMallocFromPoolAsync(&data, bytes, stream.pool(), stream.handle()),
                   "cudaMallocFromPoolAsync", stream.index(), bytes);
  return data;
}

void release(Stream& stream, void* data) noexcept {
  int previous = 0;
  if (cudaGetDevice(&previous) != cudaSuccess) return;
  cudaSetDevice(stream.index());
  cudaFreeAsync(data, stream.handle());
  cudaSetDevice(previous);
}

void copy(Stream& stream, void* to, Device to_device, const void* from, Device from_device,
          std::size_t bytes) {
  const DeviceGuard guard(stream.index());
  const auto enqueue = [&](void* target, const void* source, std::size_t count) {
    check(cudaMemcpyAsync(target, source, count, cudaMemcpyDefault, stream.handle()), "cudaMemcpyAsync");
  };
  if (to_device.is_cuda() && from_device.is_cuda()) return enqueue(to, from, bytes);
  if (is_capturing(stream)) {
    throw StateError("a CUDA graph is being captured: copies between host and GPU cannot be part of it");
  }
  Staging& staging = stream.staging();
  const std::size_t chunks = (bytes + Staging::kSlotBytes - 1) / Staging::kSlotBytes;
  const auto size_of_chunk = [&](std::size_t k) {
    return std::min(Staging::kSlotBytes, bytes - k * Staging::kSlotBytes);
  };
  if (to_device.is_cuda()) {
    for (std::size_t k = 0; k < chunks; ++k) {
      const int slot = static_cast<int>(k % 2);
      std::byte* pinned = staging.wait(slot);
      std::memcpy(pinned, static_cast<const std::byte*>(from) + k * Staging::kSlotBytes, size_of_chunk(k));
      enqueue(static_cast<std::byte*>(to) + k * Staging::kSlotBytes, pinned, size_of_chunk(k));
      staging.use(slot, stream.handle());
    }
    return;
  }
  for (std::size_t k = 0; k < chunks + 1; ++k) {  // chunk k comes down while chunk k - 1 is copied out
    if (k < chunks) {
      const int slot = static_cast<int>(k % 2);
      enqueue(staging.wait(slot), static_cast<const std::byte*>(from) + k * Staging::kSlotBytes,
              size_of_chunk(k));
      staging.use(slot, stream.handle());
    }
    if (k > 0) {
      std::memcpy(static_cast<std::byte*>(to) + (k - 1) * Staging::kSlotBytes,
                  staging.wait(static_cast<int>((k - 1) % 2)), size_of_chunk(k - 1));
    }
  }
}

ExecutionContextOptions on_stream(cudaStream_t stream, ExecutionContextOptions options) {
  if (stream == nullptr) {
    throw ArgumentError("on_stream: the stream is null; for CUDA's default stream say cudaStreamLegacy");
  }
  int index = 0;
  check(cudaStreamGetDevice(stream, &index), "cudaStreamGetDevice");
  options.device = Device::cuda(index);
  options.stream = stream;
  return options;
}

cudaStream_t stream_of(const ExecutionContext& ctx) {
  if (!ctx.device().is_cuda()) throw DeviceError(message("a context on ", ctx.device(), " has no stream"));
  return static_cast<cudaStream_t>(ctx.stream());
}

TensorView wrap(void* data, const Shape& shape, DType dtype) {
  cudaPointerAttributes attributes{};
  check(cudaPointerGetAttributes(&attributes, data), "cudaPointerGetAttributes");
  if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged) {
    throw DeviceError("wrap: the pointer is not one to GPU memory");
  }
  const TensorSpec spec{shape, dtype, Device::cuda(attributes.device)};
  if (reinterpret_cast<std::uintptr_t>(data) % size_of(dtype) != 0) {
    throw ArgumentError(message("wrap: the pointer is not aligned for ", dtype));
  }
  return {data, spec};
}

}  // namespace upconv::cuda
