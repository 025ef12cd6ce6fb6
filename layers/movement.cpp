#include <algorithm>
#include <numeric>
#include <string_view>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/recording.h>
#include <upconv/layers/movement.h>
#include <upconv/layers/movement_operation.h>

namespace upconv {

namespace {

/// "[2, -1]", as PyTorch prints a list.
std::string list(const Sizes& sizes) {
  std::string text;
  for (const std::int64_t size : sizes)
    text += message(text.empty() ? "" : ", ", size);
  return '[' + text + ']';
}

/// Says where a function was called in what it throws.
class Call {
 public:
  Call(std::string_view function, SourceLocation where) : function_(function), where_(where) {}

  template <class... Parts>
  [[noreturn]] void shape_error(const Parts&... parts) const {
    throw ShapeError(text(parts...));
  }
  template <class... Parts>
  [[noreturn]] void argument_error(const Parts&... parts) const {
    throw ArgumentError(text(parts...));
  }
  /// `dim` counted from the front. `rank` may be one more than the tensor's.
  int dimension(std::int64_t dim, int rank) const {
    const std::int64_t least = -std::max(rank, 1), most = std::max(rank, 1) - 1;
    if (dim < least || dim > most) {
      shape_error("Dimension out of range (expected to be in range of [", least, ", ", most, "], but got ",
                  dim, ')');
    }
    return static_cast<int>(dim < 0 ? dim + std::max(rank, 1) : dim);
  }
  /// A result of `shape`, whose dimension i steps by strides[i] elements of x.
  Value move(const Value& x, const Shape& shape, std::span<const std::int64_t> strides,
             std::int64_t offset = 0) const {
    return Recording::call(std::make_shared<MovementOperation>(function_, shape, strides, offset), {&x, 1},
                           where_);
  }
  /// The same elements, in their order.
  Value view(const Value& x, const Sizes& sizes) const {
    const Shape shape(sizes);
    return move(x, shape, contiguous_strides(shape));
  }
  const std::string& function() const { return function_; }
  SourceLocation where() const { return where_; }

 private:
  template <class... Parts>
  std::string text(const Parts&... parts) const {
    const std::string_view file = where_.file;
    return message(function_, ": ", parts..., "\n  at ", file.substr(file.find_last_of('/') + 1), ':',
                   where_.line);
  }

  std::string function_;
  SourceLocation where_;
};

Sizes sizes_of(const Value& x) {
  return {x.shape().begin(), x.shape().end()};
}

std::size_t index(int dim) {
  return static_cast<std::size_t>(dim);
}

/// `sizes` with -1 replaced, for `count` elements.
Sizes infer(const Call& call, Sizes sizes, std::int64_t count, std::string_view mismatch) {
  std::int64_t known = 1;
  auto inferred = sizes.end();
  for (auto size = sizes.begin(); size != sizes.end(); ++size) {
    if (*size == -1) {
      if (inferred != sizes.end()) call.shape_error("only one dimension can be inferred, got ", list(sizes));
      inferred = size;
    } else if (*size < 0) {
      call.shape_error("invalid shape dimension ", *size);
    } else {
      known *= *size;
    }
  }
  const bool fits = inferred == sizes.end() ? known == count : known != 0 && count % known == 0;
  if (!fits) call.shape_error("shape '", list(sizes), "' is invalid for ", mismatch);
  if (inferred != sizes.end()) *inferred = count / known;
  return sizes;
}

}  // namespace

Value cat(const Values& values, std::int64_t dim, SourceLocation where) {
  const Call call("cat", where);
  static_cast<void>(Recording::common("cat", values, where));
  const int rank = values[0].shape().rank();
  if (rank == 0) call.shape_error("zero-dimensional tensor (at position 0) cannot be concatenated");
  return Recording::call(std::make_shared<CatOperation>(call.dimension(dim, rank)), values, where);
}

Value stack(const Values& values, std::int64_t dim, SourceLocation where) {
  const Call call("stack", where);
  static_cast<void>(Recording::common("stack", values, where));
  Values parts;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].shape() != values[0].shape()) {
      call.shape_error("stack expects each tensor to be equal size, but got ", values[0].shape(),
                       " at entry 0 and ", values[i].shape(), " at entry ", i);
    }
    parts.push_back(unsqueeze(values[i], dim, where));
  }
  return cat(parts, dim, where);
}

Values split(const Value& x, std::int64_t split_size, std::int64_t dim, SourceLocation where) {
  const Call call("split", where);
  const std::int64_t size = x.shape().rank() == 0 ? 0 : x.shape()[call.dimension(dim, x.shape().rank())];
  if (x.shape().rank() == 0) call.shape_error("split expects at least a 1-dimensional tensor");
  if (split_size < 0 || (split_size == 0 && size != 0)) {
    call.argument_error("split_size must be positive, got ", split_size);
  }
  Sizes sizes;
  for (std::int64_t begin = 0; begin < size; begin += split_size)
    sizes.push_back(std::min(split_size, size - begin));
  if (sizes.empty()) sizes.push_back(0);
  return split(x, sizes, dim, where);
}

Values split(const Value& x, const Sizes& split_sizes, std::int64_t dim, SourceLocation where) {
  const Call call("split", where);
  if (x.shape().rank() == 0) call.shape_error("split expects at least a 1-dimensional tensor");
  const int at = call.dimension(dim, x.shape().rank());
  const std::int64_t total = std::accumulate(split_sizes.begin(), split_sizes.end(), std::int64_t{0});
  const bool negative = std::ranges::any_of(split_sizes, [](std::int64_t size) { return size < 0; });
  if (negative || total != x.shape()[at]) {
    call.shape_error("split_sizes must be non-negative and sum exactly to ", x.shape()[at],
                     " (input tensor's size at "
                     "dimension ",
                     at, "), but got split_sizes=", list(split_sizes));
  }
  Values parts;
  std::int64_t begin = 0;
  for (const std::int64_t size : split_sizes) {
    parts.push_back(narrow(x, at, begin, size, where));
    begin += size;
  }
  return parts;
}

Values chunk(const Value& x, std::int64_t chunks, std::int64_t dim, SourceLocation where) {
  const Call call("chunk", where);
  if (chunks < 1) call.argument_error("chunk expects `chunks` to be greater than 0, got: ", chunks);
  if (x.shape().rank() == 0) call.shape_error("chunk expects at least a 1-dimensional tensor");
  const std::int64_t size = x.shape()[call.dimension(dim, x.shape().rank())];
  if (size == 0) return split(x, Sizes(static_cast<std::size_t>(chunks), 0), dim, where);
  return split(x, (size + chunks - 1) / chunks, dim, where);
}

Value slice(const Value& x, std::int64_t dim, std::int64_t start, std::optional<std::int64_t> end,
            std::int64_t step, SourceLocation where) {
  const Call call("slice", where);
  if (x.shape().rank() == 0) call.shape_error("slice() cannot be applied to a 0-dim tensor.");
  if (step < 1) call.argument_error("slice step must be positive, got ", step);
  const int at = call.dimension(dim, x.shape().rank());
  const std::int64_t size = x.shape()[at];
  const auto position = [size](std::int64_t p) {
    return std::clamp<std::int64_t>(p < 0 ? p + size : p, 0, size);
  };
  const std::int64_t first = position(start), last = std::max(first, position(end.value_or(size)));
  std::vector<std::int64_t> strides = contiguous_strides(x.shape());
  const std::int64_t offset = first * strides[index(at)];
  strides[index(at)] *= step;
  Sizes sizes = sizes_of(x);
  sizes[index(at)] = (last - first + step - 1) / step;
  return call.move(x, Shape(sizes), strides, offset);
}

Value narrow(const Value& x, std::int64_t dim, std::int64_t start, std::int64_t length,
             SourceLocation where) {
  const Call call("narrow", where);
  if (x.shape().rank() == 0) call.shape_error("narrow() cannot be applied to a 0-dim tensor.");
  const int at = call.dimension(dim, x.shape().rank());
  const std::int64_t size = x.shape()[at];
  if (start < -size || start > size) {
    call.shape_error("start (", start, ") must be from ", -size, " to ", size, ", the size of dimension ",
                     at);
  }
  const std::int64_t first = start < 0 ? start + size : start;
  if (length < 0 || first + length > size) {
    call.shape_error("start (", first, ") + length (", length, ") exceeds dimension size (", size, ").");
  }
  std::vector<std::int64_t> strides = contiguous_strides(x.shape());
  Sizes sizes = sizes_of(x);
  sizes[index(at)] = length;
  return call.move(x, Shape(sizes), strides, first * strides[index(at)]);
}

Value select(const Value& x, std::int64_t dim, std::int64_t at_index, SourceLocation where) {
  const Call call("select", where);
  if (x.shape().rank() == 0) call.shape_error("select() cannot be applied to a 0-dim tensor.");
  const int at = call.dimension(dim, x.shape().rank());
  const std::int64_t size = x.shape()[at];
  if (at_index < -size || at_index >= size) {
    call.shape_error("index ", at_index, " out of range for tensor of size ", x.shape(), " at dimension ",
                     at);
  }
  std::vector<std::int64_t> strides = contiguous_strides(x.shape());
  const std::int64_t offset = (at_index < 0 ? at_index + size : at_index) * strides[index(at)];
  Sizes sizes = sizes_of(x);
  sizes.erase(sizes.begin() + at);
  strides.erase(strides.begin() + at);
  return call.move(x, Shape(sizes), strides, offset);
}

Value reshape(const Value& x, const Sizes& sizes, SourceLocation where) {
  const Call call("reshape", where);
  return call.view(x, infer(call, sizes, x.shape().numel(), message("input of size ", x.shape().numel())));
}

Value view(const Value& x, const Sizes& sizes, SourceLocation where) {
  const Call call("view", where);
  return call.view(x, infer(call, sizes, x.shape().numel(), message("input of size ", x.shape().numel())));
}

Value flatten(const Value& x, std::int64_t start_dim, std::int64_t end_dim, SourceLocation where) {
  const Call call("flatten", where);
  const int first = call.dimension(start_dim, x.shape().rank()),
            last = call.dimension(end_dim, x.shape().rank());
  if (first > last) call.shape_error("flatten() has invalid args: start_dim cannot come after end_dim");
  if (x.shape().rank() == 0) return call.view(x, {1});
  Sizes sizes(x.shape().begin(), x.shape().begin() + first);
  sizes.push_back(std::accumulate(x.shape().begin() + first, x.shape().begin() + last + 1, std::int64_t{1},
                                  std::multiplies{}));
  sizes.insert(sizes.end(), x.shape().begin() + last + 1, x.shape().end());
  return call.view(x, sizes);
}

Value unflatten(const Value& x, std::int64_t dim, const Sizes& sizes, SourceLocation where) {
  const Call call("unflatten", where);
  if (x.shape().rank() == 0) call.shape_error("it cannot be applied to a 0-dim tensor.");
  if (sizes.empty()) call.argument_error("sizes must be non-empty");
  const int at = call.dimension(dim, x.shape().rank());
  const Sizes inner =
      infer(call, sizes, x.shape()[at], message("dimension ", at, " of size ", x.shape()[at]));
  Sizes all(x.shape().begin(), x.shape().begin() + at);
  all.insert(all.end(), inner.begin(), inner.end());
  all.insert(all.end(), x.shape().begin() + at + 1, x.shape().end());
  return call.view(x, all);
}

Value squeeze(const Value& x, SourceLocation where) {
  Sizes sizes = sizes_of(x);
  std::erase(sizes, 1);
  return Call("squeeze", where).view(x, sizes);
}

Value squeeze(const Value& x, std::int64_t dim, SourceLocation where) {
  const Call call("squeeze", where);
  const int at = call.dimension(dim, x.shape().rank());
  Sizes sizes = sizes_of(x);
  if (!sizes.empty() && sizes[index(at)] == 1) sizes.erase(sizes.begin() + at);
  return call.view(x, sizes);
}

Value unsqueeze(const Value& x, std::int64_t dim, SourceLocation where) {
  const Call call("unsqueeze", where);
  const int at = call.dimension(dim, x.shape().rank() + 1);
  Sizes sizes = sizes_of(x);
  sizes.insert(sizes.begin() + at, 1);
  return call.view(x, sizes);
}

Value permute(const Value& x, const Sizes& dims, SourceLocation where) {
  const Call call("permute", where);
  const int rank = x.shape().rank();
  if (static_cast<int>(dims.size()) != rank) {
    call.shape_error(
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
        "desired ordering of dimensions i.e. input.dim() = ",
        rank, " is not equal to len(dims) = ", dims.size());
  }
  const std::vector<std::int64_t> from = contiguous_strides(x.shape());
  Sizes sizes, strides;
  std::vector<bool> seen(dims.size());
  for (const std::int64_t dim : dims) {
    const int at = call.dimension(dim, rank);
    if (seen[index(at)]) call.shape_error("duplicate dims are not allowed, got ", list(dims));
    seen[index(at)] = true;
    sizes.push_back(x.shape()[at]);
    strides.push_back(from[index(at)]);
  }
  return call.move(x, Shape(sizes), strides);
}

Value transpose(const Value& x, std::int64_t dim0, std::int64_t dim1, SourceLocation where) {
  const Call call("transpose", where);
  const int rank = x.shape().rank(), a = call.dimension(dim0, rank), b = call.dimension(dim1, rank);
  Sizes sizes = sizes_of(x);
  std::vector<std::int64_t> strides = contiguous_strides(x.shape());
  if (rank > 0) {
    std::swap(sizes[index(a)], sizes[index(b)]);
    std::swap(strides[index(a)], strides[index(b)]);
  }
  return call.move(x, Shape(sizes), strides);
}

Value flip(const Value& x, const Sizes& dims, SourceLocation where) {
  const Call call("flip", where);
  std::vector<std::int64_t> strides = contiguous_strides(x.shape());
  std::vector<bool> seen(strides.size());
  std::int64_t offset = 0;
  for (const std::int64_t dim : dims) {
    const int at = call.dimension(dim, x.shape().rank());
    if (strides.empty()) continue;
    if (seen[index(at)]) call.shape_error("dim ", at, " appears multiple times in the list of dims");
    seen[index(at)] = true;
    offset += std::max<std::int64_t>(x.shape()[at] - 1, 0) * strides[index(at)];
    strides[index(at)] = -strides[index(at)];
  }
  return call.move(x, x.shape(), strides, offset);
}

Value roll(const Value& x, const Sizes& shifts, const Sizes& dims, SourceLocation where) {
  const Call call("roll", where);
  if (shifts.size() != dims.size() || shifts.empty()) {
    call.argument_error("shifts and dimensions must align. shifts: ", shifts.size(), ", dims:", dims.size());
  }
  const std::vector<std::int64_t> strides = contiguous_strides(x.shape());
  Sizes moved(strides.size());
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const int at = call.dimension(dims[i], x.shape().rank());
    if (strides.empty() || x.shape()[at] == 0) continue;
    const std::int64_t size = x.shape()[at];
    moved[index(at)] = ((moved[index(at)] + shifts[i]) % size + size) % size;
  }
  // Every rolled dimension cuts each piece in two.
  std::vector<Piece> pieces = {Piece{}};
  for (std::size_t dim = 0; dim < strides.size(); ++dim) {
    const std::int64_t size = x.shape()[static_cast<int>(dim)], shift = moved[dim], stride = strides[dim];
    std::vector<Piece> cut;
    for (const Piece& piece : pieces) {
      Piece front = piece;  // what moves towards the end
      front.add(size - shift, stride, stride);
      front.y_offset += shift * stride;
      cut.push_back(front);
      if (shift == 0) continue;
      Piece back = piece;
      back.add(shift, stride, stride);
      back.x_offset += (size - shift) * stride;
      cut.push_back(back);
    }
    pieces = std::move(cut);
  }
  return Recording::call(std::make_shared<MovementOperation>("roll", x.shape(), std::move(pieces)), {&x, 1},
                         where);
}

Value expand(const Value& x, const Sizes& sizes, SourceLocation where) {
  const Call call("expand", where);
  const std::size_t rank = static_cast<std::size_t>(x.shape().rank());
  if (sizes.size() < rank) {
    call.shape_error("the number of sizes provided (", sizes.size(),
                     ") must be greater or equal to the number of "
                     "dimensions in the tensor (",
                     rank, ')');
  }
  const std::vector<std::int64_t> from = contiguous_strides(x.shape());
  const std::size_t added = sizes.size() - rank;
  Sizes result(sizes), strides(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t own = i < added ? 1 : x.shape()[static_cast<int>(i - added)];
    if (sizes[i] == -1 && i >= added) result[i] = own;
    if (result[i] < 0) call.shape_error("size ", sizes[i], " is not allowed for dimension ", i);
    if (own != 1 && own != result[i]) {
      call.shape_error("The expanded size of the tensor (", sizes[i], ") must match the existing size (", own,
                       ") at non-singleton dimension ", i, ". Target sizes: ", list(sizes),
                       ". Tensor sizes: ", x.shape());
    }
    strides[i] = own == result[i] && i >= added ? from[i - added] : 0;
  }
  return call.move(x, Shape(result), strides);
}

Value repeat(const Value& x, const Sizes& repeats, SourceLocation where) {
  const Call call("repeat", where);
  const std::size_t rank = static_cast<std::size_t>(x.shape().rank());
  if (repeats.size() < rank) {
    call.shape_error(
        "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: ",
        list(repeats), " for ", x.shape());
  }
  const std::size_t added = repeats.size() - rank;
  Sizes result;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] < 0) call.shape_error("repeats must not be negative, got ", list(repeats));
    result.push_back(repeats[i] * (i < added ? 1 : x.shape()[static_cast<int>(i - added)]));
  }
  const Shape shape(result);
  const std::vector<std::int64_t> from = contiguous_strides(x.shape()), to = contiguous_strides(shape);
  Piece piece;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    const std::int64_t own = i < added ? 1 : x.shape()[static_cast<int>(i - added)];
    piece.add(repeats[i], 0, own * to[i]);
    piece.add(own, i < added ? 0 : from[i - added], to[i]);
  }
  return Recording::call(std::make_shared<MovementOperation>("repeat", shape, std::vector{piece}), {&x, 1},
                         where);
}

namespace {

/// A shuffle of images [*, C, H, W]: `make` gives sizes and strides of what replaces the last three
/// dimensions.
struct Image {
  Sizes batch;
  std::int64_t channels, height, width;
};

Image image_of(const Call& call, const Value& x) {
  const Shape& shape = x.shape();
  if (shape.rank() < 3) {
    call.shape_error("expects input to have at least 3 dimensions, but got input with ", shape.rank(),
                     " dimension(s)");
  }
  return {Sizes(shape.begin(), shape.end() - 3), shape[-3], shape[-2], shape[-1]};
}

/// The operation that reads the image with these strides, outermost first, after the batch.
Value shuffle(const Call& call, const Value& x, const Image& image, const Sizes& result, const Sizes& sizes,
              const Sizes& strides) {
  Sizes all = image.batch;
  all.insert(all.end(), result.begin(), result.end());
  const Shape shape(all);
  const std::int64_t batch =
      std::accumulate(image.batch.begin(), image.batch.end(), std::int64_t{1}, std::multiplies{});
  const std::int64_t one = image.channels * image.height * image.width;
  Piece piece;
  piece.add(batch, one, one);
  std::int64_t inner = one;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    inner = sizes[i] == 0 ? 0 : inner / sizes[i];
    piece.add(sizes[i], strides[i], inner);
  }
  return Recording::call(std::make_shared<MovementOperation>(call.function(), shape, std::vector{piece}),
                         {&x, 1}, call.where());
}

}  // namespace

Value pixel_shuffle(const Value& x, std::int64_t r, SourceLocation where) {
  const Call call("pixel_shuffle", where);
  const Image image = image_of(call, x);
  if (r < 1) call.argument_error("expects a positive upscale_factor, but got ", r);
  if (image.channels % (r * r) != 0) {
    call.shape_error(
        "expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
        "input.size(-3)=",
        image.channels, " is not divisible by ", r * r);
  }
  const std::int64_t c = image.channels / (r * r), h = image.height, w = image.width;
  return shuffle(call, x, image, {c, h * r, w * r}, {c, h, r, w, r}, {r * r * h * w, w, r * h * w, 1, h * w});
}

Value pixel_unshuffle(const Value& x, std::int64_t r, SourceLocation where) {
  const Call call("pixel_unshuffle", where);
  const Image image = image_of(call, x);
  if (r < 1) call.argument_error("expects a positive downscale_factor, but got ", r);
  if (image.height % r != 0) {
    call.shape_error("expects height to be divisible by downscale_factor, but input.size(-2)=", image.height,
                     " is not divisible by ", r);
  }
  if (image.width % r != 0) {
    call.shape_error("expects width to be divisible by downscale_factor, but input.size(-1)=", image.width,
                     " is not divisible by ", r);
  }
  const std::int64_t c = image.channels, h = image.height / r, w = image.width / r;
  return shuffle(call, x, image, {c * r * r, h, w}, {c, r, r, h, w}, {h * r * w * r, w * r, 1, r * w * r, r});
}

Value channel_shuffle(const Value& x, std::int64_t groups, SourceLocation where) {
  const Call call("channel_shuffle", where);
  const Image image = image_of(call, x);
  if (groups < 1)
    call.argument_error("Number of groups to divide channels in must be positive. Value of groups:", groups);
  if (image.channels % groups != 0) {
    call.shape_error("Number of channels must be divisible by groups. Got ", image.channels, " channels and ",
                     groups, " groups.");
  }
  const std::int64_t c = image.channels / groups, plane = image.height * image.width;
  return shuffle(call, x, image, {image.channels, image.height, image.width},
                 {c, groups, image.height, image.width}, {plane, c * plane, image.width, 1});
}

}  // namespace upconv
