#pragma once

#include <filesystem>
#include <vector>

namespace upscale {

/// Where the weights are looked for, in this order, if the command line does not say: beside the program (as
/// built), then in the share folder next to its bin folder (as installed).
std::vector<std::filesystem::path> weight_places();

/// The first of these places that exists. Throws: PictureError, naming all of them.
std::filesystem::path find_weights();

}  // namespace upscale
