#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <upconv/framework/value.h>

/// Functions on Values that move elements and compute nothing, with PyTorch's names, defaults and words.
/// Negative dimensions count from the back. What is one run of its operand's elements, as `reshape` is, costs
/// nothing; so do the parts of a `cat` that can be made where they belong. All else is one copy. DType: any.
/// Throws: ShapeError, ArgumentError, naming the place of the call; StateError for a Value of another
/// recording.
namespace upconv {

/// Sizes, shifts or dimensions, one for each dimension: `{2, -1}`.
using Sizes = std::vector<std::int64_t>;

/// Joins values along a dimension; all other sizes must be equal. Source: torch.cat.
Value cat(const Values& values, std::int64_t dim = 0, SourceLocation where = SourceLocation::here());
/// Joins values of one shape along a new dimension. Source: torch.stack.
Value stack(const Values& values, std::int64_t dim = 0, SourceLocation where = SourceLocation::here());

/// Parts of `split_size`, the last one smaller if it does not divide. Source: torch.split.
Values split(const Value& x, std::int64_t split_size, std::int64_t dim = 0,
             SourceLocation where = SourceLocation::here());
/// Parts of these sizes, which must add up. Source: torch.split.
Values split(const Value& x, const Sizes& split_sizes, std::int64_t dim = 0,
             SourceLocation where = SourceLocation::here());
/// As many parts as asked for, or fewer where sizes do not divide. Source: torch.chunk.
Values chunk(const Value& x, std::int64_t chunks, std::int64_t dim = 0,
             SourceLocation where = SourceLocation::here());

/// x[..., start:end:step, ...] along `dim`. Ends beyond the tensor are cut, negative ones count from the
/// back, as in Python; `step` must be positive. No `end` means to the end.
Value slice(const Value& x, std::int64_t dim, std::int64_t start,
            std::optional<std::int64_t> end = std::nullopt, std::int64_t step = 1,
            SourceLocation where = SourceLocation::here());
/// Elements [start, start + length) of `dim`. Source: torch.narrow.
Value narrow(const Value& x, std::int64_t dim, std::int64_t start, std::int64_t length,
             SourceLocation where = SourceLocation::here());
/// Element `index` of `dim`, which goes. Source: torch.select.
Value select(const Value& x, std::int64_t dim, std::int64_t index,
             SourceLocation where = SourceLocation::here());

/// The same elements under other sizes, one of which may be -1. Source: torch.reshape.
Value reshape(const Value& x, const Sizes& sizes, SourceLocation where = SourceLocation::here());
/// As reshape. Source: torch.Tensor.view.
Value view(const Value& x, const Sizes& sizes, SourceLocation where = SourceLocation::here());
/// Dimensions start_dim to end_dim as one. Source: torch.flatten.
Value flatten(const Value& x, std::int64_t start_dim = 0, std::int64_t end_dim = -1,
              SourceLocation where = SourceLocation::here());
/// One dimension as several, one of which may be -1. Source: torch.unflatten.
Value unflatten(const Value& x, std::int64_t dim, const Sizes& sizes,
                SourceLocation where = SourceLocation::here());
/// Without dimensions of size one. Source: torch.squeeze.
Value squeeze(const Value& x, SourceLocation where = SourceLocation::here());
/// Without `dim`, if its size is one. Source: torch.squeeze.
Value squeeze(const Value& x, std::int64_t dim, SourceLocation where = SourceLocation::here());
/// With a dimension of size one before `dim`. Source: torch.unsqueeze.
Value unsqueeze(const Value& x, std::int64_t dim, SourceLocation where = SourceLocation::here());

/// Dimension i of the result is dimension dims[i]. Source: torch.permute.
Value permute(const Value& x, const Sizes& dims, SourceLocation where = SourceLocation::here());
/// Two dimensions change places. Source: torch.transpose.
Value transpose(const Value& x, std::int64_t dim0, std::int64_t dim1,
                SourceLocation where = SourceLocation::here());
/// These dimensions run backwards. Source: torch.flip.
Value flip(const Value& x, const Sizes& dims, SourceLocation where = SourceLocation::here());
/// Elements move by `shifts` along `dims`; what leaves at one end comes in at the other. Source: torch.roll.
Value roll(const Value& x, const Sizes& shifts, const Sizes& dims,
           SourceLocation where = SourceLocation::here());
/// Dimensions of size one are repeated to these sizes; -1 keeps a size, new dimensions go in front.
/// Source: torch.Tensor.expand.
Value expand(const Value& x, const Sizes& sizes, SourceLocation where = SourceLocation::here());
/// The whole tensor, `repeats` times along each dimension; new dimensions go in front. Source:
/// torch.Tensor.repeat.
Value repeat(const Value& x, const Sizes& repeats, SourceLocation where = SourceLocation::here());

/// [*, C*r*r, H, W] to [*, C, H*r, W*r]. Source: torch.nn.functional.pixel_shuffle.
Value pixel_shuffle(const Value& x, std::int64_t upscale_factor,
                    SourceLocation where = SourceLocation::here());
/// [*, C, H*r, W*r] to [*, C*r*r, H, W]. Source: torch.nn.functional.pixel_unshuffle.
Value pixel_unshuffle(const Value& x, std::int64_t downscale_factor,
                      SourceLocation where = SourceLocation::here());
/// Channels [groups, C/groups] become [C/groups, groups]. Source: torch.nn.functional.channel_shuffle.
Value channel_shuffle(const Value& x, std::int64_t groups, SourceLocation where = SourceLocation::here());

}  // namespace upconv
