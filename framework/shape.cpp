#include <algorithm>
#include <limits>
#include <ostream>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/shape.h>

namespace upconv {

namespace {

void print_sizes(std::ostream& out, std::span<const std::int64_t> sizes) {
  out << '[';
  for (std::size_t i = 0; i < sizes.size(); ++i)
    out << (i ? "," : "") << sizes[i];
  out << ']';
}

}  // namespace

Shape::Shape(std::initializer_list<std::int64_t> sizes)
    : Shape(std::span<const std::int64_t>(sizes.begin(), sizes.size())) {}

Shape::Shape(std::span<const std::int64_t> sizes) {
  if (sizes.size() > kMaxRank) {
    throw ShapeError(message("a shape has at most ", kMaxRank, " dimensions, got ", sizes.size()));
  }
  const auto fail = [&](const char* why) {
    std::ostringstream text;
    print_sizes(text, sizes);
    throw ShapeError(message("shape ", text.str(), ' ', why));
  };
  bool empty = false;
  for (const std::int64_t size : sizes) {
    if (size < 0) fail("has a negative size");
    empty = empty || size == 0;
    sizes_[rank_++] = size;
  }
  // A zero anywhere makes the count zero, whatever the other sizes are.
  for (const std::int64_t size : sizes) {
    if (empty) break;
    if (numel_ > std::numeric_limits<std::int64_t>::max() / size)
      fail("has more elements than 64 bits can count");
    numel_ *= size;
  }
  if (empty) numel_ = 0;
}

std::int64_t Shape::operator[](int dim) const {
  const int index = dim < 0 ? dim + rank_ : dim;
  if (index < 0 || index >= rank_) {
    throw ShapeError(message("dimension ", dim, " is out of range for shape ", *this));
  }
  return sizes_[index];
}

std::string Shape::to_string() const {
  return message(*this);
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  print_sizes(out, {shape.begin(), shape.end()});
  return out;
}

std::size_t TensorSpec::bytes() const {
  const auto count = static_cast<std::uint64_t>(shape.numel());
  const std::uint64_t size = size_of(dtype);
  if (count > static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max()) / size) {
    throw ShapeError(message(*this, " needs more bytes than an address space holds"));
  }
  return static_cast<std::size_t>(count * size);
}

std::ostream& operator<<(std::ostream& out, const TensorSpec& spec) {
  return out << spec.dtype << spec.shape << " on " << spec.device;
}

std::ostream& operator<<(std::ostream& out, Size2d size) {
  return out << '(' << size.h << ", " << size.w << ')';
}

}  // namespace upconv
