#pragma once

#include "common/picture.h"

namespace restore {

/// How close a picture comes to its original, in decibels: 10 log10(255^2 / mean squared error) over the
/// 8-bit values of red, green and blue; a grey pixel counts as three equal ones, and alpha is left out. 120
/// for pictures that are the same. tools/train_restorer.py evaluates by the same definition. Throws:
/// PictureError if the pictures differ in size.
double psnr(const examples::Picture& picture, const examples::Picture& original);

}  // namespace restore
