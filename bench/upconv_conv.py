"""upconv's ConvTranspose2d on another library's GPU tensors, through libupconv_conv.so (bench/conv_c.cpp)."""

from __future__ import annotations

import ctypes
from pathlib import Path


class UpconvError(Exception):
    """What the library said."""


class Library:
    """The module's functions, with their types."""

    def __init__(self, path: Path):
        try:
            self.c = ctypes.CDLL(str(path.resolve()))
        except OSError as error:
            raise UpconvError(f"cannot load {path}: {error}; build the target upconv_conv (UPCONV_BUILD_BENCH=ON)")
        text, pointer = ctypes.c_char_p, ctypes.c_void_p
        for name, result, arguments in (
            ("error", text, []),
            ("problems", text, [text]),
            ("create", pointer, [text, pointer, pointer, pointer, text]),
            ("kernel", text, [pointer]),
            ("run", ctypes.c_int, [pointer, pointer, pointer]),
            ("destroy", None, [pointer]),
        ):
            function = getattr(self.c, f"upconv_conv_{name}")
            function.restype, function.argtypes = result, arguments

    def error(self) -> UpconvError:
        return UpconvError(self.c.upconv_conv_error().decode())

    def problems(self, name: str) -> list[tuple[str, str]]:
        """(problem string without type, name) of each problem of a set of bench/problems.h."""
        lines = self.c.upconv_conv_problems(name.encode())
        if lines is None:
            raise self.error()
        return [tuple(line.split("\t")) for line in lines.decode().splitlines()]


class Layer:
    """A prepared layer without bias. `problem` is a problem string with its type, `stream` a cudaStream_t, `weight` the
    address of its weight in host memory, in f32; `kernel` forces a row."""

    def __init__(self, library: Library, problem: str, stream: int, weight: int, kernel: str = ""):
        self.library = library
        self.handle = library.c.upconv_conv_create(problem.encode(), stream, weight, None, kernel.encode())
        if not self.handle:
            raise library.error()
        self.kernel = library.c.upconv_conv_kernel(self.handle).decode()

    def run(self, x: int, y: int) -> None:
        """Queues one run on the stream, from and to these addresses in GPU memory."""
        if self.library.c.upconv_conv_run(self.handle, x, y) != 0:
            raise self.library.error()

    def close(self) -> None:
        """Lets go of the layer; the stream must be done with it."""
        self.library.c.upconv_conv_destroy(self.handle)
        self.handle = None
