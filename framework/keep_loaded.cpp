#include <dlfcn.h>

#include <upconv/framework/keep_loaded.h>

namespace upconv {

void keep_loaded(const void* address) {
  Dl_info info;
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) return;
  // Not for the program itself, which never goes: that call fails, and nothing is lost.
  void* object = ::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  if (object != nullptr) ::dlclose(object);
}

}  // namespace upconv
