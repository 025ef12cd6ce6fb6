#include <limits>
#include <new>

#include <upconv/framework/workspace.h>

namespace upconv {

std::size_t Workspace::capacity() const {
  std::size_t bytes = 0;
  for (const Buffer& block : blocks_)
    bytes += block.bytes();
  return bytes;
}

void* Workspace::take(std::size_t bytes) {
  constexpr std::size_t kMask = Buffer::kAlignment - 1;
  if (bytes > std::numeric_limits<std::size_t>::max() - kMask) throw std::bad_alloc();
  const std::size_t rounded = (bytes + kMask) & ~kMask;
  if (block_ < blocks_.size() && rounded > blocks_[block_].bytes() - used_) {
    ++block_;
    used_ = 0;
  }
  // A block that a smaller scope left behind may be too small: replace it and all after it.
  if (block_ < blocks_.size() && rounded > blocks_[block_].bytes()) blocks_.resize(block_);
  if (block_ == blocks_.size()) add_block(rounded);
  void* result = static_cast<std::byte*>(blocks_[block_].data()) + used_;
  used_ += rounded;
  return result;
}

void Workspace::add_block(std::size_t bytes) {
  if (stream_ != nullptr) {
    blocks_.emplace_back(stream_, device_, bytes);
  } else {
    blocks_.emplace_back(device_, bytes);
  }
}

void Workspace::rewind(std::size_t block, std::size_t used) noexcept {
  block_ = block;
  used_ = used;
  if (scopes_ != 0 || blocks_.size() < 2) return;
  // One block for next time: the run that needed several is a fair guess of what the next one needs. It is
  // allocated now, so that one run is enough to be warm.
  const std::size_t bytes = capacity();
  blocks_.clear();
  try {
    add_block(bytes);
  } catch (...) {  // this runs in a destructor: the next run will ask again, and tell its caller
    blocks_.clear();
  }
}

Workspace::Scope::Scope(Workspace& workspace)
    : workspace_(workspace), block_(workspace.block_), used_(workspace.used_) {
  ++workspace_.scopes_;
}

Workspace::Scope::~Scope() {
  --workspace_.scopes_;
  workspace_.rewind(block_, used_);
}

void* Workspace::Scope::take(std::size_t bytes) {
  return workspace_.take(bytes);
}

TensorView Workspace::Scope::take(const Shape& shape, DType dtype) {
  const TensorSpec spec{shape, dtype, workspace_.device_};
  return {workspace_.take(spec.bytes()), spec};
}

}  // namespace upconv
