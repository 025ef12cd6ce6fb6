#pragma once

#include <cstdint>
#include <string>

#include <upconv/framework/network.h>
#include <upconv/framework/no_options.h>
#include <upconv/layers/movement.h>

/// Layers that move elements or do nothing at inference. DType: any. Inside a network what is a view, as
/// Flatten, Identity and Dropout are, costs nothing. Throws: as the functions of movement.h do.
namespace upconv {

/// Options of PixelShuffle; names are torch.nn.PixelShuffle's.
struct PixelShuffleOptions {
  std::int64_t upscale_factor = 0;  ///< Positive; it must be given.
};

/// [*, C*r*r, H, W] to [*, C, H*r, W*r]. Source: torch.nn.PixelShuffle.
class PixelShuffle : public Network {
 public:
  /// A layer of these options.
  explicit PixelShuffle(const PixelShuffleOptions& options) : Network("PixelShuffle"), options_(options) {}
  Value forward(Value x) const override { return pixel_shuffle(x, options_.upscale_factor, {}); }
  std::string extra_repr() const override;
  using Network::forward;

 private:
  PixelShuffleOptions options_;
};

/// Options of PixelUnshuffle; names are torch.nn.PixelUnshuffle's.
struct PixelUnshuffleOptions {
  std::int64_t downscale_factor = 0;  ///< Positive; it must be given.
};

/// [*, C, H*r, W*r] to [*, C*r*r, H, W]. Source: torch.nn.PixelUnshuffle.
class PixelUnshuffle : public Network {
 public:
  /// A layer of these options.
  explicit PixelUnshuffle(const PixelUnshuffleOptions& options)
      : Network("PixelUnshuffle"), options_(options) {}
  Value forward(Value x) const override { return pixel_unshuffle(x, options_.downscale_factor, {}); }
  std::string extra_repr() const override;
  using Network::forward;

 private:
  PixelUnshuffleOptions options_;
};

/// Options of ChannelShuffle; names are torch.nn.ChannelShuffle's.
struct ChannelShuffleOptions {
  std::int64_t groups = 0;  ///< Divides the channels; it must be given.
};

/// Channels [groups, C/groups] become [C/groups, groups]. Source: torch.nn.ChannelShuffle.
class ChannelShuffle : public Network {
 public:
  /// A layer of these options.
  explicit ChannelShuffle(const ChannelShuffleOptions& options)
      : Network("ChannelShuffle"), options_(options) {}
  Value forward(Value x) const override { return channel_shuffle(x, options_.groups, {}); }
  std::string extra_repr() const override;
  using Network::forward;

 private:
  ChannelShuffleOptions options_;
};

/// Options of Flatten; names and defaults are torch.nn.Flatten's.
struct FlattenOptions {
  std::int64_t start_dim = 1;  ///< The first of the dimensions that become one.
  std::int64_t end_dim = -1;   ///< The last of them.
};

/// Dimensions start_dim to end_dim as one. Source: torch.nn.Flatten.
class Flatten : public Network {
 public:
  /// With PyTorch's defaults.
  Flatten() : Flatten(FlattenOptions{}) {}
  /// A layer of these options.
  explicit Flatten(const FlattenOptions& options) : Network("Flatten"), options_(options) {}
  Value forward(Value x) const override { return flatten(x, options_.start_dim, options_.end_dim, {}); }
  std::string extra_repr() const override;
  using Network::forward;

 private:
  FlattenOptions options_;
};

/// Options of Unflatten; names are torch.nn.Unflatten's.
struct UnflattenOptions {
  std::int64_t dim = 1;         ///< The dimension that becomes several.
  Sizes unflattened_size = {};  ///< Their sizes, of which one may be -1.
};

/// One dimension as several. Source: torch.nn.Unflatten.
class Unflatten : public Network {
 public:
  /// A layer of these options.
  explicit Unflatten(UnflattenOptions options) : Network("Unflatten"), options_(std::move(options)) {}
  Value forward(Value x) const override { return unflatten(x, options_.dim, options_.unflattened_size, {}); }
  std::string extra_repr() const override;
  using Network::forward;

 private:
  UnflattenOptions options_;
};

/// Its input. Source: torch.nn.Identity.
class Identity : public Network {
 public:
  Identity() : Network("Identity") {}
  Value forward(Value x) const override { return x; }
  using Network::forward;
};

/// Options of the dropouts; names and defaults are torch.nn.Dropout's.
struct DropoutOptions {
  double p = 0.5;        ///< Training only: how likely an element is dropped, from 0 to 1.
  bool inplace = false;  ///< Accepted so that options can be copied from PyTorch; it changes nothing.
};

/// Its input, since nothing is dropped at inference. Source: torch.nn.Dropout in eval mode.
class Dropout : public Network {
 public:
  /// With PyTorch's defaults.
  Dropout() : Dropout(DropoutOptions{}) {}
  /// The same, for `Dropout({})`.
  explicit Dropout(NoOptions) : Dropout() {}
  /// Throws: ArgumentError if p is no probability.
  explicit Dropout(const DropoutOptions& options) : Dropout("Dropout", options) {}
  Value forward(Value x) const override { return x; }
  std::string extra_repr() const override;
  using Network::forward;

 protected:
  /// Another dropout of PyTorch's. Throws: ArgumentError if p is no probability.
  Dropout(std::string type_name, const DropoutOptions& options);

 private:
  DropoutOptions options_;
};

/// See Dropout. Source: torch.nn.Dropout1d.
class Dropout1d : public Dropout {
 public:
  /// Throws: as Dropout does.
  explicit Dropout1d(const DropoutOptions& options = {}) : Dropout("Dropout1d", options) {}
};

/// See Dropout. Source: torch.nn.Dropout2d.
class Dropout2d : public Dropout {
 public:
  /// Throws: as Dropout does.
  explicit Dropout2d(const DropoutOptions& options = {}) : Dropout("Dropout2d", options) {}
};

/// See Dropout. Source: torch.nn.Dropout3d.
class Dropout3d : public Dropout {
 public:
  /// Throws: as Dropout does.
  explicit Dropout3d(const DropoutOptions& options = {}) : Dropout("Dropout3d", options) {}
};

/// See Dropout. Source: torch.nn.AlphaDropout.
class AlphaDropout : public Dropout {
 public:
  /// Throws: as Dropout does.
  explicit AlphaDropout(const DropoutOptions& options = {}) : Dropout("AlphaDropout", options) {}
};

/// See Dropout. Source: torch.nn.FeatureAlphaDropout.
class FeatureAlphaDropout : public Dropout {
 public:
  /// Throws: as Dropout does.
  explicit FeatureAlphaDropout(const DropoutOptions& options = {})
      : Dropout("FeatureAlphaDropout", options) {}
};

}  // namespace upconv
