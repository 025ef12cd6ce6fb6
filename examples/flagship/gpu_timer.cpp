#include "flagship/gpu_timer.h"

#include <upconv/framework/cuda_interop.h>
#include <upconv/framework/error.h>

namespace flagship {

namespace {

void check(cudaError_t status) {
  if (status != cudaSuccess) throw upconv::CudaError(cudaGetErrorString(status));
}

class Event {
 public:
  Event() { check(cudaEventCreate(&event_)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream)); }
  double seconds_since(const Event& start) const {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start.event_, event_));
    return 1e-3 * static_cast<double>(milliseconds);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

std::vector<double> time_by_events(upconv::ExecutionContext& ctx, int count,
                                   const std::function<void(int)>& run) {
  check(cudaSetDevice(ctx.device().index()));
  const cudaStream_t stream = upconv::cuda::stream_of(ctx);
  std::vector<Event> events(static_cast<std::size_t>(count) + 1);
  events.front().record(stream);
  for (int i = 0; i < count; ++i) {
    run(i);
    events[static_cast<std::size_t>(i) + 1].record(stream);
  }
  ctx.synchronize();
  std::vector<double> seconds;
  for (std::size_t i = 1; i < events.size(); ++i)
    seconds.push_back(events[i].seconds_since(events[i - 1]));
  return seconds;
}

}  // namespace flagship
