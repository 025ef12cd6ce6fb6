#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/process.h>
#include <upconv/framework/message.h>
#include <upconv/framework/state_dict.h>

namespace upconv::hdf5 {

namespace {

void check_start(int error, const std::filesystem::path& program) {
  if (error == 0) return;
  throw LoadError(message("the program '", printable(program.string()),
                          "', which reads it in isolation, cannot be started: ", std::strerror(error)));
}

/// What posix_spawn is to do in the child.
class SpawnSetup {
 public:
  explicit SpawnSetup(int socket) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, socket, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    // Signals that this program ignores or blocks must end the other all the same.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  int spawn(pid_t& pid, const std::filesystem::path& program) const {
    std::string name = program.native();
    char* const arguments[] = {name.data(), nullptr};
    return ::posix_spawn(&pid, name.c_str(), &actions_, &attributes_, arguments, environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

constexpr const char* kDamaged =
    "the file is damaged, or made to do harm: get it again from where you trust it";

std::string describe_end(int status, const std::filesystem::path& program) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
    return "the HDF5 library did not come to an end with it: the file is damaged, or isolation.seconds too "
           "low";
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
    return "the process that read it in isolation was killed from outside, perhaps for lack of memory";
  if (WIFSIGNALED(status)) {
    return message("the HDF5 library crashed on it (signal ", WTERMSIG(status), ", ",
                   ::strsignal(WTERMSIG(status)), ", in a process of its own): ", kDamaged);
  }
  const std::string name = printable(program.string());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return message("the program '", name, "' cannot run: start it by hand to see why");
  return message("the program '", name, "', which reads it in isolation, ended with exit status ",
                 WEXITSTATUS(status), ": ", kDamaged);
}

}  // namespace

Process::Process(const std::filesystem::path& program) : program_(program) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) check_start(errno, program);
  const SpawnSetup setup(ends[1]);
  const int error = setup.spawn(pid_, program);
  ::close(ends[1]);
  socket_ = ends[0];
  if (error == 0) return;
  ::close(socket_);
  check_start(error, program);
}

Process::~Process() {
  kill();
}

void Process::kill() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void Process::set_deadline(std::chrono::duration<double> from_now) {
  allowed_ = from_now;
  deadline_ = std::chrono::steady_clock::now() +
              std::chrono::duration_cast<std::chrono::steady_clock::duration>(from_now);
}

void Process::fail_ended() {
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  // A program that ignores SIGCHLD, or waits for every child, may have taken the status away.
  if (ended < 0)
    throw LoadError(message("the process that read it in isolation ended too early: ", kDamaged));
  throw LoadError(describe_end(status, program_));
}

void Process::wait_for(short events) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    pollfd descriptor{socket_, events, 0};
    const int milliseconds = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
    const int ready = ::poll(&descriptor, 1, milliseconds);
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) throw LoadError(std::strerror(errno));
    if (ready == 0 && left.count() <= 1'000'000) break;
  }
  kill();
  throw LoadError(message("the HDF5 library did not come to an end with it in ", allowed_.count(),
                          " seconds: the file is damaged, or its disk slow: raise isolation.seconds then"));
}

void Process::send(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    wait_for(POLLOUT);
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR && errno != EAGAIN) {
      fail_ended();
    }
  }
}

void Process::receive(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    wait_for(POLLIN);
    const ssize_t count = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      fail_ended();
    }
  }
}

}  // namespace upconv::hdf5
