#pragma once

#include <filesystem>
#include <string>
#include <vector>

/// What the examples share.
namespace examples {

/// Where the weight file `name` is looked for, in this order, if the command line does not say: beside the
/// program (as built), then in the share folder next to its bin folder (as installed).
std::vector<std::filesystem::path> weight_places(const std::string& name);

/// The first of these places that exists. Throws: std::runtime_error, naming all of them.
std::filesystem::path find_weights(const std::string& name);

}  // namespace examples
