#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <upconv/framework/device.h>
#include <upconv/framework/no_options.h>
#include <upconv/framework/reset_on_move.h>
#include <upconv/framework/tensor.h>
#include <upconv/framework/workspace.h>

namespace upconv {

/// How products of f32 tensors may be computed. f16 and bf16 tensors always accumulate in f32.
enum class Precision {
  fp32,  ///< As accurate as ordinary fp32 arithmetic, whatever units compute it. The default.
  tf32,  ///< Operands may be rounded to TF32 (10 mantissa bits). Permission: a CPU still computes in fp32.
};

/// "fp32", "tf32"
std::string_view name_of(Precision precision);
/// How problem strings call a tensor's type and how its products may be computed: "tf32" for f32 tensors
/// whose products may be rounded so, else the name of the type.
std::string_view name_of(DType dtype, Precision precision);

/// Which module of a network: its class, and where it stands. Borrowed text.
struct ModuleName {
  /// A class, and where the module stands.
  constexpr ModuleName(std::string_view module_type, std::string_view module_path = {})
      : type(module_type), path(module_path) {}
  /// A class alone, as in a literal.
  constexpr ModuleName(const char* module_type) : type(module_type) {}

  std::string_view type;  ///< Class name, such as "ConvTranspose2d".
  std::string_view path;  ///< Names from the root down, such as "decoder.0"; empty for the root itself.

  /// As messages call it: "ConvTranspose2d 'decoder.0'", or "ConvTranspose2d" without a path.
  std::string to_string() const;
};

/// As to_string.
std::ostream& operator<<(std::ostream& out, ModuleName name);

/// What the trace sink is told before a kernel runs. The views are valid during the call only.
struct TraceEvent {
  ModuleName layer;          ///< The layer that runs it: `layer.type` and `layer.path`.
  std::string_view problem;  ///< The problem string.
  std::string_view kernel;   ///< Row of the kernel table that runs.
};

/// What planning a network may do. Tests switch parts off, to compare with the run of one step after the
/// other.
struct PlanPolicy {
  bool fuse = true;   ///< Operations that a kernel can do in one go become one step.
  bool share = true;  ///< Views cost nothing, parts are made inside their whole, steps work in place.
  bool reuse = true;  ///< Memory is used again for what comes later.
};

/// Options of an ExecutionContext.
struct ExecutionContextOptions {
  Device device = Device::cpu();          ///< Where modules run.
  Precision precision = Precision::fp32;  ///< How products of f32 tensors may be computed.
  /// CPU threads that kernels use at most; a small problem is not spread over all of them. 0: as many as the
  /// process may use. That is OMP_NUM_THREADS (of a list, the first), or a thread for every core that the
  /// calling thread's affinity and the process's control group allow; and at most OMP_THREAD_LIMIT.
  int num_threads = 0;
  /// Kernels forced by name, operator -> row, such as {"conv_transpose2d", "cpu.reference"}. Forcing a row
  /// that does not fit the problem throws ArgumentError; `explain` lists the rows.
  std::map<std::string, std::string> kernels = {};
  std::function<void(const TraceEvent&)> trace =
      {};                    ///< Called for every kernel that runs, on the calling thread.
  PlanPolicy planning = {};  ///< Of networks.
  /// GPU: the cudaStream_t that work goes to, see cuda::on_stream in cuda_interop.h. Null: a stream of the
  /// context's own.
  void* stream = nullptr;
};

/// Where and how modules run: device, threads, precision, kernel policy and scratch memory. It is passed to
/// every call; there is no global state. Use one per host thread; prepared modules may be shared among
/// contexts. Throws: DeviceError if the device is not there; ArgumentError on a negative thread count, or a
/// stream for the CPU.
///
/// On a GPU everything a module does goes to the context's stream, and calls return before it is done. What
/// is given to one context happens in order. `Tensor::to`, `clone` and `upconv::copy` wait for the whole
/// device, so they never see a half-written tensor; `copy` below waits for this stream alone. Raw pointers,
/// other contexts and the caller's own kernels need `synchronize()`, or events in the stream. A tensor that a
/// context made may go away while kernels of that context still use it; one that another context uses must
/// stay until that one is synchronized.
///
/// Moves, but not while a Workspace::Scope of it is open. A context that was moved from throws StateError
/// from whatever would run with it.
class ExecutionContext {
 public:
  /// On the CPU, with every default.
  ExecutionContext() : ExecutionContext(ExecutionContextOptions{}) {}
  /// The same, for `ExecutionContext ctx({})`.
  explicit ExecutionContext(NoOptions) : ExecutionContext() {}
  /// Finds the device and what it can do; scratch comes with the first run.
  explicit ExecutionContext(ExecutionContextOptions options);

  /// Where modules run.
  Device device() const { return options_.device; }
  /// What the device can do.
  const DeviceCaps& caps() const { return caps_; }
  /// How products of f32 tensors may be computed.
  Precision precision() const { return options_.precision; }
  /// CPU threads that kernels use.
  int num_threads() const { return options_.num_threads; }
  /// Kernels forced by name, operator -> row.
  const std::map<std::string, std::string>& kernels() const { return options_.kernels; }
  /// What planning a network may do.
  const PlanPolicy& planning() const { return options_.planning; }
  /// What is called for every kernel that runs; may be empty.
  const std::function<void(const TraceEvent&)>& trace() const { return options_.trace; }
  /// GPU: the cudaStream_t that work goes to; null on the CPU.
  void* stream() const;
  /// Waits until everything given to this context is done. Throws: CudaError, for a kernel that failed too.
  void synchronize() const;
  /// Copies in the order of this context's work, to or from its device. Returns when `from` may be changed
  /// and, if it is on the host, `to` may be read; a copy within a GPU is only queued. Throws: as
  /// upconv::copy; DeviceError if one is on another GPU; StateError for a host copy while a CUDA graph is
  /// captured; CudaError.
  void copy(TensorView to, ConstTensorView from);

  /// Memory on the device, ordered by this context's work. Throws: as Buffer; StateError while a CUDA graph
  /// is captured.
  Buffer allocate(std::size_t bytes) const;
  /// Scratch memory on the device, reused from call to call.
  Workspace& workspace() {
    check_usable();
    check_process();
    return workspace_;
  }
  /// Throws: StateError in a child of fork() for a GPU's context that its parent made: CUDA works in neither
  /// the old context nor a new one there. A context on the CPU does work.
  void check_process() const;
  /// What a kernel keeps from call to call, such as a library's handle: one T of this context's device, made
  /// at its first use. Two shared libraries that hide T from each other have one each.
  template <class T>
  T& state() {
    check_usable();
    std::shared_ptr<void>& slot = states_[&kStateKey<T>];
    if (slot == nullptr) slot = std::make_shared<T>(device());
    return *static_cast<T*>(slot.get());
  }
  /// Throws StateError if this context was moved from.
  void check_usable() const {
    if (!usable_.get()) throw_moved_from();
  }

 private:
  template <class T>
  static inline char kStateKey = 0;  // its address stands for T; programs without RTTI have no typeid

  [[noreturn]] static void throw_moved_from();

  ExecutionContextOptions options_;
  long process_;  // that made it
  DeviceCaps caps_;
  std::shared_ptr<cuda::Stream> stream_;  // null on the CPU
  Workspace workspace_;
  std::map<const void*, std::shared_ptr<void>> states_;
  ResetOnMove<bool> usable_ = true;
};

}  // namespace upconv
