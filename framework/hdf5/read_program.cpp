#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <iostream>
#include <new>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/source.h>
#include <upconv/framework/hdf5/wire.h>

/// upconv-read-hdf5: reads one weight file for a program that wants to outlive a crash of the HDF5 library.
/// wire.h says what goes over the socket that is its standard input.
namespace {

using namespace upconv::hdf5;

// AddressSanitizer and ThreadSanitizer reserve terabytes of addresses. GCC says so by a macro, Clang by a
// feature.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsMemory = false;
#elif defined(__has_feature)
constexpr bool kLimitsMemory = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool kLimitsMemory = true;
#endif

constexpr int kFine = 0;
constexpr int kWrongUse = 2;
constexpr int kPeerGone = 3;

void receive(void* bytes, std::size_t count) {
  auto* place = static_cast<char*>(bytes);
  while (count > 0) {
    const ssize_t got = ::recv(STDIN_FILENO, place, count, 0);
    if (got == 0) ::_exit(kFine);  // the other side has all that it wants
    if (got < 0 && errno != EINTR) ::_exit(kPeerGone);
    if (got < 0) continue;
    place += got;
    count -= static_cast<std::size_t>(got);
  }
}

void send(const void* bytes, std::size_t count) {
  const auto* place = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t sent = ::send(STDIN_FILENO, place, count, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) ::_exit(kPeerGone);
    if (sent < 0) continue;
    place += sent;
    count -= static_cast<std::size_t>(sent);
  }
}

std::vector<std::byte> receive_frame() {
  std::uint64_t length = 0;
  receive(&length, sizeof(length));
  std::vector<std::byte> frame(
      static_cast<std::size_t>(length));  // the sender is the program that started us
  receive(frame.data(), frame.size());
  return frame;
}

void answer(wire::Status status, const wire::Writer& rest = {}) {
  const std::uint64_t length = rest.bytes().size();
  send(&length, sizeof(length));
  send(&status, sizeof(status));
  send(rest.bytes().data(), rest.bytes().size());
}

void answer(wire::Status status, std::string_view text) {
  wire::Writer rest;
  rest.text(text);
  answer(status, rest);
}

void set_limit(int resource, std::uint64_t most) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(most, limit.rlim_max);
  ::setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

/// What this process may use for the request at hand, which needs `bytes` for the values themselves.
void set_limits(const upconv::Hdf5Isolation& isolation, double seconds, std::uint64_t bytes) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const double used_seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
  set_limit(RLIMIT_CPU, static_cast<std::uint64_t>(std::ceil(used_seconds + seconds)) + 1);
  constexpr std::uint64_t kBase = std::uint64_t{1} << 30;
  if (kLimitsMemory)
    set_limit(RLIMIT_AS, isolation.memory_bytes > 0 ? isolation.memory_bytes : kBase + bytes);
}

/// Values, those as they are stored, a chunk as it is stored and decoded.
std::uint64_t bytes_to_read(const Found& found) {
  std::uint64_t chunk = found.type->bytes;
  for (const std::uint64_t size : found.entry.chunk)
    chunk *= size;
  const auto count = static_cast<std::uint64_t>(found.entry.shape.numel());
  return 4 * (count * upconv::size_of(*found.entry.dtype) + chunk);
}

class Session {
 public:
  void open() {
    const std::vector<std::byte> frame = receive_frame();
    wire::Reader reader(frame);
    const wire::Order order = wire::read_order(reader);
    isolation_ = order.options.isolation;
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(order.path, error);
    if (!error) file_bytes_ = size;
    seconds_ = isolation_.seconds + static_cast<double>(file_bytes_) / (16.0 * 1024 * 1024);
    set_limits(isolation_, seconds_, 2 * file_bytes_);
    source_ = open_here(order.path, order.options);
    wire::Writer contents;
    wire::write(contents, source_->contents());
    answer(wire::Status::fine, contents);
  }

  void read_one() {
    const std::vector<std::byte> frame = receive_frame();
    const std::uint64_t index = wire::Reader(frame).number();
    const Found& found = source_->contents().entries.at(static_cast<std::size_t>(index));
    set_limits(isolation_, seconds_, 2 * file_bytes_ + bytes_to_read(found));
    upconv::Tensor values = upconv::Tensor::empty(found.entry.shape, *found.entry.dtype);
    source_->read(static_cast<std::size_t>(index), values);
    answer(wire::Status::fine);
    send(values.view().raw(), values.spec().bytes());
  }

 private:
  upconv::Hdf5Isolation isolation_;
  std::uint64_t file_bytes_ = 0;
  double seconds_ = 0;
  std::unique_ptr<Source> source_;
};

/// Answers one request with what `body` sends or throws.
template <class Body>
void serve(const Body& body) {
  try {
    body();
  } catch (const upconv::ArgumentError& error) {
    answer(wire::Status::bad_argument, error.what());
  } catch (const std::bad_alloc&) {
    answer(wire::Status::out_of_memory);
  } catch (const std::exception& error) {
    answer(wire::Status::refused, error.what());
  }
}

}  // namespace

int main() {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (::getsockname(STDIN_FILENO, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    std::cerr << "upconv-read-hdf5 is started by upconv, to read a weight file in isolation; it takes no "
                 "orders from people. Try upconv-inspect --isolate.\n";
    return kWrongUse;
  }
  // A crash must end the process by its signal; a sanitizer's own handlers would make an exit status of it.
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    ::signal(signal, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a hang must not outlive whom it was for
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_FSIZE, 0);  // it has nothing to write
  Session session;
  serve([&] { session.open(); });
  for (;;)
    serve([&] { session.read_one(); });
}
