#include "problems.h"

#include <array>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

namespace upconv::bench {

namespace {

constexpr NamedProblem kFlagship = {"flagship", "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"};

constexpr NamedProblem kRelatives[] = {
    kFlagship,
    {"16 to 16 channels", "n8ci16ih512iw1024co16kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
    {"32 to 64 channels", "n8ci32ih512iw1024co64kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
    {"64 to 32 channels", "n8ci64ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
    {"64 to 64 channels", "n8ci64ih512iw1024co64kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
    {"kernel 3x3", "n8ci32ih512iw1024co32kh3kw3_s1x1_p1x1_op0x0_d1x1_g1"},
    {"kernel 5x5", "n8ci32ih512iw1024co32kh5kw5_s1x1_p2x2_op0x0_d1x1_g1"},
    {"kernel 1x7", "n8ci32ih512iw1024co32kh1kw7_s1x1_p0x3_op0x0_d1x1_g1"},
    {"kernel 7x7", "n8ci32ih512iw1024co32kh7kw7_s1x1_p3x3_op0x0_d1x1_g1"},
    {"kernel 2x2", "n8ci32ih512iw1024co32kh2kw2_s1x1_p0x0_op0x0_d1x1_g1"},
    {"kernel 4x4", "n8ci32ih512iw1024co32kh4kw4_s1x1_p1x1_op0x0_d1x1_g1"},
    {"width 1000", "n8ci32ih512iw1000co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
    {"width 1023", "n8ci32ih512iw1023co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
    {"batch 1", "n1ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
    {"64x64, batch 64", "n64ci32ih64iw64co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
};

// Of DCGAN, U-Net, pix2pix, CycleGAN, FSRCNN, FCN, DBNet, VQGAN and others.
constexpr auto kSuite = std::to_array<NamedProblem>({
    kFlagship,
    {"DCGAN, one pixel", "n64ci100ih1iw1co512kh4kw4_s1x1_p0x0_op0x0_d1x1_g1"},
    {"DCGAN, 4x4", "n64ci512ih4iw4co256kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"},
    {"DCGAN, 16x16", "n64ci128ih16iw16co64kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"},
    {"DCGAN, to RGB", "n64ci64ih32iw32co3kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"},
    {"U-Net, 1024 channels", "n4ci1024ih32iw32co512kh2kw2_s2x2_p0x0_op0x0_d1x1_g1"},
    {"U-Net, 128 channels", "n4ci128ih256iw256co64kh2kw2_s2x2_p0x0_op0x0_d1x1_g1"},
    {"pix2pix", "n1ci512ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"},
    {"CycleGAN, 256 channels", "n1ci256ih64iw64co128kh3kw3_s2x2_p1x1_op1x1_d1x1_g1"},
    {"CycleGAN, 128 channels", "n1ci128ih128iw128co64kh3kw3_s2x2_p1x1_op1x1_d1x1_g1"},
    {"FSRCNN x3 head", "n1ci56ih240iw320co1kh9kw9_s3x3_p4x4_op2x2_d1x1_g1"},
    {"FSRCNN x4 head", "n1ci56ih270iw480co1kh9kw9_s4x4_p4x4_op3x3_d1x1_g1"},
    {"FCN bilinear, depthwise", "n1ci21ih64iw64co21kh16kw16_s8x8_p4x4_op0x0_d1x1_g21"},
    {"DBNet", "n1ci64ih184iw320co64kh2kw2_s2x2_p0x0_op0x0_d1x1_g1"},
    {"depthwise 4x4", "n8ci128ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g128"},
    {"spectrogram 1x8", "n8ci256ih1iw512co128kh1kw8_s1x4_p0x2_op0x0_d1x1_g1"},
    {"spectrogram 3x7", "n8ci64ih256iw512co64kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
    {"3x3 dilated", "n8ci64ih128iw128co64kh3kw3_s1x1_p2x2_op0x0_d2x2_g1"},
    {"VQGAN", "n8ci256ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"},
    {"3x3 in four groups", "n8ci128ih64iw64co128kh3kw3_s2x2_p1x1_op1x1_d1x1_g4"},
    {"3x3", "n16ci64ih256iw256co64kh3kw3_s1x1_p1x1_op0x0_d1x1_g1"},
});

/// The suite, with one image where a batch would keep a CPU busy for seconds.
constexpr auto kCpu = [] {
  constexpr NamedProblem kSingle[] = {
      {"flagship", "n1ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
      {"U-Net, 1024 channels", "n1ci1024ih32iw32co512kh2kw2_s2x2_p0x0_op0x0_d1x1_g1"},
      {"U-Net, 128 channels", "n1ci128ih256iw256co64kh2kw2_s2x2_p0x0_op0x0_d1x1_g1"},
      {"spectrogram 3x7", "n1ci64ih256iw512co64kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"},
      {"3x3 dilated", "n1ci64ih128iw128co64kh3kw3_s1x1_p2x2_op0x0_d2x2_g1"},
      {"VQGAN", "n1ci256ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"},
      {"3x3", "n1ci64ih256iw256co64kh3kw3_s1x1_p1x1_op0x0_d1x1_g1"},
  };
  auto set = kSuite;
  for (NamedProblem& problem : set) {
    for (const NamedProblem& single : kSingle) {
      if (single.name == problem.name) problem = single;
    }
  }
  set[0].name = "flagship, batch 1";
  return set;
}();

}  // namespace

std::span<const NamedProblem> problems(std::string_view set) {
  if (set == "flagship") return {&kFlagship, 1};
  if (set == "relatives") return kRelatives;
  if (set == "suite") return kSuite;
  if (set == "cpu") return kCpu;
  throw ArgumentError(
      message("there is no set of problems '", set, "'; there are: flagship, relatives, suite, cpu"));
}

}  // namespace upconv::bench
