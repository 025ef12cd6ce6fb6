#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include <sys/types.h>

namespace upconv::hdf5 {

/// A program that runs beside this one and is spoken to over a socket, its standard input. It has no other
/// file of ours, and is killed with this object.
class Process {
 public:
  /// Throws: LoadError if it cannot be started.
  explicit Process(const std::filesystem::path& program);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Everything sent and received from now on must be through before this. The first may be earlier.
  void set_deadline(std::chrono::duration<double> from_now);
  /// Throw: LoadError saying how the program ended, or that it took too long; it is gone then.
  void send(std::span<const std::byte> bytes);
  void receive(std::span<std::byte> bytes);

 private:
  void wait_for(short events);
  [[noreturn]] void fail_ended();
  void kill();

  std::filesystem::path program_;
  int socket_ = -1;
  pid_t pid_ = -1;
  std::chrono::steady_clock::time_point deadline_;
  std::chrono::duration<double> allowed_{};
};

}  // namespace upconv::hdf5
