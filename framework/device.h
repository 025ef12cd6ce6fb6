#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include <upconv/framework/language.h>

namespace upconv {

/// Where tensors live and kernels run: the host, or one CUDA device by its ordinal. A plain value.
class Device {
 public:
  /// The kinds of device.
  enum class Type : std::uint8_t { cpu, cuda };

  constexpr Device() = default;                                   ///< The CPU.
  static constexpr Device cpu() { return Device(Type::cpu, 0); }  ///< The host.
  /// The GPU of this ordinal, which need not be there.
  static constexpr Device cuda(int index = 0) { return Device(Type::cuda, index); }
  /// Reads "cpu", "cuda" or "cuda:1", as PyTorch spells them. Throws: ArgumentError.
  static Device parse(std::string_view text);

  constexpr Type type() const { return type_; }                   ///< Its kind.
  constexpr int index() const { return index_; }                  ///< Ordinal of the GPU; 0 for the CPU.
  constexpr bool is_cpu() const { return type_ == Type::cpu; }    ///< True for the host.
  constexpr bool is_cuda() const { return type_ == Type::cuda; }  ///< True for a GPU.
  std::string to_string() const;                                  ///< "cpu", "cuda:0"

  friend constexpr bool operator==(Device, Device) = default;  ///< The same kind and ordinal.

 private:
  constexpr Device(Type type, int index) : type_(type), index_(index) {}

  Type type_ = Type::cpu;
  int index_ = 0;
};

std::ostream& operator<<(std::ostream& out, Device device);  ///< Writes `to_string()`.

/// Throws the DeviceError that says that `type` is none of the enumerators.
[[noreturn]] void throw_invalid(Device::Type type);

/// What a device can do, as plain data, so that a kernel choice for a GPU that is not here is a unit test.
struct DeviceCaps {
  Device::Type type = Device::Type::cpu;    ///< The kind of device.
  std::string name;                         ///< As its maker calls it.
  int compute_capability = 0;               ///< CUDA: 10 * major + minor (90 for Hopper); 0 on the CPU.
  int multiprocessors = 0;                  ///< CUDA: streaming multiprocessors; on the CPU: usable cores.
  std::size_t shared_memory_per_block = 0;  ///< CUDA: bytes a block may opt in to.
  std::size_t memory_bytes = 0;             ///< Device memory; 0 if not asked for.
};

/// CUDA devices this process can use: 0 in a CPU-only build, without a driver, or without a GPU.
int cuda_device_count();

/// Capabilities of `device`. Throws: DeviceError if it is not there, with the reason and the remedy.
DeviceCaps device_caps(Device device);

}  // namespace upconv
