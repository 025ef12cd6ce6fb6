"""What upconv's reader takes, so that nothing is written which it would refuse.

The numbers are the defaults of Hdf5ReadOptions and the limits of Shape; a test compares them with the C++ sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from . import ExportError
from .choose import describe_type
from .tensors import dtype_name
from .unpickler import Unread

MAX_NAME_BYTES = 1024
MAX_DEPTH = 64  # groups inside each other
MAX_ENTRIES = 1_000_000  # links, groups included
MAX_RANK = 8
MAX_TENSOR_BYTES = 2**40
MAX_CHUNKS = 65_536
LARGEST_INTEGER = 2**63 - 1  # integers of every type become int64

# Every dtype a dataset can hold. PyTorch 1.13 has no unsigned types beyond uint8.
STORABLE = {
    getattr(torch, name)
    for name in ("float16", "bfloat16", "float32", "float64", "bool", "uint8", "int8", "int16",
                 "int32", "int64", "uint16", "uint32", "uint64")
    if hasattr(torch, name)
}


def check_name(name: object, nested: bool) -> str | None:
    """Why `name` cannot name a dataset, or None if it can."""
    if not isinstance(name, str):
        return f"the name is not a string but {describe_type(name)}"
    if not name:
        return "the name is empty"
    if "/" in name:
        return "the name contains '/', which HDF5 reads as a group"
    if "\0" in name:
        return "the name contains a NUL character"
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        return "the name is not valid Unicode"
    if len(encoded) > MAX_NAME_BYTES:
        return f"the name has {len(encoded)} bytes, at most {MAX_NAME_BYTES} are allowed"
    if "" in name.split("."):
        return "the name has nothing before, after or between its dots"
    if nested and name.count(".") > MAX_DEPTH:
        return f"the name would lie in {name.count('.')} groups, at most {MAX_DEPTH} are allowed"
    return None


def check_groups(names: Iterable[str]) -> list[str]:
    """What is wrong if '.' nests: names that would be a dataset and a group at once, and too many groups."""
    names = list(names)
    groups = {name[:i] for name in names for i, char in enumerate(name) if char == "."}
    problems = [f"{name!r}: is a tensor and also the group of others, so it cannot be nested"
                for name in names if name in groups]
    if len(names) + len(groups) > MAX_ENTRIES:
        problems.append(f"{len(names)} names in {len(groups)} groups: at most {MAX_ENTRIES} are allowed together")
    return problems


def check_tensor(value: object, dtype: torch.dtype | None) -> str | None:
    """Why `value`, converted to `dtype` if it is a float, cannot be stored, or None if it can."""
    if isinstance(value, Unread) and value.why is not None:
        return value.why
    if not isinstance(value, torch.Tensor):
        return f"is not a tensor but {describe_type(value)}"
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
    return check_shape(value, dtype) or check_integers(value)


def check_shape(tensor: torch.Tensor, dtype: torch.dtype | None) -> str | None:
    """Why the reader would refuse this shape, or None."""
    if tensor.dim() > MAX_RANK:
        return f"has {tensor.dim()} dimensions, at most {MAX_RANK} are allowed"
    # An integer takes 8 bytes in memory, whatever it takes in the file.
    element = torch.empty(0, dtype=dtype or tensor.dtype).element_size() if tensor.is_floating_point() else 8
    elements = 1
    for size in tensor.shape:
        elements *= max(size, 1)
    if elements * element > MAX_TENSOR_BYTES:
        return f"has shape {tuple(tensor.shape)}, at most {MAX_TENSOR_BYTES} bytes are allowed"
    return None


def check_integers(tensor: torch.Tensor) -> str | None:
    """Why the reader would refuse these integers, or None."""
    if tensor.dtype != getattr(torch, "uint64", None) or tensor.numel() == 0:
        return None
    if int(tensor.cpu().numpy().max()) > LARGEST_INTEGER:
        return "holds integers beyond the range of int64"
    return None


def refuse_unstorable(entries: Mapping[Any, Any], nested: bool, dtype: torch.dtype | None) -> None:
    """Raise one ExportError that lists everything upconv could not read back."""
    problems = []
    for name, value in entries.items():
        why = check_name(name, nested) or check_tensor(value, dtype)
        if why is not None:
            problems.append(f"{name!r}: {why}" if len(repr(name)) <= 120 else f"{repr(name)[:117]}...: {why}")
    if nested and not problems:
        problems = check_groups(entries)
    if len(entries) > MAX_ENTRIES:
        problems.append(f"{len(entries)} entries: at most {MAX_ENTRIES} are allowed")
    if problems:
        shown = "\n  ".join(problems[:20])
        more = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
        noun = "entry" if len(problems) == 1 else "entries"
        loose = any("is not a tensor" in problem for problem in problems)
        raise ExportError(f"cannot export {len(problems)} {noun}:\n  {shown}{more}"
                          + ("\nLeave out what is no weight with --exclude (exclude=[...])." if loose else ""))


def chunk_shape(tensor: torch.Tensor) -> tuple[int, ...]:
    """Chunks of whole innermost dimensions and about 1 MiB, or as much more as keeps them within MAX_CHUNKS."""
    taken = tensor.element_size()
    wanted = max(2**20, tensor.numel() * taken * 4 // MAX_CHUNKS)
    sizes = []
    for size in reversed(tensor.shape):
        sizes.append(min(max(wanted // taken, 1), size))
        taken *= sizes[-1]
    return tuple(reversed(sizes))
