#!/usr/bin/env python3
"""upconv against PyTorch on a GPU, in one run: both compute the same layers in turn, on the same tensors and stream.

    bench/compare_pytorch.py --library build-gpu/bench/libupconv_conv.so            the flagship in every mode
    bench/compare_pytorch.py --relatives --suite --json run.json --markdown run.md --plot run.png
    bench/compare_pytorch.py --from-json run.json --markdown run.md --plot run.png  needs no GPU

PyTorch computes each layer in NCHW and in channels_last, by conv_transpose2d and, where the stride is 1, by conv2d
with flipped weights, each with cudnn.benchmark off (its default) and on (tuned). Every result is compared with float64
before anything is timed. Times are medians of CUDA events around blocks of calls, eager and replayed from a CUDA graph.
Exit code 1 if an error is too large: such a layer is not timed.

Needs PyTorch with CUDA and the target upconv_conv of a build with UPCONV_BUILD_BENCH; the plot needs matplotlib.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from pathlib import Path

import comparison_report
from conv_problem import SUFFIX, ConvProblem

ROOT = Path(__file__).resolve().parents[1]
SETS = ("flagship", "relatives", "suite")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", help="problem strings without type")
    for name in SETS:
        parser.add_argument(f"--{name}", action="store_true", help=f"the set '{name}' of bench/problems.h")
    parser.add_argument("--modes", default=",".join(SUFFIX), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=9, help="of each, in turn; default: %(default)s")
    parser.add_argument("--block", type=float, default=20, help="milliseconds timed at once; default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="3 rounds of blocks of 15 ms, with a summary")
    parser.add_argument("--library", type=Path, default=ROOT / "build-gpu/bench/libupconv_conv.so", metavar="FILE")
    parser.add_argument("--commit", help="what to record where git does not say it")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a roofline plot, PNG")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="report this run instead of measuring")
    return parser.parse_args()


def output_of(*command: str) -> str:
    """The first line that the command prints, or "unknown"."""
    try:
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.split("\n")[0].strip()


def chosen_modes(text: str) -> list[str]:
    modes = text.split(",")
    for mode in modes:
        if mode not in SUFFIX:
            raise SystemExit(f"there is no mode '{mode}'; there are: {', '.join(SUFFIX)}")
    return modes


def chosen_problems(arguments: argparse.Namespace, library) -> list[tuple[str, str]]:
    """(problem, name), each problem once."""
    sets = [name for name in SETS if getattr(arguments, name)]
    if not sets and not arguments.problems:
        sets = ["flagship"]
    problems = {}
    for text, name in [pair for name in sets for pair in library.problems(name)]:
        problems.setdefault(text, name)
    for text in arguments.problems:
        try:
            transposed = ConvProblem.parse(text).transposed
        except ValueError as error:
            raise SystemExit(str(error))
        if not transposed:
            raise SystemExit(f"only transposed convolutions are compared on a GPU, got {text}")
        problems.setdefault(text, text)
    return list(problems.items())


def measure(arguments: argparse.Namespace) -> dict:
    """Runs the comparison, printing and recording each row as it comes."""
    try:
        import torch
    except ModuleNotFoundError:
        raise SystemExit("needs PyTorch with CUDA (python3 -c 'import torch'), or --from-json")
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch sees no GPU here; --from-json reports a recorded run without one")
    import gpu_comparison
    from upconv_conv import Library, UpconvError

    modes = chosen_modes(arguments.modes)
    run = {
        **gpu_comparison.versions(),
        "driver": output_of("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        "commit": arguments.commit or output_of("git", "rev-parse", "--short", "HEAD"),
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["bench/compare_pytorch.py", *sys.argv[1:]]),
        "rounds": arguments.rounds, "block_ms": arguments.block, "ceilings": {}, "rows": [],
    }

    def report(ceilings: dict, row: dict) -> None:
        run["ceilings"] = ceilings
        if not run["rows"]:
            print(comparison_report.heading(run))
        run["rows"].append(row)
        print(comparison_report.line(row, ceilings), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(run, indent=1) + "\n")

    try:
        library = Library(arguments.library)
        gpu_comparison.compare_all(library, chosen_problems(arguments, library), modes, arguments.block,
                                   arguments.rounds, report)
    except UpconvError as error:
        raise SystemExit(f"upconv: {error}")
    return run


def read_run(path: Path) -> dict:
    try:
        run = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} is not a run that --json recorded: {error}")
    if not isinstance(run, dict) or not run.get("rows") or not run.get("ceilings"):
        raise SystemExit(f"{path} is not a run that --json recorded: it holds no rows or no ceilings")
    return run


def write_plot(run: dict, path: Path) -> None:
    try:
        import roofline
    except ModuleNotFoundError:
        print(f"{path} is not drawn: matplotlib is not here; --from-json draws it elsewhere")
        return
    roofline.draw(run, path)


def main() -> int:
    arguments = parse_arguments()
    if arguments.quick:
        arguments.rounds, arguments.block = 3, 15
    if arguments.from_json:
        run = read_run(arguments.from_json)
        print(comparison_report.heading(run))
        for row in run["rows"]:
            print(comparison_report.line(row, run["ceilings"]))
    else:
        run = measure(arguments)
    if arguments.quick:
        print()
        for row in run["rows"]:
            print(f"{row['name']} {comparison_report.summary(row)}")
    if arguments.markdown:
        arguments.markdown.write_text(comparison_report.markdown(run))
    if arguments.plot:
        write_plot(run, arguments.plot)
    return 1 if any(row["failed"] for row in run["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
