#!/usr/bin/env python3
"""upconv on the CPU beside PyTorch, ONNX Runtime, OpenVINO and ncnn as PyPI has them, in one run.

    python3 -m venv peers && peers/bin/pip install torch onnx onnxruntime openvino ncnn matplotlib
    peers/bin/python bench/compare_peers_cpu.py --suite --json run.json --markdown run.md --plot speed.svg
    peers/bin/python bench/compare_peers_cpu.py <problem string without type>...
    peers/bin/python bench/compare_peers_cpu.py --from-json run.json --plot speed.svg      # draws it again

Whichever peers are installed are compared. Every output is first checked against the definition in double; what
computes something else is not timed. Then all take turns: in each round everyone rests, runs once to warm up, and is
timed over a few calls. Times are medians of the rounds. Needs a build with -D UPCONV_BUILD_BENCH=ON and an idle machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from comparison_report import best_peer, median, milliseconds, number, speedup, spread, table
from conv_problem import ConvProblem

# (in the chart, name, problem); more than a few are layers that upconv is slower at.
SUITE = (
    (True, "flagship 3x7, 32 channels, 512x1024", "n1ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"),
    (True, "DCGAN 4x4 stride 2, 512 to 256, batch 64", "n64ci512ih4iw4co256kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"),
    (False, "DCGAN, the same, batch 1", "n1ci512ih4iw4co256kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"),
    (False, "DCGAN, from one pixel", "n64ci100ih1iw1co512kh4kw4_s1x1_p0x0_op0x0_d1x1_g1"),
    (False, "DCGAN, to RGB", "n64ci64ih32iw32co3kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"),
    (True, "pix2pix 4x4 stride 2, 512 to 128", "n1ci512ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g1"),
    (True, "U-Net 2x2 stride 2, 128 to 64", "n1ci128ih256iw256co64kh2kw2_s2x2_p0x0_op0x0_d1x1_g1"),
    (False, "U-Net 2x2 stride 2, 1024 to 512", "n1ci1024ih32iw32co512kh2kw2_s2x2_p0x0_op0x0_d1x1_g1"),
    (True, "CycleGAN 3x3 stride 2, 128 to 64", "n1ci128ih128iw128co64kh3kw3_s2x2_p1x1_op1x1_d1x1_g1"),
    (True, "FSRCNN 9x9 stride 3, 56 to 1", "n1ci56ih240iw320co1kh9kw9_s3x3_p4x4_op2x2_d1x1_g1"),
    (False, "FSRCNN 9x9 stride 4, 56 to 1", "n1ci56ih270iw480co1kh9kw9_s4x4_p4x4_op3x3_d1x1_g1"),
    (False, "FCN bilinear 16x16 stride 8, depthwise", "n1ci21ih64iw64co21kh16kw16_s8x8_p4x4_op0x0_d1x1_g21"),
    (True, "4x4 stride 2, depthwise, batch 8", "n8ci128ih64iw64co128kh4kw4_s2x2_p1x1_op0x0_d1x1_g128"),
    (False, "3x3 stride 2 in four groups, batch 8", "n8ci128ih64iw64co128kh3kw3_s2x2_p1x1_op1x1_d1x1_g4"),
    (False, "spectrogram 1x8 stride 4", "n8ci256ih1iw512co128kh1kw8_s1x4_p0x2_op0x0_d1x1_g1"),
    (False, "3x3 dilated, 64 channels", "n1ci64ih128iw128co64kh3kw3_s1x1_p2x2_op0x0_d2x2_g1"),
    (True, "Conv2d 3x3, 64 channels, 256x256", "n1ci64ih256iw256co64kh3kw3_s1x1_p1x1_zeros_d1x1_g1"),
    (False, "Conv2d 3x3, 256 channels, 14x14", "n1ci256ih14iw14co256kh3kw3_s1x1_p1x1_zeros_d1x1_g1"),
    (False, "Conv2d 3x3 stride 2, 64 to 128, 112x112", "n1ci64ih112iw112co128kh3kw3_s2x2_p1x1_zeros_d1x1_g1"),
    (True, "Conv2d 1x1, 256 to 64, 56x56", "n1ci256ih56iw56co64kh1kw1_s1x1_p0x0_zeros_d1x1_g1"),
    (True, "Conv2d 3x3, depthwise, 144 channels", "n1ci144ih56iw56co144kh3kw3_s1x1_p1x1_zeros_d1x1_g144"),
)
CALL = "call"  # the kind of time in a row, where a GPU's rows have "graph" and "eager"
LARGEST_ERROR = 1e-5  # of upconv, relative to the layer's largest output
WRONG = 1e-3  # above this a peer computes something else; Winograd's rounding is well below


def peers_of(run: dict) -> tuple[str, ...]:
    return tuple(name for name in run["versions"] if name != "upconv")


def gflops(row: dict, who: str) -> float | None:
    milliseconds_ = median(row, who, CALL)
    return row["flops"] / milliseconds_ * 1e-6 if milliseconds_ else None


def compare(name: str, text: str, charted: bool, kinds: tuple, threads: int, rounds: int, pause: float) -> dict:
    """A row: the layer checked, and timed by everyone that computes it."""
    from cpu_peers import Operands

    problem = ConvProblem.parse(text)
    operands = Operands(problem)
    exact = operands.exact()
    row = {"name": name, "problem": text, "chart": charted, "flops": problem.flops, "errors": {}, "times": {},
           "failed": {}}
    runners = {}
    for kind in kinds:
        try:
            runner = kind(text, operands, threads)
            runner.run()
        except Exception as error:  # a peer that cannot do a layer says so in its own way
            row["failed"][kind.name] = str(error).strip().splitlines()[0]
            continue
        error = abs(runner.result() - exact).max() / abs(exact).max()
        row["errors"][kind.name] = float(error)
        if not error <= (LARGEST_ERROR if kind.name == "upconv" else WRONG):
            row["failed"][kind.name] = f"computes something else: its error is {error:.1e}"
            runner.close()
            continue
        runners[kind.name] = runner
    row["kernel"] = runners["upconv"].kernel if "upconv" in runners else ""

    seconds = {who: [] for who in runners}
    for _ in range(rounds):
        for who, runner in runners.items():
            time.sleep(pause)  # the threads of the one before stop spinning
            warm = runner.run()
            calls = max(1, min(50, math.ceil(0.05 / warm)))
            seconds[who].append(statistics.median(runner.run() for _ in range(calls)))
    for who, runner in runners.items():
        times = [1e3 * value for value in seconds[who]]
        middle = statistics.median(times)
        row["times"][who] = {CALL: {"median": middle, "min": min(times), "max": max(times),
                                    "spread": (max(times) - min(times)) / middle}}
        runner.close()
    return row


def heading(run: dict) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    return (f"{run['cpu']}, {run['threads']} threads; {versions}; commit {run['commit']}, {run['date']}; medians of "
            f"{run['rounds']} rounds in turn")


def line(row: dict, peers: tuple[str, ...]) -> str:
    """The row for a terminal: each one's milliseconds, and the best peer's over upconv's."""
    times = ", ".join(f"{who} {milliseconds(median(row, who, CALL)) or 'failed'}" for who in ("upconv", *peers))
    return (f"{row['name']:42} {number(gflops(row, 'upconv'), '.1f'):>6} GFLOP/s  "
            f"{number(speedup(row, CALL, peers), '.2f', 'x'):>7}  {times}")


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values))


def summary(run: dict) -> str:
    """upconv against each peer, and against the best of all, over the layers that both compute."""
    peers = peers_of(run)
    parts = []
    for name, group in (*((peer, (peer,)) for peer in peers), ("the best of them", peers)):
        ratios = [ratio for row in run["rows"] if (ratio := speedup(row, CALL, group))]
        if ratios:
            parts.append(f"{geometric_mean(ratios):.2f}x against {name}")
    return "Geometric mean of upconv's speed-ups: " + ", ".join(parts)


def markdown(run: dict) -> str:
    """The whole run, for docs/results.md."""
    peers = peers_of(run)
    columns = [("layer", "---"), ("upconv ms", "---:"), ("GFLOP/s", "---:"), *((peer, "---:") for peer in peers),
               ("best / upconv", "---:"), ("spread", "---:"), ("kernel", "---"), ("problem", "---")]
    lines = []
    for row in run["rows"]:
        best = best_peer(row, CALL, peers)
        cells = [milliseconds(median(row, peer, CALL)) or "-" for peer in peers]
        cells = [f"**{cell}**" if best and median(row, peer, CALL) == best else cell
                 for peer, cell in zip(peers, cells)]
        lines.append([row["name"], milliseconds(median(row, "upconv", CALL)) or "failed",
                      number(gflops(row, "upconv"), ".1f"), *cells, number(speedup(row, CALL, peers), ".2f"),
                      number(spread(row, "upconv", CALL), ".0%"), f"`{row['kernel']}`", f"`{row['problem']}`"])
    failures = [f"- {row['name']}: {who} {why}\n" for row in run["rows"] for who, why in row["failed"].items()]
    worst = max((row["errors"].get("upconv", 0.0) for row in run["rows"]), default=0.0)
    return "\n".join([f"{heading(run)}.\n", f"    {run['command']}\n", table(columns, lines),
                      f"{summary(run)}. Largest error of an output of upconv's, relative to the layer's largest: "
                      f"{worst:.1e}.\n", *(["Not timed:\n", "".join(failures)] if failures else [])])


def draw(run: dict, path: Path) -> None:
    """A bar chart of GFLOP/s: a group for each charted row, a bar for each peer that is not a variant of another."""
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "upconv", "font.size": 10}
    import matplotlib.pyplot as plt

    rows = [row for row in run["rows"] if row["chart"] and "upconv" in row["times"]][::-1]
    who = ["upconv", *(peer for peer in peers_of(run) if not peer.endswith("channels_last"))]
    colours = dict(zip(who, ("#1f6feb", "#8c8c8c", "#b8a04a", "#7a9e7e", "#b07aa1")))
    height = 0.8 / len(who)
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.62 * len(rows)), layout="constrained")
    for i, name in enumerate(who):
        values = [gflops(row, name) or 0 for row in rows]
        places = [j + 0.4 - (i + 0.5) * height for j in range(len(rows))]
        bars = axes.barh(places, values, height, color=colours[name], label=name if name == "upconv" else f"{name} {run['versions'][name]}".strip())
        if name == "upconv":
            axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=9, fontweight="bold")
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes.set_xlabel(f"GFLOP/s in fp32, {run['threads']} threads of {run['cpu']}; more is better")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(-0.5, len(rows) - 0.5)
    figure.legend(loc="outside upper center", ncols=len(who), frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=120)


def cpu_name() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if text.startswith("model name"):
            return text.split(":", 1)[1].strip()
    return platform.machine()


def measure(arguments: argparse.Namespace) -> dict:
    from cpu_peers import PEERS, Upconv

    Upconv.program = arguments.runner
    if not os.access(arguments.runner, os.X_OK):
        raise SystemExit(f"there is no program {arguments.runner}: build it (-D UPCONV_BUILD_BENCH=ON, target "
                         "conv_runner) or name it with --runner")
    problems = [(False, text, text) for text in arguments.problems]
    if arguments.suite or not problems:
        problems = [*SUITE, *problems]
    for _, _, text in problems:
        try:
            ConvProblem.parse(text)
        except ValueError as error:
            raise SystemExit(str(error))
    installed = {kind: version for kind in PEERS if (version := kind.version())}
    missing = [kind.name for kind in PEERS if kind not in installed]
    if missing:
        print("not installed, and so left out: " + ", ".join(missing), file=sys.stderr)
    git = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True,
                         cwd=Path(__file__).parent)
    commit = git.stdout.strip() or "unknown"
    run = {"cpu": cpu_name(), "threads": arguments.threads, "rounds": arguments.rounds, "commit": commit,
           "date": datetime.date.today().isoformat(),
           "command": " ".join(["bench/compare_peers_cpu.py", *sys.argv[1:]]),
           "versions": {"upconv": commit, **{kind.name: version for kind, version in installed.items()}}, "rows": []}
    print(heading(run) + "\n", flush=True)
    for charted, name, text in problems:
        run["rows"].append(compare(name, text, charted, (Upconv, *installed), arguments.threads, arguments.rounds,
                                   arguments.pause))
        print(line(run["rows"][-1], peers_of(run)), flush=True)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", help="problem strings without type; by default the suite")
    parser.add_argument("--suite", action="store_true", help="the suite, beside the problems that are named")
    parser.add_argument("--runner", default="build/cpu-only/bench/conv_runner", help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="of everyone; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds of rest before each turn")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="report a recorded run instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="record the run")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="tables, for docs/results.md")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a bar chart, SVG or PNG")
    arguments = parser.parse_args()
    if arguments.from_json:
        try:
            run = json.loads(arguments.from_json.read_text())
            print("\n".join([heading(run), "", *(line(row, peers_of(run)) for row in run["rows"])]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SystemExit(f"{arguments.from_json} is not a run that --json recorded: {error!r}")
    else:
        run = measure(arguments)
    print("\n" + summary(run))
    if arguments.json:
        arguments.json.write_text(json.dumps(run, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(run))
    if arguments.plot:
        draw(run, arguments.plot)
    if any("upconv" in row["failed"] for row in run["rows"]):
        raise SystemExit("upconv failed")


if __name__ == "__main__":
    main()
