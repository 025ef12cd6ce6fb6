// upconv-restore: removes noise and JPEG artefacts from a picture with a network that was trained in PyTorch.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include "common/command_line.h"
#include "common/compare.h"
#include "common/device.h"
#include "common/kernel_log.h"
#include "common/picture.h"
#include "common/picture_program.h"
#include "common/png_writer.h"
#include "common/progress.h"
#include "common/weights.h"
#include "restore/psnr.h"
#include "restore/restore.h"
#include "restore/restorer.h"

#include <upconv/framework/message.h>
#include <upconv/upconv.h>

namespace fs = std::filesystem;
using namespace examples;  // this is the program; the parts are libraries
using namespace restore;

namespace {

constexpr const char* kName = "upconv-restore";
constexpr const char* kWeights = "restorer.h5";

struct Arguments : CommonArguments {
  fs::path input;
  fs::path output;
  int tile = RestoreOptions{}.tile;
  fs::path compare;
  bool explain = false;
};

void add_options(CLI::App& app, Arguments& args) {
  app.add_option("input", args.input, "PNG or JPEG picture: grey or colour, with or without alpha")
      ->required()
      ->type_name("IN");
  app.add_option("output", args.output, "PNG picture to write")->required()->type_name("OUT.png");
  app.add_option("--tile", args.tile, "largest side of the tiles that a picture is worked in")
      ->check(CLI::Range(16, 16384))
      ->type_name("N")
      ->capture_default_str();
  app.add_option(
         "--compare", args.compare,
         "the picture that IN was before it was spoilt: print how close IN and the result come to it,\n"
         "and write OUT_compare.png")
      ->type_name("ORIGINAL");
  app.add_flag("--explain", args.explain,
               "also print the plan: what is fused, where it lies, and which kernel computes it");
  add_common_options(app, args, kWeights, "0 done, 1 failed");
  app.footer(
      "\nNot handled: 16-bit channels are read as 8, of an animation the first frame; EXIF rotation and\n"
      "colour profiles are ignored." +
      app.get_footer());
}

/// The picture given with --compare. Throws: PictureError unless it is as large as `picture`.
Picture load_original(const fs::path& path, const Picture& picture) {
  Picture original = load_and_tell(path);
  if (original.width != picture.width || original.height != picture.height) {
    throw PictureError(upconv::message(path.string(), ": the original must be ", picture.width, 'x',
                                       picture.height, ", as the input, but is ", original.width, 'x',
                                       original.height));
  }
  return original;
}

/// Restores and writes the output, row of tiles by row of tiles, and tells on standard error how far it is.
/// Returns the seconds that the writing took.
double restore_to_file(const Picture& picture, const PreparedRestorer& network, RestoreOptions options,
                       const fs::path& path, const TakeRows& also_take) {
  PngWriter writer(path, picture.width, picture.height, picture.channels);
  double seconds = 0.0;
  const TakeRows take_rows = [&](const Picture& rows) {
    const Clock::time_point start = Clock::now();
    writer.write(rows);
    seconds += seconds_since(start);
    if (also_take) also_take(rows);
  };
  Progress progress(std::cerr, tells_a_terminal(), std::int64_t{picture.width} * picture.height);
  options.on_progress = [&](std::int64_t pixels) { progress.update(pixels); };
  restore::restore(picture, std::ref(network), options, take_rows);
  writer.finish();
  return seconds;
}

/// Prints how close both pictures come to the original, and writes the three beside each other.
void compare(const Picture& before, const Picture& after, const Picture& original, const fs::path& output) {
  const double from = psnr(before, original), to = psnr(after, original);
  std::cout << "  PSNR      " << fixed(from, 2) << " dB before, " << fixed(to, 2)
            << " dB after: " << with_sign(to - from, 2) << " dB\n";
  save_png(output, side_by_side({{before, "before, " + fixed(from, 2) + " dB"},
                                 {after, "upconv, " + fixed(to, 2) + " dB"},
                                 {original, "original"}}));
  std::cout << "  compared  " << output.string() << ": before | after | original\n";
}

bool run(const Arguments& args) {
  const Clock::time_point start = Clock::now();
  const Numbers numbers = parse_precision(args.precision);
  KernelLog kernels;
  upconv::ExecutionContext ctx({.device = upconv::Device::parse(args.device),
                                .precision = numbers.precision,
                                .num_threads = args.threads,
                                .trace = kernels.sink()});

  if (args.compare.empty()) {
    check_paths({args.input}, {args.output});
  } else {
    check_paths({args.input, args.compare}, {args.output, compare_path(args.output)});
  }
  const Picture picture = load_and_tell(args.input);
  std::optional<Picture> original;
  if (!args.compare.empty()) original = load_original(args.compare, picture);

  const fs::path weights = args.weights.empty() ? find_weights(kWeights) : args.weights;
  Restorer net;
  upconv::load_hdf5(net, weights, {.require_finite = true});
  const PreparedRestorer network(std::move(net), numbers.dtype, ctx);
  if (args.explain) {  // for a tile inside the picture
    const int side = args.tile + 2 * kReach;
    std::cout << network.explain(std::min(side, picture.width), std::min(side, picture.height)) << '\n';
  }

  Picture result(picture.width, 0, picture.channels);  // whole only where it is compared
  TakeRows keep;
  if (original) keep = [&](const Picture& rows) { result.append(rows); };
  const Clock::time_point started = Clock::now();
  const double writing = restore_to_file(picture, network, {.tile = args.tile}, args.output, keep);
  const double seconds = seconds_since(started) - writing;

  std::cout << args.output.string() << ": " << picture.describe() << '\n'
            << "  network   Restorer in " << args.precision << ", weights " << weights.string() << '\n'
            << "  device    " << describe_device(ctx) << '\n';
  for (const std::string& line : kernels.lines())
    std::cout << "  kernel    " << line << '\n';
  std::cout << "  time      " << fixed(seconds, 3) << " s, " << fixed(picture.megapixels() / seconds, 2)
            << " megapixels/s; " << fixed(seconds_since(start), 3) << " s with files\n";
  if (original) compare(picture, result, *original, compare_path(args.output));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Removes noise and JPEG artefacts from a picture with a small neural network.", kName);
  Arguments args;
  add_options(app, args);
  if (const std::optional<int> code = parse(app, argc, argv)) return *code;
  return examples::run(kName, [&] { return run(args); });
}
