#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>

namespace examples {

/// Tells how far a long piece of work is. On a terminal, one line that is written over; else a line at every
/// tenth part, but none within ten seconds of the last.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  /// `total` pixels are to be done.
  Progress(std::ostream& out, bool is_terminal, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` pixels are done, at this time.
  void update(std::int64_t done, Clock::time_point now = Clock::now());

 private:
  std::ostream& out_;
  bool is_terminal_;
  std::int64_t total_;
  Clock::time_point start_;
  Clock::time_point last_;
  std::int64_t last_tenth_ = 0;
  bool line_open_ = false;
};

}  // namespace examples
