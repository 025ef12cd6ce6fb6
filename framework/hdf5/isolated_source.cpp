#include <cstdlib>

#include <dlfcn.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/process.h>
#include <upconv/framework/hdf5/source.h>
#include <upconv/framework/hdf5/wire.h>
#include <upconv/framework/message.h>
#include <upconv/framework/state_dict.h>

namespace upconv::hdf5 {

namespace {

namespace fs = std::filesystem;

constexpr char kProgram[] = "upconv-read-hdf5";
constexpr char kVariable[] = "UPCONV_READ_HDF5";

/// Where the program may be, seen from the folder of a program or library: built and installed alike.
void add_places(std::vector<fs::path>& places, const fs::path& file) {
  std::error_code error;
  const fs::path folder = fs::canonical(file, error).parent_path();
  if (error) return;
  for (const char* way : {"", "../libexec/upconv", "../../libexec/upconv"})
    places.push_back((folder / way / kProgram).lexically_normal());
}

/// Throws: LoadError with every place that was looked at.
fs::path find_program(const fs::path& given) {
  if (!given.empty()) return given;
  if (const char* named = ::secure_getenv(kVariable); named != nullptr && *named != '\0') return named;
  std::vector<fs::path> places;
  Dl_info info;
  if (::dladdr(reinterpret_cast<const void*>(&open_isolated), &info) != 0 && info.dli_fname != nullptr)
    add_places(places, info.dli_fname);
  add_places(places, "/proc/self/exe");
  places.push_back(fs::path(UPCONV_LIBEXEC_DIR) / kProgram);
  std::string tried;
  for (const fs::path& place : places) {
    std::error_code ignored;
    if (fs::exists(place, ignored)) return place;
    if (tried.find(place.string()) == std::string::npos)
      tried += (tried.empty() ? "" : ", ") + printable(place.string());
  }
  throw LoadError(message("to isolate it, upconv needs its program ", kProgram,
                          ", which is in none of: ", tried,
                          ": name it in Hdf5ReadOptions::isolation.program or the environment variable ",
                          kVariable, ", or read the file without isolate"));
}

class IsolatedSource : public Source {
 public:
  IsolatedSource(const fs::path& path, const Hdf5ReadOptions& options)
      : isolation_(options.isolation), process_(find_program(options.isolation.program)) {
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(path, error);
    constexpr double kBytesASecond = 16.0 * 1024 * 1024;
    if (!error) seconds_ += static_cast<double>(bytes) / kBytesASecond;
    seconds_ += isolation_.seconds;

    wire::Writer order;
    wire::write(order, {path, options});
    const std::vector<std::byte> answer = ask(order);
    wire::Reader reader(answer);
    contents_ = wire::read_contents(reader);
    for (const Found& found : contents_.entries)
      check_size(found.entry, options.max_tensor_bytes);
  }

  void read(std::size_t index, TensorView values) override {
    wire::Writer request;
    request.number(index);
    ask(request);
    process_.receive({static_cast<std::byte*>(values.raw()), values.spec().bytes()});
  }

 private:
  /// What the program says is believed no more than the file.
  static void check_size(const Hdf5Entry& entry, std::uint64_t most_bytes) {
    if (!entry.problem.empty()) return;
    if (static_cast<std::uint64_t>(entry.shape.numel()) > most_bytes / size_of(*entry.dtype))
      throw LoadError("the program that reads it in isolation offers more than max_tensor_bytes");
  }

  /// Sends a request and returns what follows the status of the answer. Throws: what the program threw.
  std::vector<std::byte> ask(const wire::Writer& request) {
    process_.set_deadline(std::chrono::duration<double>(seconds_));
    const std::uint64_t length = request.bytes().size();
    process_.send(std::as_bytes(std::span(&length, 1)));
    process_.send(request.bytes());

    std::uint64_t answer_length = 0;
    process_.receive(std::as_writable_bytes(std::span(&answer_length, 1)));
    wire::Status status{};
    process_.receive(std::as_writable_bytes(std::span(&status, 1)));
    const std::vector<std::byte> answer = receive_all(answer_length);
    if (status == wire::Status::fine) return answer;
    if (status == wire::Status::out_of_memory) {
      throw LoadError(
          "it needs more memory than its process may take: raise isolation.memory_bytes if the file is that "
          "large");
    }
    const std::string text = wire::Reader(answer).text();
    if (status == wire::Status::bad_argument) throw ArgumentError(text);
    throw LoadError(text);
  }

  /// Piece by piece, so that a length alone takes no memory.
  std::vector<std::byte> receive_all(std::uint64_t length) {
    constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
    std::vector<std::byte> bytes;
    while (bytes.size() < length) {
      const std::size_t begin = bytes.size();
      bytes.resize(static_cast<std::size_t>(std::min(length, begin + kPiece)));
      process_.receive(std::span(bytes).subspan(begin));
    }
    return bytes;
  }

  Hdf5Isolation isolation_;
  double seconds_ = 0;
  Process process_;
};

}  // namespace

std::unique_ptr<Source> open_isolated(const fs::path& path, const Hdf5ReadOptions& options) {
  const double seconds = options.isolation.seconds;
  if (!(seconds > 0 && seconds < 1e9))
    throw ArgumentError(message("isolation.seconds must be more than 0, got ", seconds));
  return std::make_unique<IsolatedSource>(path, options);
}

}  // namespace upconv::hdf5
