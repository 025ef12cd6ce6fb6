#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <upconv/framework/memory.h>
#include <upconv/framework/tensor.h>

namespace upconv {

/// Scratch memory that grows to what a network needs on its first run and is reused from then on, so that
/// later runs of that size allocate nothing. Handed out stack-wise through Workspace::Scope. Not thread-safe:
/// one context, one thread. On a GPU it is ordered by the context's stream: taking and giving back never
/// wait.
class Workspace {
 public:
  /// `stream` is the context's on a GPU, null on the CPU.
  explicit Workspace(Device device, std::shared_ptr<cuda::Stream> stream = nullptr)
      : device_(device), stream_(std::move(stream)) {}

  /// Bytes held at present.
  std::size_t capacity() const;

  /// Everything taken through a scope is given back when it ends. Scopes nest, and end in reverse order.
  class Scope {
   public:
    /// Begins here; `workspace` must outlive it.
    explicit Scope(Workspace& workspace);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    /// Undefined bytes, aligned to Buffer::kAlignment. Throws as Buffer does.
    void* take(std::size_t bytes);
    /// An undefined tensor on the workspace's device.
    TensorView take(const Shape& shape, DType dtype);

   private:
    Workspace& workspace_;
    std::size_t block_;
    std::size_t used_;
  };

 private:
  void* take(std::size_t bytes);
  void rewind(std::size_t block, std::size_t used) noexcept;
  void add_block(std::size_t bytes);

  Device device_;
  std::shared_ptr<cuda::Stream> stream_;
  std::vector<Buffer> blocks_;  // after the outermost scope ends, at most one
  std::size_t block_ = 0;       // the block being filled
  std::size_t used_ = 0;        // bytes taken of it
  std::size_t scopes_ = 0;      // open ones
};

}  // namespace upconv
