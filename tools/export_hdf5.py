#!/usr/bin/env python3
"""Write the weights of a PyTorch model to an HDF5 file that upconv reads.

As a program:   python3 export_hdf5.py model.pt weights.h5 [options]
As a function:  export_state_dict(model.state_dict(), "weights.h5")

Every entry of the state dict becomes one dataset at the root of the file, named exactly as
`state_dict()` spells it ("features.0.weight"), in the dtype and shape it has. bfloat16 is stored as
a 16-bit float type (8 exponent bits, 7 mantissa bits, bias 127), which any HDF5 reader converts to
float correctly. Tied weights (same storage, offset, shape and stride) are stored once and
hard-linked. The file is made in memory, written beside its destination and renamed into place, so a
failed export leaves whatever was there before. docs/hdf5_format.md describes the file.

Weights that weight_norm, spectral_norm or pruning compute are folded into one entry each. Checkpoints are read without
running anything that they name.

Needs PyTorch 1.13 or later, numpy, h5py, and the folder upconv_export beside this file.
"""

from __future__ import annotations

import argparse
import io
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

try:
    import h5py
    import numpy as np
    import torch
except ImportError as error:
    if __name__ != "__main__":
        raise
    sys.exit(f"export_hdf5.py: Python package '{error.name}' is missing "
             "(needs torch, numpy and h5py; on Debian: python3-torch python3-numpy python3-h5py)")

try:
    from upconv_export import ExportError
except ImportError:
    message = "the folder upconv_export is missing; it belongs beside export_hdf5.py"
    if __name__ != "__main__":
        raise ImportError(message) from None
    sys.exit(f"export_hdf5.py: {message}")
from upconv_export.checkpoint import load_checkpoint
from upconv_export.choose import choose_entries, exclude_names, strip_names
from upconv_export.folding import fold as fold_entries
from upconv_export.rules import chunk_shape, refuse_unstorable
from upconv_export.tensors import dtype_name, tie_key

FORMAT_VERSION = 1
EXPORTER_VERSION = "1.1.0"

COMPRESSIONS = ("none", "gzip", "lzf")

# What --dtype may ask for; floating-point entries only are converted.
CONVERSIONS = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}

# Dtypes whose stored form does not say by itself what the tensor was: bfloat16, because a reader
# sees a nameless float type, and uint16, because other exporters hide bfloat16 bits in it.
MARKED = {torch.bfloat16} | ({torch.uint16} if hasattr(torch, "uint16") else set())


@dataclass
class ExportReport:
    """What `export_state_dict` wrote."""

    path: str
    names: list[str] = field(default_factory=list)
    tied: dict[str, str] = field(default_factory=dict)  # name -> the name that holds the data
    dtypes: dict[str, int] = field(default_factory=dict)  # dtype -> number of entries
    converted: int = 0  # entries changed by `dtype`
    stripped: int = 0  # names that lost `strip_prefix`
    excluded: list[str] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)  # name -> "weight_norm", ...
    values: int = 0  # elements stored, tied ones once
    file_bytes: int = 0

    def __repr__(self) -> str:
        """A few lines; what a notebook shows of the last value of a cell. listing() has every name."""
        return describe(self)

    def listing(self) -> str:
        """The summary, then every name that was written, left out, tied or folded."""
        return describe(self, limit=None)


def bfloat16_type() -> h5py.h5t.TypeFloatID:
    """The little-endian HDF5 float type with bfloat16's layout (HDF5 2.0's own is the same)."""
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)  # sign at, exponent at, exponent bits, mantissa at, its bits
    kind.set_ebias(127)
    kind.set_precision(16)
    kind.set_size(2)
    return kind


# --- tensors ------------------------------------------------------------------------------------


def to_storable(name: str, tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    """A contiguous CPU copy (or the tensor itself if it is one already), converted if asked."""
    result = tensor.detach().resolve_neg().to("cpu")
    if dtype is not None and result.is_floating_point() and result.dtype != dtype:
        before = result
        result = before.to(dtype)
        overflow = torch.isinf(result) & torch.isfinite(before.to(torch.float64))
        if overflow.any():
            raise ExportError(f"{name!r}: {int(overflow.sum())} finite value(s) do not fit in "
                              f"{dtype_name(dtype)} and would become infinite")
    return result.contiguous()


def filters_for(tensor: torch.Tensor, compression: str, shuffle: bool,
                fletcher32: bool) -> dict[str, Any]:
    """h5py's filter arguments; scalars and empty tensors cannot be chunked and take none."""
    if tensor.dim() == 0 or tensor.numel() == 0 or not (compression != "none" or shuffle or fletcher32):
        return {}
    options: dict[str, Any] = {"chunks": chunk_shape(tensor)}
    if compression != "none":
        options["compression"] = compression
    if shuffle:
        options["shuffle"] = True
    if fletcher32:
        options["fletcher32"] = True
    return options


# --- the file -----------------------------------------------------------------------------------


def write_dataset(parent: h5py.Group, name: str, tensor: torch.Tensor,
                  filters: dict[str, Any]) -> h5py.Dataset:
    """One tensor as one dataset, bit for bit."""
    if tensor.dtype == torch.bfloat16:
        kind = bfloat16_type()
        bits = np.ascontiguousarray(tensor.view(torch.int16).numpy().view(np.uint16), dtype="<u2")
        dataset = parent.create_dataset(name, shape=tuple(tensor.shape), dtype=h5py.Datatype(kind),
                                        **filters)
        if tensor.numel() > 0:
            # Memory and file type are the same, so HDF5 copies the bits and converts nothing.
            dataset.id.write(h5py.h5s.ALL, h5py.h5s.ALL, bits.reshape(tensor.shape), kind)
    else:
        dataset = parent.create_dataset(name, data=tensor.numpy(), **filters)
    if tensor.dtype in MARKED:
        dataset.attrs["torch_dtype"] = dtype_name(tensor.dtype)
    return dataset


def parent_of(file: h5py.File, name: str, nested: bool) -> tuple[h5py.Group, str]:
    """The group that `name` belongs in, made if need be, and the name within it."""
    if not nested:
        return file, name
    *groups, leaf = name.split(".")
    parent: h5py.Group = file
    for group in groups:
        parent = (parent[group] if group in parent
                  else parent.create_group(group, track_order=True))
    return parent, leaf


def make_file(entries: Mapping[str, torch.Tensor], report: ExportReport, *, nested: bool,
              dtype: torch.dtype | None, compression: str, shuffle: bool,
              fletcher32: bool) -> io.BytesIO:
    """The HDF5 file with all entries, in their order, in memory.

    Not on the disk, because HDF5 1.10 crashes the process after a write that failed.
    """
    stored: dict[tuple, tuple[str, h5py.Dataset]] = {}
    image = io.BytesIO()
    with h5py.File(image, "w", libver=("earliest", "v110"), track_order=True) as file:
        file.attrs["upconv_format_version"] = FORMAT_VERSION
        file.attrs["upconv_exporter_version"] = EXPORTER_VERSION
        file.attrs["torch_version"] = str(torch.__version__)
        for name, tensor in entries.items():
            parent, leaf = parent_of(file, name, nested)
            key = tie_key(tensor)
            if key is not None and key in stored:
                report.tied[name] = stored[key][0]
                dataset = stored[key][1]
                parent[leaf] = dataset  # a hard link
                kind = report_dtype(tensor, dtype)
            else:
                data = to_storable(name, tensor, dtype)
                filters = filters_for(data, compression, shuffle, fletcher32)
                dataset = write_dataset(parent, leaf, data, filters)
                if key is not None:
                    stored[key] = (name, dataset)
                report.values += data.numel()
                kind = data.dtype
            report.names.append(name)
            report.converted += kind != tensor.dtype
            report.dtypes[dtype_name(kind)] = report.dtypes.get(dtype_name(kind), 0) + 1
    return image


def report_dtype(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.dtype:
    """The dtype that `tensor` is stored in."""
    return dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype


def file_mode(path: str) -> int:
    """The permissions a plain open() would leave `path` with."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def replace_file(path: str, content: memoryview) -> None:
    """Give the file `path` this content in one step, or leave everything as it was."""
    folder = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(prefix=".export-", suffix=".h5.tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, file_mode(path))
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def export_state_dict(state_dict: Mapping[str, torch.Tensor], path: str | os.PathLike, *,
                      nested: bool = False, strip_prefix: str = "", exclude: Iterable[str] = (),
                      dtype: str | torch.dtype | None = None, fold: bool = True, compression: str = "none",
                      shuffle: bool = False, fletcher32: bool = False) -> ExportReport:
    """Write `state_dict` to the HDF5 file `path`, replacing it in one step.

    nested        spell "a.b.weight" as groups a/b/weight instead of one dotted name
    strip_prefix  remove this from the start of the names that have it ("module.")
    exclude       leave out names that match one of these shell patterns
    dtype         convert floating-point tensors; None keeps what each tensor has
    fold          store the weight in place of what weight_norm, spectral_norm or pruning compute it from
    compression   "none", "gzip" or "lzf"; shuffle and fletcher32 add those filters

    Prints nothing; print() the report for a summary, and its listing() for every name.
    Raises ExportError, which names every entry that cannot be represented, or OSError.
    """
    if compression not in COMPRESSIONS:
        raise ExportError(f"compression is one of {', '.join(COMPRESSIONS)}, not {compression!r}")
    target = as_dtype(dtype)
    if isinstance(state_dict, torch.nn.Module):
        raise ExportError("got a module; pass module.state_dict()")
    if not isinstance(state_dict, Mapping):
        raise ExportError(f"a state dict is a dictionary of tensors, not "
                          f"{type(state_dict).__name__}")

    report = ExportReport(path=os.fspath(path))
    # A mapping may make its tensors anew at every look; these stay alive while their addresses are compared.
    entries: Mapping[Any, Any] = dict(state_dict.items())
    if exclude:
        entries, report.excluded = exclude_names(entries, exclude)
    if fold:
        entries, report.folded = fold_entries(entries)
    if strip_prefix:
        entries, report.stripped = strip_names(entries, strip_prefix)
        report.folded = {strip(name, strip_prefix): kind for name, kind in report.folded.items()}
    if not entries:
        raise ExportError("there is nothing to export: the state dict is empty")
    refuse_unstorable(entries, nested, target)

    destination = os.path.realpath(report.path)
    if os.path.isdir(destination):
        raise ExportError(f"{report.path} is a folder")
    if not os.path.isdir(os.path.dirname(destination)):
        raise ExportError(f"the folder {os.path.dirname(destination)} does not exist")
    image = make_file(entries, report, nested=nested, dtype=target, compression=compression,
                      shuffle=shuffle, fletcher32=fletcher32)
    with image.getbuffer() as content:
        report.file_bytes = content.nbytes
        replace_file(destination, content)
    return report


def strip(name: str, prefix: str) -> str:
    return name[len(prefix):] if name.startswith(prefix) else name


def as_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """The dtype to convert to, or None; strings are the names in CONVERSIONS."""
    if dtype is None:
        return None
    found = CONVERSIONS.get(dtype) if isinstance(dtype, str) else dtype
    if found not in CONVERSIONS.values():
        raise ExportError(f"dtype is one of {', '.join(CONVERSIONS)}, not {dtype!r}")
    return found


# --- the command line ---------------------------------------------------------------------------


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="export_hdf5.py",
        description="Write the weights of a PyTorch checkpoint to an HDF5 file for upconv.",
        epilog="exit status: 0 written, 1 refused or failed (the old file is left alone), "
               "2 wrong usage, 130 interrupted",
    )
    parser.add_argument("checkpoint", help="a .pt or .pth file made by torch.save, or a .safetensors file")
    parser.add_argument("output", help="the HDF5 file to write; replaced if it exists")
    parser.add_argument("--key", metavar="KEY",
                        help="where the state dict is in a checkpoint that nests it, for example "
                             "state_dict or model/ema; never guessed, but candidates are listed")
    parser.add_argument("--prefix-strip", metavar="PREFIX", default="",
                        help="remove PREFIX from the names that start with it, for example "
                             "module. (left by DataParallel)")
    parser.add_argument("--exclude", metavar="PATTERN", action="append", default=[],
                        help="leave out the names that match this shell pattern; may be repeated. "
                             "Applies before --prefix-strip and, without --key, to the whole checkpoint")
    parser.add_argument("--dtype", choices=tuple(CONVERSIONS),
                        help="convert floating-point tensors (default: keep what they have)")
    parser.add_argument("--no-fold", dest="fold", action="store_false",
                        help="store the entries of weight_norm, spectral_norm and pruning as they are "
                             "(default: the weight that they give)")
    parser.add_argument("--nested", action="store_true",
                        help="write a.b.weight as groups a/b/weight (default: one dotted name)")
    parser.add_argument("--compression", choices=COMPRESSIONS, default="none",
                        help="compress the datasets (default: %(default)s)")
    parser.add_argument("--shuffle", action="store_true",
                        help="shuffle bytes before compressing, which packs floats better")
    parser.add_argument("--fletcher32", action="store_true", help="add checksums")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--quiet", action="store_true", help="print nothing on success")
    output.add_argument("--list", action="store_true", help="print every name, not only a summary")
    parser.add_argument("--version", action="version",
                        version=f"export_hdf5.py {EXPORTER_VERSION} (format {FORMAT_VERSION})")
    return parser.parse_args(argv)


def describe(report: ExportReport, limit: int | None = 4) -> str:
    """What was written, for people: a few lines, or with `limit` None every name."""
    kinds = ", ".join(f"{count} {name}" for name, count in report.dtypes.items())
    lines = [f"{report.path}: {len(report.names)} tensors ({kinds}), {report.values:,} values, "
             f"{report.file_bytes:,} bytes"]
    if report.stripped:
        lines.append(f"  prefix removed from {report.stripped} of {len(report.names)} names")
    if report.converted:
        lines.append(f"  {report.converted} converted")
    if report.excluded:
        lines.append("  left out: " + shortened(report.excluded, limit))
    for kind in dict.fromkeys(report.folded.values()):
        names = [name for name, folded in report.folded.items() if folded == kind]
        lines.append(f"  {kind} folded into {len(names)}: " + shortened(names, limit))
    if report.tied:
        lines.append("  " + shortened([f"{name} is tied to {other}" for name, other in report.tied.items()], limit))
    if limit is None:
        lines += ["  wrote:", *(f"    {name}" for name in report.names)]
    return "\n".join(lines)


def shortened(items: list[str], limit: int | None) -> str:
    """The first `limit` items, or all."""
    if limit is None or len(items) <= limit:
        return ", ".join(items)
    return ", ".join(items[:limit]) + f" and {len(items) - limit} more"


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        if os.path.realpath(args.checkpoint) == os.path.realpath(args.output):
            raise ExportError("the output would overwrite the checkpoint")
        state_dict, excluded = choose_entries(load_checkpoint(args.checkpoint), args.key, args.exclude)
        report = export_state_dict(
            state_dict, args.output, nested=args.nested, strip_prefix=args.prefix_strip,
            dtype=args.dtype, fold=args.fold, compression=args.compression,
            shuffle=args.shuffle, fletcher32=args.fletcher32)
        report.excluded = excluded
    except ExportError as error:
        print(f"export_hdf5.py: {error}", file=sys.stderr)
        return 1
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        print(f"export_hdf5.py: cannot write {args.output}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("export_hdf5.py: interrupted", file=sys.stderr)
        return 130
    if not args.quiet:
        print(report.listing() if args.list else report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
