#pragma once

#include <cuda_runtime_api.h>

#include <upconv/framework/cuda_check.h>

namespace upconv::bench {

/// What `work()` gives to the stream, recorded as a CUDA graph, so that replaying it costs the host next to
/// nothing and no gap between small kernels is timed.
class GpuGraph {
 public:
  template <class Work>
  GpuGraph(cudaStream_t stream, const Work& work) : stream_(stream) {
    cuda::check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    cudaGraph_t graph = nullptr;
    try {
      work();
    } catch (...) {
      cudaStreamEndCapture(stream, &graph);
      if (graph != nullptr) cudaGraphDestroy(graph);
      throw;
    }
    cuda::check(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    const cudaError_t status = cudaGraphInstantiate(&exec_, graph, 0);
    cudaGraphDestroy(graph);
    cuda::check(status, "cudaGraphInstantiate");
  }
  ~GpuGraph() { cudaGraphExecDestroy(exec_); }
  GpuGraph(const GpuGraph&) = delete;
  GpuGraph& operator=(const GpuGraph&) = delete;

  void replay() { cuda::check(cudaGraphLaunch(exec_, stream_), "cudaGraphLaunch"); }

 private:
  cudaStream_t stream_;
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace upconv::bench
