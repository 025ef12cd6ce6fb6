#include "upscale/psnr.h"

#include <algorithm>
#include <cmath>

#include "common/color.h"

#include <upconv/framework/message.h>

namespace upscale {

PsnrY::PsnrY(const Picture& original) : original_(original) {
  if (std::min(original.width, original.height) <= 2 * kBorder) {
    throw PictureError(upconv::message("PSNR leaves out ", kBorder,
                                       " pixels on every side; nothing is left of ", original.width, 'x',
                                       original.height));
  }
}

void PsnrY::add(const Rect& area, const Plane& luma) {
  const Plane truth = luma_of(original_, area);
  const int left = std::max(area.x, kBorder) - area.x;
  const int right = std::min(area.x + area.width, original_.width - kBorder) - area.x;
  const int top = std::max(area.y, kBorder) - area.y;
  const int bottom = std::min(area.y + area.height, original_.height - kBorder) - area.y;
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      const double error = double{std::clamp(luma.row(y)[x], 0.0f, 1.0f)} - double{truth.row(y)[x]};
      squared_error_ += error * error;
      ++count_;
    }
  }
}

double PsnrY::decibels() const {
  return 10.0 * std::log10(1.0 / std::max(squared_error_ / static_cast<double>(count_), 1e-12));
}

}  // namespace upscale
