#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/movement_layers.h>
#include <upconv/layers/python_repr.h>

namespace upconv {

std::string PixelShuffle::extra_repr() const {
  return message("upscale_factor=", options_.upscale_factor);
}

std::string PixelUnshuffle::extra_repr() const {
  return message("downscale_factor=", options_.downscale_factor);
}

std::string ChannelShuffle::extra_repr() const {
  return message("groups=", options_.groups);
}

std::string Flatten::extra_repr() const {
  return message("start_dim=", options_.start_dim, ", end_dim=", options_.end_dim);
}

std::string Unflatten::extra_repr() const {
  std::string sizes;
  for (const std::int64_t size : options_.unflattened_size)
    sizes += message(sizes.empty() ? "" : ", ", size);
  if (options_.unflattened_size.size() == 1) sizes += ',';
  return message("dim=", options_.dim, ", unflattened_size=(", sizes, ')');
}

Dropout::Dropout(std::string type_name, const DropoutOptions& options)
    : Network(std::move(type_name)), options_(options) {
  if (!(options.p >= 0.0 && options.p <= 1.0)) {
    throw ArgumentError(message(display_name(), ": dropout probability has to be between 0 and 1, but got ",
                                python_repr(options.p)));
  }
}

std::string Dropout::extra_repr() const {
  return message("p=", python_repr(options_.p), ", inplace=", python_repr(options_.inplace));
}

}  // namespace upconv
