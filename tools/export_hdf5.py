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

Needs PyTorch 1.13 or later, numpy and h5py. Only tensors are ever unpickled from the input.
"""

from __future__ import annotations

import argparse
import fnmatch
import io
import os
import pickle
import re
import stat
import sys
import tempfile
import warnings
import zipfile
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

FORMAT_VERSION = 1
EXPORTER_VERSION = "1.0.0"

COMPRESSIONS = ("none", "gzip", "lzf")

# What --dtype may ask for; floating-point entries only are converted.
CONVERSIONS = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}

# Every dtype a dataset can hold. PyTorch 1.13 has no unsigned types beyond uint8.
STORABLE = {
    getattr(torch, name)
    for name in ("float16", "bfloat16", "float32", "float64", "bool", "uint8", "int8", "int16",
                 "int32", "int64", "uint16", "uint32", "uint64")
    if hasattr(torch, name)
}

# Dtypes whose stored form does not say by itself what the tensor was: bfloat16, because a reader
# sees a nameless float type, and uint16, because other exporters hide bfloat16 bits in it.
MARKED = {torch.bfloat16} | ({torch.uint16} if hasattr(torch, "uint16") else set())


class ExportError(Exception):
    """The model cannot be exported as asked; the message says which entries and why."""


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
    values: int = 0  # elements stored, tied ones once
    file_bytes: int = 0


def dtype_name(dtype: torch.dtype) -> str:
    """'float32' for torch.float32."""
    return str(dtype).replace("torch.", "")


def bfloat16_type() -> h5py.h5t.TypeFloatID:
    """The little-endian HDF5 float type with bfloat16's layout (HDF5 2.0's own is the same)."""
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)  # sign at, exponent at, exponent bits, mantissa at, its bits
    kind.set_ebias(127)
    kind.set_precision(16)
    kind.set_size(2)
    return kind


# --- names --------------------------------------------------------------------------------------


def check_name(name: object, nested: bool) -> str | None:
    """Why `name` cannot name a dataset, or None if it can."""
    if not isinstance(name, str):
        return f"the name is not a string but {type(name).__name__}"
    if not name:
        return "the name is empty"
    if "/" in name:
        return "the name contains '/', which HDF5 reads as a group"
    if "\0" in name:
        return "the name contains a NUL character"
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "the name is not valid Unicode"
    parts = name.split(".") if nested else [name]
    if nested and "" in parts:
        return "the name has an empty part, so it cannot be spelled as nested groups"
    if any(part in (".", "..") for part in parts):
        return "the name means a folder ('.' or '..')"
    return None


def check_groups(names: Iterable[str]) -> list[str]:
    """Names that would have to be a dataset and a group at once if '.' nests."""
    names = list(names)
    groups = {name[:i] for name in names for i, char in enumerate(name) if char == "."}
    return [f"{name!r}: is a tensor and also the group of others, so it cannot be nested"
            for name in names if name in groups]


def strip_names(entries: Mapping[Any, Any], prefix: str) -> tuple[dict[Any, Any], int]:
    """`entries` without `prefix` on the names that carry it, and how many did."""
    result: dict[Any, Any] = {}
    count = 0
    for name, value in entries.items():
        if isinstance(name, str) and name.startswith(prefix):
            name = name[len(prefix):]
            count += 1
        if name in result:
            raise ExportError(f"two entries are both called {name!r} without the prefix {prefix!r}")
        result[name] = value
    if count == 0:
        raise ExportError(f"no name starts with the prefix {prefix!r}; "
                          f"the names are {some_names(entries)}")
    return result, count


def exclude_names(entries: Mapping[Any, Any],
                  patterns: Iterable[str]) -> tuple[dict[Any, Any], list[str]]:
    """`entries` without those that match a pattern, and the names left out."""
    result, dropped = dict(entries), []
    for pattern in patterns:
        hits = [n for n in entries if isinstance(n, str) and fnmatch.fnmatchcase(n, pattern)]
        if not hits:
            raise ExportError(f"no name matches the pattern {pattern!r}; "
                              f"the names are {some_names(entries)}")
        dropped += [name for name in hits if name in result]
        for name in hits:
            result.pop(name, None)
    return result, dropped


def some_names(entries: Mapping[Any, Any], limit: int = 6) -> str:
    """The first few names, for a message."""
    names = [repr(name)[:80] for name in list(entries)[:limit]]
    more = len(entries) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "") if names else "(none)"


# --- tensors ------------------------------------------------------------------------------------


def check_tensor(value: object, dtype: torch.dtype | None) -> str | None:
    """Why `value` cannot be stored, or None if it can."""
    if not isinstance(value, torch.Tensor):
        return f"is not a tensor but {type(value).__name__}"
    if value.is_quantized:
        return "is quantized; call dequantize() first"
    if getattr(value, "is_nested", False):
        return "is a nested tensor"
    if value.layout != torch.strided:
        return f"has layout {dtype_name(value.layout)}; call to_dense() first"
    if value.device.type == "meta":
        return "is on the meta device and has no data"
    if value.is_complex():
        return f"is complex ({dtype_name(value.dtype)}), which upconv has no type for"
    if value.dtype not in STORABLE and not (dtype is not None and value.is_floating_point()):
        return f"has dtype {dtype_name(value.dtype)}, which the format cannot hold"
    if value.dim() > 32:
        return f"has {value.dim()} dimensions; HDF5 stops at 32"
    return None


def tie_key(tensor: torch.Tensor) -> tuple | None:
    """Equal for tensors that are the same memory seen the same way; None if there is no memory."""
    if tensor.numel() == 0:
        return None
    storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()
    return (str(tensor.device), storage.data_ptr(), tensor.storage_offset(), tuple(tensor.shape),
            tensor.stride(), tensor.dtype, tensor.is_neg())


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
    if tensor.dim() == 0 or tensor.numel() == 0:
        return {}
    options: dict[str, Any] = {}
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
                      dtype: str | torch.dtype | None = None, compression: str = "none",
                      shuffle: bool = False, fletcher32: bool = False) -> ExportReport:
    """Write `state_dict` to the HDF5 file `path`, replacing it in one step.

    nested        spell "a.b.weight" as groups a/b/weight instead of one dotted name
    strip_prefix  remove this from the start of the names that have it ("module.")
    exclude       leave out names that match one of these shell patterns
    dtype         convert floating-point tensors; None keeps what each tensor has
    compression   "none", "gzip" or "lzf"; shuffle and fletcher32 add those filters

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
    entries: Mapping[Any, Any] = state_dict
    if exclude:
        entries, report.excluded = exclude_names(entries, exclude)
    if strip_prefix:
        entries, report.stripped = strip_names(entries, strip_prefix)
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


def as_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """The dtype to convert to, or None; strings are the names in CONVERSIONS."""
    if dtype is None:
        return None
    found = CONVERSIONS.get(dtype) if isinstance(dtype, str) else dtype
    if found not in CONVERSIONS.values():
        raise ExportError(f"dtype is one of {', '.join(CONVERSIONS)}, not {dtype!r}")
    return found


def refuse_unstorable(entries: Mapping[Any, Any], nested: bool,
                      dtype: torch.dtype | None) -> None:
    """Raise one ExportError that lists everything the file could not represent."""
    problems = []
    for name, value in entries.items():
        why = check_name(name, nested) or check_tensor(value, dtype)
        if why is not None:
            problems.append(f"{name!r}: {why}")
    if nested and not problems:
        problems = check_groups(entries)
    if problems:
        shown = "\n  ".join(problems[:20])
        more = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
        noun = "entry" if len(problems) == 1 else "entries"
        raise ExportError(f"cannot export {len(problems)} {noun}:\n  {shown}{more}")


# --- checkpoints --------------------------------------------------------------------------------


def load_checkpoint(path: str | os.PathLike) -> Any:
    """What a .pt/.pth file holds, on the CPU; nothing but tensors and plain containers is built."""
    if os.path.isdir(path):
        raise ExportError(f"{path} is a folder")
    if is_torchscript(path):
        raise ExportError(f"{path} is a TorchScript archive; load it with torch.jit.load and call "
                          "export_state_dict(module.state_dict(), path)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ExportError(f"{path} does not exist") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # torch.load raises whatever its unpickler stumbles over
        raise ExportError(explain_load_failure(path, error)) from None


def explain_load_failure(path: str | os.PathLike, error: Exception) -> str:
    """What to do about a file that torch.load refused."""
    text = str(error)
    if isinstance(error, pickle.UnpicklingError) and "weights" in text.lower():
        culprit = re.search(r"(Unsupported \w+ [\w.]+|GLOBAL [\w.]+)", text)
        return (f"{path} holds more than tensors, for example a whole pickled module, and "
                "unpickling that can run code. If you trust it, load it in your own program and "
                "call export_state_dict(model.state_dict(), path)."
                + (f" PyTorch found: {culprit.group(1)}" if culprit else ""))
    lines = text.strip().splitlines()
    detail = f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
    return f"{path} is not a PyTorch checkpoint, or is damaged ({detail})"


def is_torchscript(path: str | os.PathLike) -> bool:
    """Whether a checkpoint is a TorchScript archive, by its table of contents."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def holds_tensors(value: object) -> bool:
    """Whether `value` looks like a state dict: a mapping with a tensor directly in it."""
    return isinstance(value, Mapping) and any(isinstance(v, torch.Tensor) for v in value.values())


def candidate_keys(value: object, prefix: str = "", depth: int = 4) -> list[tuple[str, int]]:
    """Where the state dicts inside a checkpoint are: (key, number of tensors)."""
    found: list[tuple[str, int]] = []
    if depth == 0 or not isinstance(value, Mapping):
        return found
    for key, child in value.items():
        if not isinstance(key, str):
            continue
        if holds_tensors(child):
            found.append((prefix + key, sum(isinstance(v, torch.Tensor) for v in child.values())))
        found += candidate_keys(child, prefix + key + "/", depth - 1)
    return found


def list_candidates(checkpoint: object) -> str:
    """The candidate keys as the end of a message."""
    found = candidate_keys(checkpoint)
    if not found:
        return "no key in it holds tensors"
    listed = "\n  ".join(f"--key {key}   ({count} tensors)" for key, count in found[:20])
    return f"it could be\n  {listed}"


def pick_state_dict(checkpoint: Any, key: str | None) -> Mapping[Any, Any]:
    """The state dict in a checkpoint: the whole of it, or what `key` ("a" or "a/b") names."""
    if not isinstance(checkpoint, Mapping):
        raise ExportError(f"the file holds {type(checkpoint).__name__}, not a state dict")
    if key is None:
        if not holds_tensors(checkpoint) and candidate_keys(checkpoint):
            raise ExportError("the state dict is nested in this checkpoint; say where: "
                              + list_candidates(checkpoint))
        if any(isinstance(value, Mapping) for value in checkpoint.values()):
            raise ExportError("the checkpoint has tensors beside nested dictionaries; "
                              "say which to take: " + list_candidates(checkpoint))
        return checkpoint
    if key in checkpoint:
        found: Any = checkpoint[key]
    else:
        found = checkpoint
        for part in key.split("/"):
            if not isinstance(found, Mapping) or part not in found:
                raise ExportError(f"the checkpoint has no key {key!r}; "
                                  + list_candidates(checkpoint))
            found = found[part]
    if not isinstance(found, Mapping):
        raise ExportError(f"the key {key!r} holds {type(found).__name__}, not a state dict; "
                          + list_candidates(checkpoint))
    return found


# --- the command line ---------------------------------------------------------------------------


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="export_hdf5.py",
        description="Write the weights of a PyTorch checkpoint to an HDF5 file for upconv.",
        epilog="exit status: 0 written, 1 refused or failed (the old file is left alone), "
               "2 wrong usage, 130 interrupted",
    )
    parser.add_argument("checkpoint", help="a .pt or .pth file made by torch.save(state_dict)")
    parser.add_argument("output", help="the HDF5 file to write; replaced if it exists")
    parser.add_argument("--key", metavar="KEY",
                        help="where the state dict is in a checkpoint that nests it, for example "
                             "state_dict or model/ema; never guessed, but candidates are listed")
    parser.add_argument("--prefix-strip", metavar="PREFIX", default="",
                        help="remove PREFIX from the names that start with it, for example "
                             "module. (left by DataParallel)")
    parser.add_argument("--exclude", metavar="PATTERN", action="append", default=[],
                        help="leave out the names that match this shell pattern; may be repeated, "
                             "and applies before --prefix-strip")
    parser.add_argument("--dtype", choices=tuple(CONVERSIONS),
                        help="convert floating-point tensors (default: keep what they have)")
    parser.add_argument("--nested", action="store_true",
                        help="write a.b.weight as groups a/b/weight (default: one dotted name)")
    parser.add_argument("--compression", choices=COMPRESSIONS, default="none",
                        help="compress the datasets (default: %(default)s)")
    parser.add_argument("--shuffle", action="store_true",
                        help="shuffle bytes before compressing, which packs floats better")
    parser.add_argument("--fletcher32", action="store_true", help="add checksums")
    parser.add_argument("--quiet", action="store_true", help="print nothing on success")
    parser.add_argument("--version", action="version",
                        version=f"export_hdf5.py {EXPORTER_VERSION} (format {FORMAT_VERSION})")
    return parser.parse_args(argv)


def describe(report: ExportReport) -> str:
    """What was written, for people."""
    kinds = ", ".join(f"{count} {name}" for name, count in report.dtypes.items())
    lines = [f"{report.path}: {len(report.names)} tensors ({kinds}), {report.values:,} values, "
             f"{report.file_bytes:,} bytes"]
    if report.stripped:
        lines.append(f"  prefix removed from {report.stripped} of {len(report.names)} names")
    if report.converted:
        lines.append(f"  {report.converted} converted")
    if report.excluded:
        lines.append("  left out: " + ", ".join(report.excluded))
    lines += [f"  {name} is tied to {other}" for name, other in report.tied.items()]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        if os.path.realpath(args.checkpoint) == os.path.realpath(args.output):
            raise ExportError("the output would overwrite the checkpoint")
        state_dict = pick_state_dict(load_checkpoint(args.checkpoint), args.key)
        report = export_state_dict(
            state_dict, args.output, nested=args.nested, strip_prefix=args.prefix_strip,
            exclude=args.exclude, dtype=args.dtype, compression=args.compression,
            shuffle=args.shuffle, fletcher32=args.fletcher32)
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
        print(describe(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
