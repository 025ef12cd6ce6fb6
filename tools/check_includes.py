#!/usr/bin/env python3
"""Checks the rules that the directory layout stands on; docs/architecture.md says why.

    framework <- kernels <- layers <- examples, tests, bench, tools

    python3 tools/check_includes.py [ROOT]

Prints one line for each violation, path:line: what is wrong and what to do, and exits with 1 if there is any.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FLOORS = ("framework", "kernels", "layers")
OUTSIDE = ("examples", "tests", "bench", "tools")  # stand above the library
CPP_SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}
INTERNAL = ("kernels/cpu/", "kernels/cuda/", "framework/cpu_threads.h", "framework/cuda_runtime.h",
            "framework/cuda_check.h", "framework/conversion.h", "framework/copy_operation.h", "framework/keep_loaded.h", "framework/load_compare.h",
            "framework/load_hints.h", "framework/hdf5/",
            "framework/module_operation.h", "framework/parameter_operation.h", "framework/plan_cache.h", "framework/plan_passes.h", "kernels/activation_formula.h",
            "layers/activation_function.h", "layers/arithmetic_operation.h", "layers/convolution_operation.h",
            "layers/ladder.h",
            "layers/movement_operation.h", "layers/padding_operation.h", "layers/pointwise_operation.h")  # not installed
PUBLIC = {"framework/hdf5/hdf5.h"}  # the one header of an internal folder that is
DEVICE = "kernels/cuda/device/"
DEVICE_MAY_USE = ("kernels/activation_formula.h", "kernels/activation_kind.h")  # plain formulas, for the host as well
CUDA_INTEROP = "framework/cuda_interop.h"  # the one public header that includes another library's, CUDA's

# Who may include which floor, and of the framework only that part of it which knows nothing of modules.
REACH = {"framework": ("framework",), "kernels": ("framework", "kernels"), "layers": FLOORS}
KERNELS_MAY_USE = {
    "context", "cuda_check", "device", "dtype", "error", "float16", "keep_loaded", "memory", "message", "profiler", "shape", "tensor",
    "workspace",
}

# Headers of other libraries, and the only places that may see them.
THIRD_PARTY = {
    "cuda|cublas|cooperative_groups|nvtx|mma\\.h": ("framework/cuda_", "kernels/cuda/", "tests/", "bench/"),
    "hdf5\\.h|H5|lzf\\.h": ("framework/hdf5/", "tests/", "bench/"),
    "Eigen/|hwy/|omp\\.h": ("kernels/cpu/", "tests/", "bench/"),
}

# A matrix instruction names every register in its text: one header may spell that out with macros, which it undefines.
MAY_DEFINE_MACROS = {"kernels/cuda/device/wgmma.cuh"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
DIRECTIVE = re.compile(r"^\s*#\s*(if|ifdef|ifndef|define)\b")


def is_internal(path: str) -> bool:
    return path.startswith(INTERNAL) and path not in PUBLIC


def is_public_header(path: str) -> bool:
    return path == "upconv.h" or (path.startswith(FLOORS) and path.endswith(".h") and not is_internal(path))


def check_include(root: Path, path: str, bracket: str, target: str):
    """Yields what is wrong with one #include line of the file `path`."""
    beside = [(root / path).parent, *(root / top for top in OUTSIDE)]
    if bracket == '"' and path.startswith(OUTSIDE) and any((place / target).is_file() for place in beside):
        return  # a program's own header, as "upscale/picture.h" of examples/upscale
    if bracket == '"' or target.startswith((".", "/")):
        yield f'write <upconv/...> in place of "{target}": the library has one include form'
        return
    if not target.startswith("upconv/"):
        for pattern, places in THIRD_PARTY.items():
            if re.match(pattern, target) and is_public_header(path) and path != CUDA_INTEROP:
                yield f"<{target}>: no public header includes another library's"
            elif re.match(pattern, target) and not path.startswith(places):
                yield f"<{target}> may be included only in {', '.join(places)}"
        return

    target = target.removeprefix("upconv/")
    if not (root / target).is_file():
        yield f"<upconv/{target}> does not exist"
        return
    source_floor, target_floor = path.split("/")[0], target.split("/")[0]
    if path.startswith(DEVICE) and not target.startswith(DEVICE) and target not in DEVICE_MAY_USE:
        yield f"<upconv/{target}>: device code includes nothing outside {DEVICE} but {DEVICE_MAY_USE}"
    if source_floor in FLOORS and target == "upconv.h":
        yield "<upconv/upconv.h> is for users of the library; include the header that is meant"
    elif source_floor in FLOORS and target_floor not in REACH[source_floor]:
        yield f"<upconv/{target}>: {source_floor} must not depend on {target_floor}"
    elif source_floor == "kernels" and target_floor == "framework":
        if Path(target).stem not in KERNELS_MAY_USE:
            yield f"<upconv/{target}>: kernels know views, not modules; of the framework they may include only " \
                  f"{', '.join(sorted(KERNELS_MAY_USE))}"
    elif source_floor in ("layers", "examples", "tools") and is_internal(target) and target_floor != source_floor:
        yield f"<upconv/{target}> is internal; select kernels through kernels/*.h"
    if is_public_header(path) and is_internal(target):
        yield f"<upconv/{target}> is not installed, so a public header cannot include it"


def check_header(path: str, lines: list[str]):
    """Yields (line number, what is wrong) for the rules that only headers have."""
    if path.endswith("-inl.h"):  # compiled once for each instruction set; Highway prescribes its guards
        return
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("//")]
    if not code or code[0].strip() != "#pragma once":
        yield 1, "the first line of code in a header is #pragma once"
    for number, line in enumerate(lines, 1):
        allowed = (path.startswith(DEVICE) and "__CUDA" in line) or (path.startswith("kernels/cpu/") and "HWY_" in line)
        if DIRECTIVE.match(line) and not allowed and path not in MAY_DEFINE_MACROS:
            yield number, f"{line.strip()}: no macros or conditional code in headers; backends are chosen at link time"
    if path == "upconv.h":
        for line in code[1:]:
            if not INCLUDE.match(line):
                yield lines.index(line) + 1, "upconv.h gathers headers and holds nothing else"


def check_file(root: Path, path: str):
    lines = (root / path).read_text(encoding="utf-8").splitlines()
    if Path(path).suffix in CPP_SUFFIXES:
        for number, line in enumerate(lines, 1):
            if match := INCLUDE.match(line):
                for problem in check_include(root, path, *match.groups()):
                    yield number, problem
        if path.endswith((".h", ".cuh")):
            yield from check_header(path, lines)
    else:
        for number, line in enumerate(lines, 1):
            if re.search(r"\bfile\s*\(\s*GLOB|aux_source_directory", line.split("#")[0]):
                yield number, "list the files by name: a glob misses new and deleted ones"


def declared_headers(cmake: str) -> set[str]:
    """The public headers that a floor's CMakeLists.txt lists."""
    lists = re.findall(r"(?:\bHEADERS|\bset\(\w+_headers)\b([^)]*)\)", re.sub(r"#.*", "", cmake))
    return set(" ".join(lists).split())


def check_header_lists(root: Path):
    """Every header of a floor is either listed as public or internal by its place; yields (path, problem)."""
    for floor in FLOORS:
        cmake = root / floor / "CMakeLists.txt"
        if not cmake.is_file():
            continue
        listed = declared_headers(cmake.read_text(encoding="utf-8"))
        for header in sorted((root / floor).rglob("*.h")):
            name = header.relative_to(root / floor).as_posix()
            path = f"{floor}/{name}"
            if is_internal(path) == (name in listed):
                wrong = "is internal but listed" if name in listed else "is not listed"
                yield path, f"{wrong} under HEADERS in {floor}/CMakeLists.txt"


def source_files(root: Path):
    for path in sorted(p for top in (*FLOORS, *OUTSIDE) for p in (root / top).rglob("*")):
        if path.is_file() and (path.suffix in CPP_SUFFIXES or path.name == "CMakeLists.txt"):
            yield path.relative_to(root).as_posix()
    yield from (path.relative_to(root).as_posix() for path in sorted((root / "cmake").glob("*.cmake")))
    yield from (name for name in ("CMakeLists.txt", "upconv.h") if (root / name).is_file())


def check_tree(root: Path) -> list[str]:
    problems = [f"{path}:{line}: {problem}" for path in source_files(root)
                for line, problem in check_file(root, path)]
    return problems + [f"{path}:1: {problem}" for path, problem in check_header_lists(root)]


def main() -> int:
    if any(argument.startswith("-") for argument in sys.argv[1:]):
        print(__doc__)
        return 0 if sys.argv[1:] == ["--help"] else 2
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    problems = check_tree(root)
    print("\n".join(problems) if problems else "include directions, include form, headers and CMake lists: all in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
