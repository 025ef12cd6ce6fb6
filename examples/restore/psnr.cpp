#include "restore/psnr.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <upconv/framework/message.h>

namespace restore {

using examples::Picture;

double psnr(const Picture& picture, const Picture& original) {
  if (picture.width != original.width || picture.height != original.height) {
    throw examples::PictureError(upconv::message("PSNR is of two pictures of one size, not of ",
                                                 picture.describe(), " and ", original.describe()));
  }
  std::int64_t sum = 0;
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const int a = picture.at(x, y)[picture.has_colour() ? c : 0];
        const int b = original.at(x, y)[original.has_colour() ? c : 0];
        sum += std::int64_t{a - b} * (a - b);
      }
    }
  }
  const double mean = static_cast<double>(sum) / (3e6 * picture.megapixels());
  return 10.0 * std::log10(255.0 * 255.0 / std::max(mean, 255.0 * 255.0 * 1e-12));
}

}  // namespace restore
