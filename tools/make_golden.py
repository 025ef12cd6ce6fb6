#!/usr/bin/env python3
"""Write the golden files of the tests: what PyTorch computes, for upconv to reproduce.

  python3 tools/make_golden.py                 writes tests/golden/
  python3 tools/make_golden.py --check         recomputes everything and compares it with tests/golden/

conv_transpose2d.h5, conv2d.h5   single layers; an entry is <case>.<problem string>.<tensor>, tensors being
                                 x, weight, bias (if any) and y. The problem string is the one that
                                 kernels::ConvProblem::parse reads. A case "..._to_size" asks a layer without
                                 output padding for y's size, as PyTorch's output_size argument.
linear.h5, batch_norm2d.h5, activation.h5
                                 likewise; <case>.<tensor>, with scalar options as f64 tensors.
arithmetic.h5, pooling.h5, pointwise.h5
                                 functions that compute, see golden_functions.py.
resizing.h5                      images in another size, see golden_resizing.py.
padding.h5, padded_convolution.h5
                                 pad, and convolutions behind it, see golden_padding.py.
movement.h5                      functions that move elements, see golden_movement.py.
sequential.h5                    small nests of layers: <net>.x, <net>.y, <net>.state.<key>.
dcgan.h5, fsrcnn.h5, decoder.h5, mlp.h5
                                 whole networks in eval mode with random weights, exactly as
                                 tools/export_hdf5.py writes their state_dict; <net>_io.h5 has x and y.
networks.h5                      whole networks with skips, several inputs and outputs, see golden_networks.py.
errors.tsv                       calls that PyTorch refuses: name, key phrase, PyTorch's whole message.
print.txt                        modules as print(module) shows them, each after "--- <name> <number of parameters>".

A case called "exact" has operands k/16 with |k| <= 32: in a convolution or Linear every product and sum is
exact in fp32, so any order of summation must give y bit for bit. "special" ones hold infinities and NaN beside.
The others ("random") are normal deviates
rounded to 2^-12.

f32 results are PyTorch's own, computed on one thread and cross-checked in double. PyTorch 1.13 has no half
convolution on the CPU, so f16 and bf16 results are computed in double from the rounded operands and rounded
once, to nearest even.

Everything is drawn from fixed seeds (numpy's frozen RandomState, Python's random), a seed for every case's
values. Needs PyTorch 2.1 or later (for CircularPad), numpy and h5py; most committed files were made with
Debian 12's.
"""

from __future__ import annotations

import argparse
import os
import re
import sys

import h5py
import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import golden_cases  # noqa: E402
import golden_functions  # noqa: E402
import golden_movement  # noqa: E402
import golden_networks  # noqa: E402
import golden_padding  # noqa: E402
import golden_resizing  # noqa: E402
from export_hdf5 import export_state_dict, write_dataset  # noqa: E402
from golden_values import Values  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "golden")
SUMS_OF_PRODUCTS = (torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear)


def round_once(value: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """float64 to a 16-bit type, to nearest even, without rounding to float on the way."""
    if dtype == torch.float16:
        return torch.from_numpy(value.numpy().astype(np.float16))
    wide = value.numpy()
    near = wide.astype(np.float32)  # made odd where inexact: then the second rounding cannot go wrong
    beyond = np.abs(near.astype(np.float64)) > np.abs(wide)
    toward_zero = np.where(beyond, np.nextafter(near, np.float32(0)), near)
    odd = (toward_zero.view(np.uint32) | 1).view(np.float32)
    inexact = np.isfinite(near) & (near.astype(np.float64) != wide)
    return torch.from_numpy(np.where(inexact, odd, near)).to(torch.bfloat16)


def run(module: torch.nn.Module, x: torch.Tensor, name: str, **arguments) -> torch.Tensor:
    """y = module(x): in PyTorch's fp32, or in double from 16-bit operands and rounded once."""
    with torch.no_grad():
        wide = module.double()(x.double(), **arguments)
        if x.dtype != torch.float32:
            return round_once(wide, x.dtype)
        y = module.float()(x, **arguments)
        if "special" in name and isinstance(module, torch.nn.Conv2d):
            return y  # in double PyTorch takes another way, which multiplies the padding
        if "exact" in name and isinstance(module, SUMS_OF_PRODUCTS):
            same = torch.allclose(y.double(), wide, rtol=0.0, atol=0.0, equal_nan=True)
            assert same, f"{name}: PyTorch's fp32 is not exact"
        assert torch.allclose(y.double(), wide, rtol=1e-4, atol=1e-4, equal_nan=True), name
        return y


def layer_file(cases: list[golden_cases.Case], state_prefix: str = "") -> dict[str, torch.Tensor]:
    """Options, x, parameters and y of every case."""
    entries: dict[str, torch.Tensor] = {}
    for case in cases:
        values = Values(case.name, case.dtype)
        module = case.module.double().eval()
        values.fill(module)
        x = case.x.to(case.dtype) if case.x is not None else values.draw(*case.shape)
        for spoilt in case.special.split():
            values.spoil(x if spoilt == "x" else module.state_dict()[spoilt])
        y = run(module, x, case.name, **case.arguments)
        for key, value in case.options.items():
            entries[f"{case.name}.{key}"] = torch.tensor(value, dtype=torch.float64)
        entries[f"{case.name}.x"] = x
        for key, value in module.state_dict().items():
            kept = value if value.dtype == torch.int64 else value.to(case.dtype)
            entries[f"{case.name}.{state_prefix}{key}"] = kept.clone()
        entries[f"{case.name}.y"] = y
    return entries


def network_files() -> dict[str, dict[str, torch.Tensor]]:
    """Files of the whole networks: the weights, and beside them input and output."""
    files = {}
    for name, (module, shape) in golden_cases.networks().items():
        values = Values(name)
        module = module.double().eval()
        values.fill(module)
        x = values.draw(*shape)
        y = run(module, x, name)
        files[f"{name}.h5"] = {key: value.clone() for key, value in module.state_dict().items()}
        files[f"{name}_io.h5"] = {"x": x, "y": y}
    return files


def errors() -> str:
    """The table of refused calls. Every key phrase stands in PyTorch's message."""
    lines = ["# call\tkey phrase\twhat PyTorch says"]
    for name, phrase, call in (*golden_cases.invalid_calls(), *golden_padding.invalid_calls()):
        try:
            call()
        except (ValueError, RuntimeError) as error:
            text = " ".join(str(error).split())
            assert phrase in text, f"{name}: {phrase!r} is not in {text!r}"
            lines.append(f"{name}\t{phrase}\t{text}")
        else:
            raise AssertionError(f"{name}: PyTorch accepted it")
    return "\n".join(lines) + "\n"


def printed() -> str:
    """Every module of golden_cases.printed() as PyTorch prints it."""
    modules = {**golden_cases.printed(), **golden_padding.printed(), **golden_movement.printed()}
    return "".join(f"--- {name} {sum(parameter.numel() for parameter in module.parameters())}\n{module}\n"
                   for name, module in modules.items())


def write(path: str, entries: dict[str, torch.Tensor]) -> None:
    if os.path.basename(path)[:-3] in golden_cases.networks():
        export_state_dict(entries, path, compression="gzip", shuffle=True)
        return
    # The 1.10 format spends a few hundred bytes on a dataset where the oldest one spends thousands.
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        for name, tensor in entries.items():
            large = tensor.numel() * tensor.element_size() > 512
            filters = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if large else {}
            write_dataset(file, name, tensor.contiguous(), filters)


def differences(path: str, entries: dict[str, torch.Tensor]) -> list[str]:
    """Names whose stored values are not those computed now. Results that are not exact may differ in their
    last bits, since another PyTorch or CPU sums in another order."""
    with h5py.File(path, "r") as file:
        stored = {name: np.asarray(dataset.astype("f8")[()]) for name, dataset in file.items()}
    wrong = sorted(set(stored) ^ set(entries))
    for name in sorted(set(stored) & set(entries)):
        ours, theirs = entries[name].double().numpy(), stored[name]
        computed = re.search(r"(^|\.)y\d*$", name) is not None
        tolerance = 1e-5 if computed and entries[name].dtype == torch.float32 else 0.0
        if ours.shape != theirs.shape or not np.allclose(ours, theirs, rtol=tolerance, atol=tolerance,
                                                         equal_nan=True):
            wrong.append(name)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", metavar="FOLDER", default=FOLDER, help="default: tests/golden")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a value differs")
    args = parser.parse_args()
    torch.set_num_threads(1)

    files = {"conv_transpose2d.h5": layer_file(golden_cases.conv_transpose2d()),
             "conv2d.h5": layer_file(golden_cases.conv2d()),
             "linear.h5": layer_file(golden_cases.linear()),
             "batch_norm2d.h5": layer_file(golden_cases.batch_norm2d()),
             "activation.h5": layer_file(golden_cases.activation()),
             "arithmetic.h5": golden_functions.arithmetic(),
             "pooling.h5": golden_functions.pooling(),
             "pointwise.h5": golden_functions.pointwise(),
             "resizing.h5": golden_resizing.resizing(),
             "padding.h5": golden_padding.padding(),
             "padded_convolution.h5": golden_padding.convolutions(),
             "movement.h5": golden_movement.movement(),
             "sequential.h5": layer_file(golden_cases.sequential(), "state."),
             "networks.h5": golden_networks.whole_networks(),
             **network_files()}
    table = errors()
    if args.check:
        wrong = [f"{file}: {name}" for file, entries in files.items()
                 for name in differences(os.path.join(args.output, file), entries)]
        with open(os.path.join(args.output, "print.txt"), encoding="utf-8") as file:
            wrong += [] if file.read() == printed() else ["print.txt"]
        print("\n".join(wrong[:50]) or f"{len(files) + 1} files are as computed")
        return 1 if wrong else 0

    os.makedirs(args.output, exist_ok=True)
    for file, entries in files.items():
        path = os.path.join(args.output, file)
        write(path, entries)
        cases = sum(name == "y" or name.endswith(".y") for name in entries)
        print(f"{file}: {cases} cases, {len(entries)} tensors, {os.path.getsize(path):,} bytes")
    with open(os.path.join(args.output, "errors.tsv"), "w", encoding="utf-8") as file:
        file.write(table)
    with open(os.path.join(args.output, "print.txt"), "w", encoding="utf-8") as file:
        file.write(printed())
    return 0


if __name__ == "__main__":
    sys.exit(main())
