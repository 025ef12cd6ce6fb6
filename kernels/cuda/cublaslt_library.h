#pragma once

#include <span>
#include <string>

#include <cublasLt.h>

/// libcublasLt, loaded when the first product asks for it and not when the program starts: it is large, and a
/// process that runs on the CPU, or a machine without a GPU, has no use for it. Internal: not installed.
namespace upconv::kernels::cuda {

/// The functions in use.
struct CublasLtLibrary {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtGetStatusName) status_name;
  decltype(&cublasLtGetStatusString) status_string;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatmulAlgoGetHeuristic) matmul_heuristic;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set;
};

/// The library, loaded once for the process. Throws: CudaError that says where it was looked for and what to
/// do; the next call looks again.
const CublasLtLibrary& cublaslt_library();

/// Loads the first of `files` that can be loaded; it stays loaded. Throws: CudaError as above, or if the
/// library lacks a function.
CublasLtLibrary load_cublaslt(std::span<const std::string> files);

}  // namespace upconv::kernels::cuda
