#include <algorithm>

#include "function_timer.h"
#include "gpu_ceilings.h"
#include "gpu_graph.h"
#include "gpu_timer.h"

#include <upconv/framework/cuda_interop.h>

namespace upconv::bench {

double time_calls_on_gpu(benchmark::State& state, std::size_t sets, const Call& call, ExecutionContext& ctx) {
  constexpr double kRoundSeconds = 0.01;
  const cudaStream_t stream = cuda::stream_of(ctx);
  GpuTimer timer;
  GpuGraph graph(stream, [&] {
    for (std::size_t i = 0; i < sets; ++i)
      call(i);
  });
  const auto replay = [&](int times) {
    timer.start(stream);
    for (int i = 0; i < times; ++i)
      graph.replay();
    return timer.stop(stream) / (times * static_cast<double>(sets));
  };
  replay(1);
  const int times = std::max(1, static_cast<int>(kRoundSeconds / (replay(1) * static_cast<double>(sets))));
  std::vector<double> samples;
  for (auto _ : state) {
    samples.push_back(replay(times));
    state.SetIterationTime(samples.back());
  }
  return median(std::move(samples));
}

}  // namespace upconv::bench
