#pragma once

#include <map>
#include <string>
#include <utility>

#include <upconv/kernels/convolution.h>
#include <upconv/upconv.h>

namespace upconv::testing {

/// A pad and a convolution that reads its result. Without amounts there is no pad.
class PaddedConvolution : public Network {
 public:
  PaddedConvolution(PadMode mode, Sizes amounts, const Conv2dOptions& options)
      : Network("PaddedConvolution"),
        conv(add("conv", Conv2d(options))),
        mode_(mode),
        amounts_(std::move(amounts)) {}
  Value forward(Value x) const override { return conv(amounts_.empty() ? x : pad(x, amounts_, mode_)); }
  using Network::forward;
  /// Takes "weight" and "bias".
  void load(const StateDict& state) { conv.load(state); }

  Conv2d& conv;

 private:
  PadMode mode_;
  Sizes amounts_;
};

/// The numbers of "3x-1x2".
inline Sizes numbers(const std::string& text) {
  Sizes result;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 0;
    result.push_back(std::stoll(text.substr(at), &length));
    at += length + 1;
  }
  return result;
}

inline PadMode pad_mode(const std::string& name) {
  static const std::map<std::string, PadMode> kModes = {{"constant", PadMode::constant},
                                                        {"reflect", PadMode::reflect},
                                                        {"replicate", PadMode::replicate},
                                                        {"circular", PadMode::circular}};
  return kModes.at(name);
}

/// A case of padded_convolution.h5 by its name, "<mode>_<number>_p<amounts>_<problem string>".
inline PaddedConvolution padded_convolution(const std::string& name) {
  const std::size_t p = name.find("_p"), problem = name.find('_', p + 1);
  const auto c = kernels::ConvProblem::parse(name.substr(problem + 1));
  const std::string mode = name.substr(0, name.find('_'));
  return {mode == "own" ? PadMode::constant : pad_mode(mode),
          numbers(name.substr(p + 2, problem - p - 2)),
          {.in_channels = c.ci,
           .out_channels = c.co,
           .kernel_size = {c.kh, c.kw},
           .stride = {c.stride_h, c.stride_w},
           .padding = {c.pad_h, c.pad_w},
           .dilation = {c.dilation_h, c.dilation_w},
           .groups = c.groups,
           .padding_mode = c.padding_mode}};
}

}  // namespace upconv::testing
