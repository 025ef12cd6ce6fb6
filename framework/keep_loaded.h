#pragma once

namespace upconv {

/// Keeps the shared object that holds `address` in memory until the process ends, also when the plugin that
/// brought it is unloaded: threads, or another library's table, may still lead into it.
void keep_loaded(const void* address);

}  // namespace upconv
