"""Reads what torch.save and safetensors write, on the CPU, without running anything of it."""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np
import torch

from . import ExportError
from .file_kinds import HEAD_BYTES, archive_names, kind_of, kind_of_archive
from .unpickler import QUANTIZED, STORAGES, Name, Storage, Unpickler

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of what PyTorch wrote before 1.6
_LEGACY_PROTOCOL = 1001

_SAFETENSORS_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64",
                       "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "U16": "uint16", "U32": "uint32",
                       "U64": "uint64", "BOOL": "bool", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
                       "C64": "complex64"}


class _Damaged(Exception):
    """The file is of a known kind, but not whole."""


def load_checkpoint(path: str | os.PathLike) -> Any:
    """What a .pt, .pth or .safetensors file holds. Tensors, numbers, text and containers come as themselves, other
    harmless objects as `Unread`. Raises ExportError, which says what else the file is and what to do."""
    if os.path.isdir(path):
        raise ExportError(f"{path} is a folder")
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            kind = kind_of(head)
            if not head:
                raise ExportError(f"{path} is empty: the copy or download did not succeed")
            if kind is not None:
                raise ExportError(f"{path} is {kind}")
            return _load(path, file, head)
    except FileNotFoundError:
        raise ExportError(f"{path} does not exist") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise ExportError(f"{path} does not fit in memory") from None
    except ExportError:
        raise
    except _Damaged as error:
        raise ExportError(f"{path} is damaged or cut off: {error}; copy or download it again") from None
    except Exception as error:  # a damaged pickle can lead to any
        detail = (str(error).strip().splitlines() or [""])[0][:200]
        raise ExportError(f"{path} is not a PyTorch checkpoint, or is damaged "
                          f"({type(error).__name__}: {detail})") from None


def _load(path: str | os.PathLike, file: BinaryIO, head: bytes) -> Any:
    if head.startswith(b"PK\x03\x04"):
        names = archive_names(path)
        if names is None:
            raise _Damaged("it begins as a zip archive and has no end")
        kind = kind_of_archive(names)
        if kind is not None:
            raise ExportError(f"{path} is {kind}")
        with zipfile.ZipFile(file) as archive:
            return _load_zip(path, file, archive)
    file.seek(0)
    if head[8:9] == b"{":
        return _load_safetensors(file)
    return _load_legacy(path, file)


def _refuse_unknown(path: str | os.PathLike, unpickler: Unpickler) -> None:
    names = list(unpickler.unknown)
    if not names:
        return
    shown = ", ".join(repr(name)[:100] for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    raise ExportError(
        f"{path} holds more than tensors: it names {shown}, and loading such objects can run code, so nothing was "
        "loaded. If you trust the file, load it in a program of your own, where those classes are installed, with "
        "torch.load(path, weights_only=False), and call export_state_dict(model.state_dict(), 'weights.h5')")


def _read(file: BinaryIO, count: int) -> torch.Tensor:
    """The next bytes, uint8 [count or fewer], in memory of their own that is aligned for any dtype."""
    values = torch.empty(count, dtype=torch.uint8)
    return values[:file.readinto(values.numpy())]


def _itemsize(dtype: torch.dtype) -> int:
    if dtype in QUANTIZED:
        return 4 if dtype == torch.qint32 else 1
    return torch.empty(0, dtype=dtype).element_size()


def _storage_id(reference: Any) -> tuple[torch.dtype, str, int, Any]:
    """(dtype, key, elements, view) of a persistent id. Raises ValueError if torch.save does not write such."""
    if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage":
        raise ValueError("a reference that is not to a storage")
    _, kind, key, _, elements, *view = reference
    if not isinstance(kind, Name) or kind.text not in STORAGES:
        raise ValueError("a storage of an unknown type")
    if not isinstance(key, str) or type(elements) is not int or elements < 0:
        raise ValueError("a storage without a key or size")
    return STORAGES[kind.text], key, elements, view[0] if view else None


# --- PyTorch 1.6 and later: a zip archive with data.pkl and data/<key> -------------------------------------------------


def _load_zip(path: str | os.PathLike, file: BinaryIO, archive: zipfile.ZipFile) -> Any:
    root = next(name for name in archive.namelist() if name.endswith("data.pkl"))[:-len("data.pkl")]
    entries = {info.filename: info for info in archive.infolist()}
    if root + "byteorder" in entries:
        order = _text(_record(file, entries[root + "byteorder"]))
        if order != sys.byteorder:
            raise ExportError(f"{path} was written on a {order[:10]}-endian machine; load it with torch.load and call "
                              "export_state_dict")
    loaded: dict[str, torch.Tensor] = {}

    def storage(reference: Any) -> Storage:
        dtype, key, elements, _ = _storage_id(reference)
        if key not in loaded:
            info = entries.get(f"{root}data/{key}")
            if info is None:
                raise _Damaged(f"the values of storage {key[:80]!r} are missing")
            loaded[key] = _record(file, info)
        if elements * _itemsize(dtype) > loaded[key].numel():
            raise _Damaged(f"storage {key[:80]!r} is shorter than its size says")
        return Storage(loaded[key], dtype)

    unpickler = Unpickler(io.BytesIO(_record(file, entries[root + "data.pkl"]).numpy()), storage)
    result = unpickler.load()
    _refuse_unknown(path, unpickler)
    return result


def _record(file: BinaryIO, info: zipfile.ZipInfo) -> torch.Tensor:
    """The bytes of one entry of the archive. torch.save compresses nothing, and may leave the checksums at 0."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError("its entries are compressed, which torch.save does not do")
    file.seek(info.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise _Damaged(f"the entry {info.filename[:80]!r} is not where it should be")
    name_bytes, extra_bytes = struct.unpack("<HH", header[26:30])
    file.seek(info.header_offset + 30 + name_bytes + extra_bytes)
    if info.file_size > os.fstat(file.fileno()).st_size:
        raise _Damaged(f"the entry {info.filename[:80]!r} is larger than the file")
    data = _read(file, info.file_size)
    if len(data) < info.file_size or (info.CRC != 0 and zlib.crc32(data.numpy()) != info.CRC):
        raise _Damaged(f"the values of {info.filename[:80]!r} are not those that were saved")
    return data


def _text(data: torch.Tensor) -> str:
    return data.numpy().tobytes().decode("ascii", "replace")


# --- before 1.6: pickles in a row, then the storages ----------------------------------------------------------------------


def _load_legacy(path: str | os.PathLike, file: BinaryIO) -> Any:
    if Unpickler(file).load() != _LEGACY_MAGIC:
        raise ExportError(f"{path} is a pickle that torch.save did not write; if you trust it, load it with "
                          "pickle.load and call export_state_dict")
    if Unpickler(file).load() != _LEGACY_PROTOCOL:
        raise ValueError("a version of the format that is not known")
    Unpickler(file).load()  # about the machine; storages are little-endian on every one
    size = os.fstat(file.fileno()).st_size
    storages: dict[str, tuple[torch.Tensor, int]] = {}  # key -> bytes, bytes of an element

    def storage(reference: Any) -> Any:
        if isinstance(reference, tuple) and len(reference) == 4 and reference[0] == "module":
            return reference[1]  # a class, with its source code; its name is unknown and refused below
        dtype, key, elements, view = _storage_id(reference)
        bytes_each = _itemsize(dtype)
        if key not in storages:
            total = sum(data.numel() for data, _ in storages.values())
            if total + elements * bytes_each > size:
                raise _Damaged("its storages are larger than the file")
            storages[key] = torch.empty(elements * bytes_each, dtype=torch.uint8), bytes_each
        data = storages[key][0]
        if view is None:
            return Storage(data, dtype)
        _, offset, length = view
        if not 0 <= offset <= offset + length <= data.numel() // bytes_each:
            raise _Damaged("a view leaves its storage")
        return Storage(data[offset * bytes_each:(offset + length) * bytes_each], dtype)

    unpickler = Unpickler(file, storage)
    result = unpickler.load()
    _refuse_unknown(path, unpickler)
    for key in Unpickler(file).load():
        if key not in storages:
            raise _Damaged("it holds a storage that no tensor has")
        data, bytes_each = storages[key]
        count = file.read(8)
        if len(count) < 8 or struct.unpack("<q", count)[0] * bytes_each != data.numel():
            raise _Damaged("the size of a storage is missing or wrong")
        values = _read(file, data.numel())
        if len(values) < data.numel():
            raise _Damaged("the values of a storage are missing")
        data.copy_(values)
        storages[key] = data, 0  # filled
    if any(bytes_each != 0 for _, bytes_each in storages.values()):
        raise _Damaged("the values of a storage are missing")
    return result


# --- safetensors ------------------------------------------------------------------------------------------------------------


def _load_safetensors(file: BinaryIO) -> dict[str, torch.Tensor]:
    """8 bytes with the length of a JSON header, the header, then the values; see huggingface/safetensors."""
    size = os.fstat(file.fileno()).st_size
    (header_bytes,) = struct.unpack("<Q", file.read(8))
    if header_bytes > size - 8:
        raise _Damaged("it begins as safetensors, and its header is longer than the file")
    header = json.loads(file.read(header_bytes))
    values = size - 8 - header_bytes
    result = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype = getattr(torch, _SAFETENSORS_DTYPES.get(entry["dtype"], ""), None)
        if dtype is None:
            raise ExportError(f"{name!r} has dtype {entry['dtype']!r}, which this PyTorch does not have")
        begin, end = entry["data_offsets"]
        shape = entry["shape"]
        elements = int(np.prod(shape, dtype=object))
        if not 0 <= begin <= end or end - begin != elements * _itemsize(dtype):
            raise ValueError(f"{name[:80]!r} does not have the size that its shape says")
        if end > values:
            raise _Damaged(f"the values of {name[:80]!r} are missing")
        file.seek(8 + header_bytes + begin)
        result[name] = _read(file, end - begin).view(dtype).reshape(shape)
    return result
