#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <upconv/framework/device.h>
#include <upconv/framework/workspace.h>

namespace upconv {

/// How products of f32 tensors may be computed. f16 and bf16 tensors always accumulate in f32.
enum class Precision {
  fp32,  ///< As accurate as ordinary fp32 arithmetic, whatever units compute it. The default.
  tf32,  ///< Operands may be rounded to TF32 (10 mantissa bits). Permission: a CPU still computes in fp32.
};

/// "fp32", "tf32"
std::string_view name_of(Precision precision);

/// What the trace sink is told before a kernel runs. The views are valid during the call only.
struct TraceEvent {
  std::string_view layer;    ///< Path of the layer, such as "ConvTranspose2d 'decoder.0'".
  std::string_view problem;  ///< The problem string.
  std::string_view kernel;   ///< Row of the kernel table that runs.
};

/// Options of an ExecutionContext.
struct ExecutionContextOptions {
  Device device = Device::cpu();
  Precision precision = Precision::fp32;
  int num_threads = 0;  ///< CPU threads that kernels use; 0 means every hardware thread.
  /// Kernels forced by name, operator -> row, such as {"conv_transpose2d", "cpu.reference"}. Forcing a row
  /// that does not fit the problem throws ArgumentError; `explain` lists the rows.
  std::map<std::string, std::string> kernels = {};
  std::function<void(const TraceEvent&)> trace =
      {};  ///< Called for every kernel that runs, on the calling thread.
};

/// Where and how modules run: device, threads, precision, kernel policy and scratch memory. It is passed to
/// every call; there is no global state. Use one per host thread; prepared modules may be shared among
/// contexts. Throws: DeviceError if the device is not there; ArgumentError on a negative thread count.
class ExecutionContext {
 public:
  explicit ExecutionContext(ExecutionContextOptions options = {});

  Device device() const { return options_.device; }
  const DeviceCaps& caps() const { return caps_; }
  Precision precision() const { return options_.precision; }
  int num_threads() const { return options_.num_threads; }
  const std::map<std::string, std::string>& kernels() const { return options_.kernels; }
  const std::function<void(const TraceEvent&)>& trace() const { return options_.trace; }
  /// Scratch memory on the device, reused from call to call.
  Workspace& workspace() { return workspace_; }

 private:
  ExecutionContextOptions options_;
  DeviceCaps caps_;
  Workspace workspace_;
};

}  // namespace upconv
