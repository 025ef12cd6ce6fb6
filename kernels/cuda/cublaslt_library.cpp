#include <cstdlib>
#include <vector>

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/kernels/cuda/cublaslt_library.h>

namespace upconv::kernels::cuda {

namespace {

/// Its name for the loader. Another major version may have other structures.
std::string library_name() {
  return message("libcublasLt.so.", CUBLAS_VER_MAJOR);
}

/// First where the loader looks (LD_LIBRARY_PATH, the system's directories, what the process has loaded
/// already), then where CUDA's toolkit is installed.
std::vector<std::string> places() {
  std::vector<std::string> files{library_name()};
  const auto add = [&](const std::string& toolkit) {
    for (const char* directory : {"/lib64/", "/lib/"})
      files.push_back(toolkit + directory + library_name());
  };
  for (const char* variable : {"CUDA_PATH", "CUDA_HOME"}) {
    if (const char* toolkit = std::getenv(variable); toolkit != nullptr && *toolkit != '\0') add(toolkit);
  }
  add(message("/usr/local/cuda-", CUDART_VERSION / 1000, '.', CUDART_VERSION % 1000 / 10));
  add(message("/usr/local/cuda-", CUDART_VERSION / 1000));
  add("/usr/local/cuda");
  return files;
}

/// The loader's own words for the last failure.
std::string last_error() {
  const char* text = dlerror();
  return text == nullptr ? "unknown error" : text;
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  void* const symbol = dlsym(library, name);
  if (symbol == nullptr) {
    throw CudaError(message("libcublasLt lacks ", name, " (", last_error(), "): install the cuBLAS of CUDA ",
                            CUDART_VERSION / 1000, '.', CUDART_VERSION % 1000 / 10, " or newer"));
  }
  function = reinterpret_cast<Function>(symbol);
}

}  // namespace

CublasLtLibrary load_cublaslt(std::span<const std::string> files) {
  void* library = nullptr;
  std::string tried;
  for (const std::string& file : files) {
    library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    tried += message("\n  ", last_error());
  }
  if (library == nullptr) {
    throw CudaError(message("matrix products need ", library_name(), ", which could not be loaded:", tried,
                            "\nInstall cuBLAS ", CUBLAS_VER_MAJOR,
                            " (of the CUDA toolkit, or NVIDIA's package libcublas), put the directory that "
                            "holds it into LD_LIBRARY_PATH, or force the kernel cuda.plain"));
  }
  CublasLtLibrary found{};
  find(library, "cublasLtCreate", found.create);
  find(library, "cublasLtDestroy", found.destroy);
  find(library, "cublasLtGetStatusName", found.status_name);
  find(library, "cublasLtGetStatusString", found.status_string);
  find(library, "cublasLtMatmul", found.matmul);
  find(library, "cublasLtMatmulAlgoGetHeuristic", found.matmul_heuristic);
  find(library, "cublasLtMatmulDescCreate", found.desc_create);
  find(library, "cublasLtMatmulDescDestroy", found.desc_destroy);
  find(library, "cublasLtMatmulDescSetAttribute", found.desc_set);
  find(library, "cublasLtMatmulPreferenceCreate", found.preference_create);
  find(library, "cublasLtMatmulPreferenceDestroy", found.preference_destroy);
  find(library, "cublasLtMatmulPreferenceSetAttribute", found.preference_set);
  find(library, "cublasLtMatrixLayoutCreate", found.layout_create);
  find(library, "cublasLtMatrixLayoutDestroy", found.layout_destroy);
  find(library, "cublasLtMatrixLayoutSetAttribute", found.layout_set);
  return found;
}

const CublasLtLibrary& cublaslt_library() {
  static const CublasLtLibrary library = load_cublaslt(places());
  return library;
}

}  // namespace upconv::kernels::cuda
