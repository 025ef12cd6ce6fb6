#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <upconv/framework/context.h>
#include <upconv/framework/operation.h>
#include <upconv/framework/prepared.h>
#include <upconv/framework/random.h>
#include <upconv/framework/reset_on_move.h>
#include <upconv/framework/state_dict.h>
#include <upconv/framework/tensor.h>
#include <upconv/framework/value.h>

namespace upconv {

/// Options of Module::to_string.
struct ToStringOptions {
  bool total = true;       ///< A last line with the number of all parameters, "24,336 parameters".
  bool per_layer = false;  ///< Behind each layer that has parameters itself, how many: "  # 1,456".
};

struct WantedEntry;

/// Options of Module::to.
struct ConversionOptions {
  /// Let finite values beyond the range of the new type become infinite, as PyTorch does.
  bool allow_overflow = false;
};

/// A module, and how often it or a child was loaded, converted or prepared again. Whoever holds one can tell
/// whether a module is the same, and as it was: while it lives, no other module has its identity.
struct ModuleState {
  std::shared_ptr<const void> identity;  ///< One for each module.
  std::uint64_t revision = 0;            ///< Grows with every change of it or its children.

  /// True if both are the same module in the same state.
  friend bool operator==(const ModuleState&, const ModuleState&) = default;
};

/// Base of every layer and network: owns parameters and child modules under PyTorch's names, loads them,
/// prepares them for a device, and runs. Life: construct, `load` (or `initialize`), `prepare(ctx)`, then
/// `forward` any number of times. A prepared module is immutable and may be shared by many contexts; loading
/// un-prepares it. It may be prepared for contexts of several devices and precisions, one `prepare` each,
/// while nothing runs it. A layer overrides output_spec, do_forward and, if it computes something from its
/// parameters, prepare_for; everything public checks first, once. Source: torch.nn.Module, without autograd.
class Module {
 public:
  virtual ~Module() = default;
  Module(const Module&) = delete;             // modules are not copied: write std::move(net)
  Module& operator=(const Module&) = delete;  // modules are not copied: write std::move(net)

  /// Class name, such as "ConvTranspose2d".
  const std::string& type_name() const { return type_name_; }
  /// Names from the root down, such as "decoder.0"; empty for the root itself.
  const std::string& path() const { return path_; }
  /// "ConvTranspose2d 'decoder.0'", as messages call this module.
  const std::string& display_name() const { return display_name_; }
  /// Class name and path, for traces. Borrowed: valid while this module is.
  ModuleName name() const { return {type_name_, path_}; }

  /// Copies weights in, converting each to the parameter's own type as PyTorch does. All or nothing: on any
  /// error the module keeps what it had. Returns the report, which names what was left out if the load was
  /// not strict. Throws: LoadError holding the whole report.
  LoadReport load(const StateDict& weights, LoadOptions options = {});
  /// The same for weights that are given up, as what read_hdf5 returns: tensors of the right type are taken
  /// over without a copy. On an error `weights` keeps everything, else it is empty then.
  LoadReport load(StateDict&& weights, LoadOptions options = {});
  /// Gives every parameter the value that PyTorch's constructors give it, drawn anew, for tests, benchmarks
  /// and what a later `load` leaves out; un-prepares. A value depends on the seed and the parameter's name
  /// below this module alone, on every platform. The distribution is PyTorch's, the numbers are not.
  void initialize(std::uint64_t seed = 0);
  /// Compares without loading. Throws nothing: what does not fit stands in the report.
  LoadReport compare(const std::vector<EntrySpec>& offered) const;
  /// Copies of all parameters and buffers, in PyTorch's order.
  StateDict state_dict() const;
  /// Names and specs of all parameters and buffers, in PyTorch's order.
  std::vector<EntrySpec> entries() const;

  /// Converts the floating-point parameters, as PyTorch's `module.to(dtype)`, all or none; un-prepares.
  /// Throws: DTypeError unless `dtype` is f32, f16 or bf16, or if a finite value would become infinite.
  void to(DType dtype, ConversionOptions options = {});
  /// The type that inputs must have, f32 until `to` changes it, and that the parameters have, except those
  /// that BatchNorm2d keeps in f32; nothing if there are no parameters.
  std::optional<DType> dtype() const;

  /// Uploads the weights to the context's device and packs them for its kernels, once for all contexts of its
  /// device, precision and kernel policy. What is prepared for other devices and precisions stays. Throws:
  /// StateError, naming them, if there are parameters that neither `load` nor `initialize` has given a value;
  /// DeviceError, CudaError; std::bad_alloc.
  void prepare(ExecutionContext& ctx);
  /// True between the first `prepare` and whatever un-prepares.
  bool prepared() const { return intact_.get() && !prepared_.empty(); }
  /// Throws StateError, saying what it is prepared for, unless that includes contexts like this one.
  void check_prepared(const ExecutionContext& ctx) const;

  /// Shape and type of the output for an input like `x`. Throws: ShapeError, DTypeError.
  virtual TensorSpec output_spec(const TensorSpec& x) const = 0;
  /// Runs the module; on a GPU it returns before the work is done, see ExecutionContext.
  /// Throws: StateError if not prepared; DeviceError; ShapeError; DTypeError; CudaError.
  Tensor forward(ConstTensorView x, ExecutionContext& ctx) const;
  /// As forward, into a tensor of the caller's, which must not overlap x. After one run of the same size it
  /// allocates nothing, and can be captured in a CUDA graph; the graph then uses the context's scratch, so
  /// the context must outlive it and run nothing larger in between.
  void forward_into(ConstTensorView x, TensorView y, ExecutionContext& ctx) const;
  /// As forward; reads as in PyTorch, and is there for networks too, whose own `forward` takes Values.
  Tensor operator()(ConstTensorView x, ExecutionContext& ctx) const { return Module::forward(x, ctx); }
  /// Inside a network's `forward`: this module applied to `x`. Throws: as output_spec does, with the place of
  /// the call; StateError if `x` is not a value of the network being recorded.
  Value operator()(const Value& x, SourceLocation where = SourceLocation::here()) const {
    return record_call(x, where);
  }
  /// Which kernel would run for an input like `x`, and why the others would not.
  virtual std::string explain(const TensorSpec& x, const ExecutionContext& ctx) const;

  /// The network as PyTorch's `print(net)` shows it, and the number of its parameters.
  std::string to_string(ToStringOptions options = {}) const;
  /// What stands between the parentheses of to_string: the options, as PyTorch's `extra_repr`. One line, or
  /// more.
  virtual std::string extra_repr() const { return {}; }
  /// Elements of all parameters, children's included; buffers and counters are none.
  std::int64_t parameter_count() const;

  /// True if forward_into may be given the same memory as x and y.
  virtual bool runs_in_place() const { return false; }

  /// Child modules with their names, in order.
  const std::vector<std::pair<std::string, std::unique_ptr<Module>>>& children() const { return children_; }

 protected:
  /// `type_name` is the class's, as messages show it.
  explicit Module(std::string type_name) : type_name_(std::move(type_name)), display_name_(type_name_) {}
  /// Moves; layers and networks have theirs by default. What was moved from throws StateError when it is
  /// prepared or run.
  Module(Module&&) noexcept = default;
  /// The same; what this module held is gone.
  Module& operator=(Module&&) noexcept = default;

  /// Which parameter of a module, as register_parameter returns it.
  using ParameterId = std::size_t;
  /// Declares a floating-point parameter, filled with `initial` until it is loaded or initialized.
  /// Throws: ArgumentError if the name is empty, taken, or contains a dot.
  ParameterId register_parameter(std::string name, const Shape& shape, double initial = 0.0);
  /// The same for what is loaded and saved like a parameter, but was not learnt by one (`running_mean`): it
  /// does not count as a parameter.
  ParameterId register_buffer(std::string name, const Shape& shape, double initial = 0.0);
  /// Keeps a parameter f32 whatever the module's dtype: for what 16 bits cannot hold, such as variances.
  /// Throws: ArgumentError if there is none.
  void keep_in_f32(ParameterId id);
  /// Declares an i64 scalar that is loaded and saved but never used (`num_batches_tracked`); may be missing.
  void register_counter(std::string name);
  /// Takes a child under `name`. The reference stays valid when this module moves.
  /// Throws: ArgumentError if the name is empty, taken, or contains a dot.
  Module& register_module(std::string name, std::unique_ptr<Module> child);

  /// The name under which a parameter was registered. Throws: ArgumentError if there is none.
  const std::string& parameter_name(ParameterId id) const { return registered(id).name; }
  /// The parameter as loaded, on the CPU. Throws: ArgumentError if there is none.
  const Tensor& parameter(ParameterId id) const { return registered(id).value; }
  /// The parameter on the context's device. Throws: ArgumentError if there is none; as check_prepared.
  ConstTensorView device_parameter(ParameterId id, const ExecutionContext& ctx) const;
  /// The same for a module that is prepared for one device. Throws: ArgumentError if there is no such
  /// parameter; StateError if there are several devices.
  ConstTensorView device_parameter(ParameterId id) const;

  /// What prepare_for returned for contexts like this one, as the type that it is. Throws: as check_prepared;
  /// StateError if that was null.
  template <class T>
  const T& prepared_state(const ExecutionContext& ctx) const {
    return static_cast<const T&>(own_state(ctx));
  }
  /// The same, or null if the module is not prepared for the context.
  template <class T>
  const T* find_prepared_state(const ExecutionContext& ctx) const {
    const PreparedEntry* entry = find_prepared(ctx);
    return entry == nullptr ? nullptr : static_cast<const T*>(entry->own.get());
  }

  /// What a plan is made for.
  ModuleState state() const;
  /// output_spec, by a plan if the module runs by one.
  virtual TensorSpec planned_output_spec(const TensorSpec& x, ExecutionContext& ctx) const;
  /// An undefined tensor for a run's output. Throws: CudaError naming this module.
  Tensor make_output(const TensorSpec& spec, ExecutionContext& ctx) const;
  /// The checks of a run that come before output_spec. Throws as forward_into does.
  void check_input(ConstTensorView x, const ExecutionContext& ctx) const;
  /// The checks of a run whose output should be `wanted`. Throws as forward_into does.
  void check_forward(ConstTensorView x, TensorView y, const TensorSpec& wanted) const;
  /// Throws DTypeError unless `x` is of a type that layers compute on and the same as the parameters'.
  void check_dtype(const TensorSpec& x) const;

 private:
  friend class ModuleOperation;

  struct Parameter {
    std::string name;
    Tensor value;  // on the CPU
    double initial = 0.0;
    bool counter = false;
    bool buffer = false;
    bool always_f32 = false;  // whatever the module's dtype
    bool loaded = false;
    bool initialized = false;
  };

  const Parameter& registered(ParameterId id) const;
  /// Both forms of load. `given_up` is `weights` itself, or null.
  LoadReport load_from(const StateDict& weights, StateDict* given_up, LoadOptions options);
  void check_new_name(const char* what, const std::string& name) const;
  void check_intact() const;
  std::int64_t own_parameter_count() const;
  std::string representation(bool per_layer) const;
  void check_loaded() const;
  void prepare_checked(ExecutionContext& ctx);
  /// What recording makes of a call.
  virtual Value record_call(Value x, SourceLocation where) const;
  /// The module as a step of a network. A layer that can be joined with others returns an operation of its
  /// own.
  virtual std::shared_ptr<const Operation> operation() const;
  /// The parameters on the context's GPU: copied, and waited for, unless they are there already.
  std::shared_ptr<const std::vector<Tensor>> uploaded(ExecutionContext& ctx) const;
  const PreparedEntry* find_prepared(const ExecutionContext& ctx) const;
  const PreparedEntry& prepared_entry(const ExecutionContext& ctx) const;
  const Prepared& own_state(const ExecutionContext& ctx) const;
  /// Forgets what this module and its children hold for contexts like this one.
  void unprepare_for(const ExecutionContext& ctx);
  /// Draws the values of one of this module's own parameters for `initialize`; they come filled with the
  /// registered initial value, and stay so by default.
  virtual void do_initialize(ParameterId id, std::span<float> values, RandomStream& random) const;
  /// Computes what kernels need from the parameters, which are on the device already; children are prepared.
  /// It comes back from prepared_state.
  virtual std::unique_ptr<const Prepared> prepare_for(ExecutionContext& ctx) const;
  /// The same for a module that keeps what it computes in its own members. It is then prepared for one device
  /// and precision at a time, the last.
  virtual void do_prepare(ExecutionContext& ctx);
  /// Computes y, whose spec is output_spec(x); every check is done.
  virtual void do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const = 0;

  /// A parameter under its full name, "decoder.0.weight".
  template <class Self>
  struct Named {
    std::string name;
    Self* owner;
    ParameterId id;

    auto& parameter() const { return owner->parameters_[id]; }
  };
  template <class Self>
  static void collect(Self& self, const std::string& prefix, std::vector<Named<Self>>& into);
  /// This module's and then its children's, as state_dict() orders them.
  std::vector<Named<Module>> named_parameters();
  std::vector<Named<const Module>> named_parameters() const;
  /// One for each of named_parameters().
  std::vector<WantedEntry> wanted_entries() const;
  void set_path(std::string path);
  void unprepare();

  DType dtype_ = DType::f32;
  std::string type_name_;
  std::string display_name_;
  std::string path_;
  std::vector<Parameter> parameters_;
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
  ResetOnMove<bool> intact_ = true;
  std::shared_ptr<const void> identity_ = std::make_shared<char>();
  std::uint64_t revision_ = 0;
  std::vector<PreparedEntry> prepared_;  // one for each device and precision
  bool preparing_ = false;               // the last of them
  bool keeps_members_ = false;           // do_prepare is overridden
};

}  // namespace upconv
