#pragma once

#include <cstddef>
#include <vector>

#include <upconv/framework/memory.h>
#include <upconv/framework/tensor.h>

namespace upconv {

/// Scratch memory that grows to what a network needs on its first run and is reused from then on, so that
/// later runs allocate nothing. Handed out stack-wise through Workspace::Scope. Not thread-safe: one context,
/// one thread.
class Workspace {
 public:
  explicit Workspace(Device device) : device_(device) {}

  /// Bytes held at present.
  std::size_t capacity() const;

  /// Everything taken through a scope is given back when it ends. Scopes nest, and end in reverse order.
  class Scope {
   public:
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
  void rewind(std::size_t block, std::size_t used);

  Device device_;
  std::vector<Buffer> blocks_;  // after the outermost scope ends, at most one
  std::size_t block_ = 0;       // the block being filled
  std::size_t used_ = 0;        // bytes taken of it
  std::size_t scopes_ = 0;      // open ones
};

}  // namespace upconv
