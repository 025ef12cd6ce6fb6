#include <iostream>
#include <string_view>

#include "files.h"
#include "mutations.h"
#include <CLI/CLI.hpp>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/hdf5.h>

/// Reads thousands of damaged files, in isolation or, to see what that saves, without it. Anything but a
/// result or an upconv::Error is a failure, and in isolation so is whatever ends this program.
namespace {

namespace fs = std::filesystem;

struct Counts {
  std::uint64_t next = 0;  ///< The file to read.
  std::uint64_t read = 0;
  std::uint64_t refused = 0;
  std::uint64_t crashes = 0;
  std::uint64_t hangs = 0;
  std::uint64_t wrong = 0;
};

struct Run {
  std::uint64_t first = 0;
  std::uint64_t count = 2000;
  double seconds = 5;
  bool here = false;
  bool verbose = false;
};

void tell(const Run& run, std::uint64_t seed, std::string_view what) {
  if (run.verbose) std::cout << "file " << seed << ": " << what << std::endl;
}

void read_one(const fs::path& path, const Run& run, std::uint64_t seed, Counts& counts) {
  const upconv::Hdf5ReadOptions options{.isolate = !run.here, .isolation = {.seconds = run.seconds}};
  try {
    upconv::read_hdf5(path, options);
    ++counts.read;
  } catch (const upconv::LoadError& error) {
    const std::string_view text = error.what();
    const bool crash = text.find("the HDF5 library crashed on it") != text.npos;
    const bool hang = text.find("the HDF5 library did not come to an end") != text.npos;
    ++(crash ? counts.crashes : hang ? counts.hangs : counts.refused);
    if (crash || hang) tell(run, seed, text);
  } catch (const std::bad_alloc&) {
    ++counts.refused;
  } catch (const std::exception& error) {
    ++counts.wrong;
    std::cout << "file " << seed << " gave " << error.what() << std::endl;
  }
}

void read_all(const fs::path& path, const std::vector<hdf5_mutations::Original>& originals, const Run& run,
              Counts& counts) {
  while (counts.next < run.count) {
    const std::uint64_t seed = run.first + counts.next++;
    if (run.here) ::alarm(static_cast<unsigned>(run.seconds));
    hdf5_files::write_bytes(path, hdf5_mutations::mutated(originals, seed));
    read_one(path, run, seed, counts);
  }
}

/// In children of this process, the next one behind the file that brought the last one down.
Counts read_all_here(const fs::path& path, const std::vector<hdf5_mutations::Original>& originals,
                     const Run& run) {
  void* shared = ::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* counts = new (shared) Counts;
  while (counts->next < run.count) {
    const pid_t child = ::fork();
    if (child == 0) {
      read_all(path, originals, run, *counts);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    const bool hang = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    ++(hang ? counts->hangs : counts->crashes);
    tell(run, run.first + counts->next - 1, hang ? "a hang" : "a crash");
  }
  const Counts result = *counts;
  ::munmap(shared, sizeof(Counts));
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  Run run;
  std::string keep;
  CLI::App app("Reads damaged weight files that are made from numbers.");
  app.add_option("--first", run.first, "Number of the first file")->capture_default_str();
  app.add_option("--count", run.count, "Number of files")->capture_default_str();
  app.add_option("--seconds", run.seconds, "Longest that one file may take")->capture_default_str();
  app.add_flag("--here", run.here, "Without isolation: in children of this program, which may crash");
  app.add_flag("--verbose", run.verbose, "Name each file that crashes or hangs the HDF5 library");
  app.add_option("--keep", keep, "Write the first file to this path and read nothing");
  CLI11_PARSE(app, argc, argv);

  const std::vector<hdf5_mutations::Original> originals = hdf5_mutations::originals();
  if (!keep.empty()) {
    hdf5_files::write_bytes(keep, hdf5_mutations::mutated(originals, run.first));
    return 0;
  }
  const hdf5_files::TempDir dir;
  Counts counts;
  if (run.here) {
    counts = read_all_here(dir / "mutated.h5", originals, run);
  } else {
    read_all(dir / "mutated.h5", originals, run, counts);
  }
  std::cout << run.count << " files from number " << run.first << ": read " << counts.read << ", refused "
            << counts.refused << ", crashes of the library " << counts.crashes << ", hangs " << counts.hangs
            << ", wrong exceptions " << counts.wrong << '\n';
  return counts.wrong == 0 ? 0 : 1;
}
