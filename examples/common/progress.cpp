#include "common/progress.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace examples {

using namespace std::chrono_literals;

Progress::Progress(std::ostream& out, bool is_terminal, std::int64_t total)
    : out_(out), is_terminal_(is_terminal), total_(total), start_(Clock::now()), last_(start_) {}

Progress::~Progress() {
  if (line_open_) out_ << "\r\x1b[K" << std::flush;  // the summary takes the line's place
}

void Progress::update(std::int64_t done, Clock::time_point now) {
  const std::int64_t tenth = 10 * done / total_;
  if (now - last_ < (is_terminal_ ? 200ms : 10s)) return;
  if (!is_terminal_ && (tenth == last_tenth_ || done == total_)) return;
  last_ = now;
  last_tenth_ = tenth;

  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double share = static_cast<double>(done) / static_cast<double>(total_);
  const auto left = std::llround(std::ceil(seconds / share * (1.0 - share)));
  std::array<char, 96> line{};
  std::snprintf(line.data(), line.size(), "%3.0f%%  %.1f of %.1f megapixels, %lld:%02lld left", 100.0 * share,
                1e-6 * static_cast<double>(done), 1e-6 * static_cast<double>(total_), left / 60, left % 60);
  out_ << (is_terminal_ ? "\r" : "") << line.data() << (is_terminal_ ? "\x1b[K" : "\n") << std::flush;
  line_open_ = is_terminal_;
}

}  // namespace examples
