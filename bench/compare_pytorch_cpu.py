#!/usr/bin/python3
"""upconv against PyTorch on the CPU, in one run: both compute the same layer in turn, and their outputs are compared.

    bench/compare_pytorch_cpu.py --runner build/bench/conv_runner [--threads 2] [--rounds 9] [problem string ...]

Prints a row of a Markdown table for each problem: the best time of each (the least disturbed by other processes) and
the medians. Needs PyTorch (Debian: python3-torch, with libopenblas0-pthread as a fair peer) and a build with
UPCONV_BUILD_BENCH.
"""

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time

import torch

LAYERS = """
n1ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32
n64ci100ih1iw1co512kh4kw4_s1x1_p0x0_op0x0_d1x1_g1_f32
n64ci512ih4iw4co256kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32
n64ci128ih16iw16co64kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32
n64ci64ih32iw32co3kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32
n1ci1024ih32iw32co512kh2kw2_s2x2_p0x0_op0x0_d1x1_g1_f32
n1ci128ih256iw256co64kh2kw2_s2x2_p0x0_op0x0_d1x1_g1_f32
n1ci512ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32
n1ci256ih64iw64co128kh3kw3_s2x2_p1x1_op1x1_d1x1_g1_f32
n1ci128ih128iw128co64kh3kw3_s2x2_p1x1_op1x1_d1x1_g1_f32
n1ci56ih240iw320co1kh9kw9_s3x3_p4x4_op2x2_d1x1_g1_f32
n1ci56ih270iw480co1kh9kw9_s4x4_p4x4_op3x3_d1x1_g1_f32
n1ci21ih64iw64co21kh16kw16_s8x8_p4x4_op0x0_d1x1_g21_f32
n1ci64ih184iw320co64kh2kw2_s2x2_p0x0_op0x0_d1x1_g1_f32
n8ci128ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g128_f32
n8ci256ih1iw512co128kh1kw8_s1x4_p0x2_op0x0_d1x1_g1_f32
n1ci64ih256iw512co64kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32
n1ci64ih128iw128co64kh3kw3_s1x1_p2x2_op0x0_d2x2_g1_f32
n1ci256ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32
n8ci128ih64iw64co128kh3kw3_s2x2_p1x1_op1x1_d1x1_g4_f32
n1ci64ih256iw256co64kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32
""".split()

PATTERN = re.compile(
    r"n(\d+)ci(\d+)ih(\d+)iw(\d+)co(\d+)kh(\d+)kw(\d+)_s(\d+)x(\d+)_p(\d+)x(\d+)_"
    r"(?:op(\d+)x(\d+)|zeros)_d(\d+)x(\d+)_g(\d+)_f32"
)


class Layer:
    """A problem string, its operands, and how PyTorch computes it."""

    def __init__(self, text):
        match = PATTERN.fullmatch(text)
        if not match:
            raise SystemExit(f"not a problem string of f32 padded with zeros: {text}")
        n, ci, ih, iw, co, kh, kw, sh, sw, ph, pw, oph, opw, dh, dw, groups = (
            int(value) if value is not None else None for value in match.groups()
        )
        self.text = text
        transposed = oph is not None
        weight_shape = (ci, co // groups, kh, kw) if transposed else (co, ci // groups, kh, kw)
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn((n, ci, ih, iw), generator=generator)
        self.weight = torch.randn(weight_shape, generator=generator)
        self.bias = torch.randn((co,), generator=generator)
        options = dict(stride=(sh, sw), padding=(ph, pw), dilation=(dh, dw), groups=groups)
        if transposed:
            options["output_padding"] = (oph, opw)
        function = torch.nn.functional.conv_transpose2d if transposed else torch.nn.functional.conv2d
        self.compute = lambda: function(self.x, self.weight, self.bias, **options)
        self.y_shape = self.compute().shape
        pixels = ih * iw if transposed else self.y_shape[2] * self.y_shape[3]
        self.flops = 2 * n * pixels * (ci // groups) * co * kh * kw


def compare(layer, runner, threads, rounds, pause):
    """Milliseconds of each, and the largest difference of the outputs relative to the largest output."""
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("x", "weight", "bias", "y")]
        for path, tensor in zip(files, (layer.x, layer.weight, layer.bias)):
            tensor.numpy().tofile(path)
        process = subprocess.Popen(
            [runner, layer.text, str(threads), *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        kernel = process.stdout.readline().strip()
        if not kernel:
            raise SystemExit(f"{runner} failed on {layer.text}")
        ours = torch.from_file(files[3], size=layer.y_shape.numel()).reshape(layer.y_shape)
        theirs = layer.compute()
        difference = ((ours - theirs).abs().max() / theirs.abs().max()).item()

        def run_ours():
            process.stdin.write("run\n")
            process.stdin.flush()
            return int(process.stdout.readline()) * 1e-6

        def run_theirs():
            start = time.perf_counter()
            layer.compute()
            return (time.perf_counter() - start) * 1e3

        times = {run_theirs: [], run_ours: []}
        for _ in range(rounds):
            for run in (run_theirs, run_ours):
                time.sleep(pause)  # the other's threads stop spinning
                run()
                times[run].append(run())
        process.stdin.close()
        process.wait()
        return kernel, difference, times[run_theirs], times[run_ours]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", help="problem strings; by default a suite of layers")
    parser.add_argument("--runner", default="build/bench/conv_runner")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between the two")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"PyTorch {torch.__version__}, {arguments.threads} threads, best (median) of {arguments.rounds}\n")
    print("| problem | PyTorch ms | GFLOP/s | upconv ms | GFLOP/s | ratio | kernel |")
    print("|---|---:|---:|---:|---:|---:|---|")
    worst = 0.0
    with torch.no_grad():
        for text in arguments.problems or LAYERS:
            layer = Layer(text)
            kernel, difference, theirs, ours = compare(
                layer, arguments.runner, arguments.threads, arguments.rounds, arguments.pause
            )
            cells = []
            for times in (theirs, ours):
                cells.append(f"{min(times):.2f} ({statistics.median(times):.2f})")
                cells.append(f"{layer.flops / min(times) * 1e-6:.1f}")
            print(f"| `{text}` | {' | '.join(cells)} | {min(theirs) / min(ours):.1f} | {kernel} |", flush=True)
            worst = max(worst, difference)
    print(f"\nLargest difference of an output, relative to the layer's largest: {worst:.1e}")
    if not worst < 1e-5:
        raise SystemExit("the outputs differ")


if __name__ == "__main__":
    main()
