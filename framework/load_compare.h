#pragma once

#include <vector>

#include <upconv/framework/state_dict.h>

namespace upconv {

/// What a module wants: a name, and what should stand under it.
struct WantedEntry {
  EntrySpec spec;
  bool counter = false;  ///< Unused by the module: may be missing, and may be of any number type.
};

/// True if `offered` has the shape and a type that `wanted` takes.
bool fits(const WantedEntry& wanted, const EntrySpec& offered);

/// Every difference between the two, by names, shapes and types alone.
LoadReport compare_entries(const std::vector<WantedEntry>& wanted, const std::vector<EntrySpec>& offered);

}  // namespace upconv
