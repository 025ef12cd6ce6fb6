"""What a file is that is no PyTorch checkpoint, and what to do with it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable

HEAD_BYTES = 1024

_CHECKPOINT = "give the .pt or .pth file that torch.save wrote"
_UNPACK = "unpack it and give the file inside"

# First bytes -> what the file is and the way to go.
_STARTS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the weights: fetch them with 'git lfs pull'"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file already: upconv may read it as it is (upconv-inspect tells)"),
    (b"\x93NUMPY", "a NumPy array (.npy): put it in a dictionary {name: torch.from_numpy(array)} and call "
                   "export_state_dict"),
    (b"GGUF", "a GGUF file, whose weights are often quantized: export the PyTorch model that it was made from"),
    (b"\x1f\x8b", "compressed with gzip: " + _UNPACK),
    (b"BZh", "compressed with bzip2: " + _UNPACK),
    (b"\xfd7zXZ\x00", "compressed with xz: " + _UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: " + _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: " + _UNPACK),
    (b"Rar!", "a RAR archive: " + _UNPACK),
)
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")


def kind_of(head: bytes) -> str | None:
    """What a file with these first bytes is and what to do, where it is something else than a pickle, a zip archive
    or safetensors; None where it may be one of them."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_HTML):
        return ("a web page, not the weights: the download led to a page (of a login, a licence or an error); "
                "download the file itself")
    if text.startswith(b"<?xml"):
        return "XML, not the weights: the download may have led to an error message; look into the file"
    if text.startswith((b'{"', b"{\n", b"{ ", b"[")) and not head[:1] == b"\x80":
        return ("JSON, not the weights: an index names the files that hold them, anything else may be a server's "
                "error message; look into the file")
    if head[257:262] == b"ustar":
        return "a tar archive: " + _UNPACK + "; if torch.save of PyTorch 0.1 wrote it, load and save it with PyTorch 1 first"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model; " + _CHECKPOINT
    if is_onnx(head):
        return ("an ONNX model, which holds a graph beside the weights: export the PyTorch model that it was made from, "
                "with export_state_dict(model.state_dict(), path)")
    return None


def is_onnx(head: bytes) -> bool:
    """Whether the first two fields are those of ONNX's ModelProto: its version, then any of its text or messages."""
    return len(head) > 3 and head[0] == 0x08 and 1 <= head[1] < 32 and head[2] in (0x12, 0x1A, 0x22, 0x32, 0x3A, 0x42)


def kind_of_archive(names: Iterable[str]) -> str | None:
    """What a zip archive with these entries is, or None for a checkpoint."""
    names = list(names)
    if any(name.endswith("/constants.pkl") or name == "constants.pkl" for name in names):
        return ("a TorchScript archive: load it with torch.jit.load and call "
                "export_state_dict(module.state_dict(), path)")
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        return None
    if names and all(name.endswith(".npy") for name in names):
        return ("a NumPy archive (.npz): export it with\n  export_state_dict({name: torch.from_numpy(array) for "
                "name, array in numpy.load(path).items()}, 'weights.h5')")
    if "model.weights.h5" in names:
        return "a Keras model; " + _CHECKPOINT
    if any(name.endswith((".pt", ".pth", ".bin", ".safetensors")) for name in names):
        return "a zip archive: " + _UNPACK
    return "a zip archive, but not one of torch.save; " + _CHECKPOINT


def archive_names(path: str | os.PathLike) -> list[str] | None:
    """The entries of a zip archive; None where its table of contents, which stands at the end, is missing."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except zipfile.BadZipFile:
        return None
