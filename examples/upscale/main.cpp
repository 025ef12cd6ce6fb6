// upscale: enlarges a picture x2 with a network that was trained in PyTorch.

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
#include "upscale/bicubic.h"
#include "upscale/enlarge.h"
#include "upscale/fsrcnn.h"
#include "upscale/psnr.h"

#include <upconv/framework/message.h>
#include <upconv/upconv.h>

namespace fs = std::filesystem;
using namespace examples;  // this is the program; the parts are libraries
using namespace upscale;

namespace {

struct Arguments : examples::CommonArguments {
  fs::path input;
  fs::path output;
  int tile = 256;
  fs::path compare;
  bool explain = false;
};

void add_options(CLI::App& app, Arguments& args) {
  app.add_option("input", args.input, "PNG or JPEG picture: grey or colour, with or without alpha")
      ->required()
      ->type_name("IN");
  app.add_option("output", args.output, "PNG picture to write")->required()->type_name("OUT.png");
  app.add_option("--tile", args.tile, "largest side of the tiles that a picture is worked in")
      ->check(CLI::Range(8, 16384))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--compare", args.compare,
                 "the picture that IN was made from, twice as wide and high: print how close the result\n"
                 "and bicubic interpolation come to it, and write OUT_compare.png")
      ->type_name("ORIGINAL");
  app.add_flag("--explain", args.explain,
               "also print the plan: what is fused, where it lies, and which kernel computes it");
  examples::add_common_options(app, args, "fsrcnn_x2.h5", "0 done, 1 failed");
  app.footer(
      "\nNot handled: 16-bit channels are read as 8, of an animation the first frame; EXIF rotation and\n"
      "colour profiles are ignored." +
      app.get_footer());
}

/// The picture given with --compare. Throws: PictureError unless it is exactly twice as large as `small`.
Picture load_original(const fs::path& path, const Picture& small) {
  Picture original = load_and_tell(path);
  if (original.width != kScale * small.width || original.height != kScale * small.height) {
    throw PictureError(upconv::message(path.string(), ": the original must be ", kScale * small.width, 'x',
                                       kScale * small.height, ", twice the input, but is ", original.width,
                                       'x', original.height));
  }
  return original;
}

/// Calls `work`, which enlarges with `options`, and tells on standard error how far it is.
template <class Work>
void with_progress(const Picture& small, EnlargeOptions& options, const Work& work) {
  Progress progress(std::cerr, tells_a_terminal(), std::int64_t{small.width} * small.height);
  options.on_progress = [&](std::int64_t pixels) { progress.update(pixels); };
  work();
}

/// Prints the PSNR of both ways to enlarge and writes them beside the original.
void compare(const Picture& small, const Picture& network, double network_psnr, const Picture& original,
             EnlargeOptions options, const fs::path& output) {
  PsnrY psnr(original);
  options.on_luma = [&](const Rect& area, const Plane& luma) { psnr.add(area, luma); };
  const auto luma = [&](const Plane& plane) { return bicubic_x2(plane, options.num_threads); };
  Picture bicubic;
  with_progress(small, options, [&] { bicubic = enlarge(small, luma, options); });
  const double bicubic_psnr = psnr.decibels();

  std::cout << "  PSNR-Y    network " << fixed(network_psnr, 2) << " dB, bicubic " << fixed(bicubic_psnr, 2)
            << " dB: " << with_sign(network_psnr - bicubic_psnr, 2) << " dB\n";
  save_png(output, side_by_side({{bicubic, "bicubic, " + fixed(bicubic_psnr, 2) + " dB"},
                                 {network, "upconv, " + fixed(network_psnr, 2) + " dB"},
                                 {original, "original"}}));
  std::cout << "  compared  " << output.string() << ": bicubic | network | original\n";
}

/// Enlarges on the network and writes the output, row of tiles by row of tiles. Returns the seconds that the
/// writing took.
double enlarge_to_file(const Picture& small, const LumaNetwork& network, EnlargeOptions options,
                       const fs::path& path, const TakeRows& also_take) {
  PngWriter writer(path, std::int64_t{small.width} * kScale, std::int64_t{small.height} * kScale,
                   small.channels);
  double seconds = 0.0;
  const TakeRows take_rows = [&](const Picture& rows) {
    const auto start = Clock::now();
    writer.write(rows);
    seconds += seconds_since(start);
    if (also_take) also_take(rows);
  };
  with_progress(small, options, [&] { enlarge(small, std::ref(network), options, take_rows); });
  writer.finish();
  return seconds;
}

bool run(const Arguments& args) {
  const auto start = Clock::now();
  const examples::Numbers numbers = examples::parse_precision(args.precision);
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
  const Picture small = load_and_tell(args.input);
  std::optional<Picture> original;
  std::optional<PsnrY> psnr;
  if (!args.compare.empty()) {
    original = load_original(args.compare, small);
    psnr.emplace(*original);
  }

  const fs::path weights = args.weights.empty() ? examples::find_weights("fsrcnn_x2.h5") : args.weights;
  upconv::Sequential net = make_fsrcnn();
  upconv::load_hdf5(net, weights, {.require_finite = true});
  const LumaNetwork network(std::move(net), numbers.dtype, ctx);
  if (args.explain) {  // for a tile inside the picture
    const int side = args.tile + 2 * kFsrcnnReach;
    std::cout << network.explain(std::min(side, small.width), std::min(side, small.height)) << '\n';
  }

  EnlargeOptions options{.tile = args.tile, .overlap = kFsrcnnReach, .num_threads = ctx.num_threads()};
  Picture large;  // whole only where it is compared
  TakeRows keep;
  if (psnr) {
    options.on_luma = [&](const Rect& area, const Plane& luma) { psnr->add(area, luma); };
    large = Picture(original->width, 0, small.channels);
    large.pixels.reserve(small.pixels.size() * kScale * kScale);
    keep = [&](const Picture& rows) { large.append(rows); };
  }
  const auto started = Clock::now();
  const double writing = enlarge_to_file(small, network, options, args.output, keep);
  const double seconds = seconds_since(started) - writing;

  std::cout << args.output.string() << ": "
            << describe_picture(small.width * kScale, small.height * kScale, small.channels) << ", from "
            << small.describe() << '\n'
            << "  network   FSRCNN in " << args.precision << ", weights " << weights.string() << '\n'
            << "  device    " << examples::describe_device(ctx) << '\n';
  for (const std::string& line : kernels.lines())
    std::cout << "  kernel    " << line << '\n';
  std::cout << "  time      " << fixed(seconds, 3) << " s, "
            << fixed(kScale * kScale * small.megapixels() / seconds, 2) << " megapixels/s out; "
            << fixed(seconds_since(start), 3) << " s with files\n";
  if (original) compare(small, large, psnr->decibels(), *original, options, compare_path(args.output));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Enlarges a picture x2: brightness by a small neural network (FSRCNN), colour by bicubic\n"
      "interpolation.",
      "upscale");
  Arguments args;
  add_options(app, args);
  if (const std::optional<int> code = examples::parse(app, argc, argv)) return *code;
  return examples::run("upscale", [&] { return run(args); });
}
