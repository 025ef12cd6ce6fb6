"""Problem strings of convolutions, as bench/problems.h and the library write them; plain Python."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

PATTERN = re.compile(
    r"n(\d+)ci(\d+)ih(\d+)iw(\d+)co(\d+)kh(\d+)kw(\d+)_s(\d+)x(\d+)_p(\d+)x(\d+)_"
    r"(?:op(\d+)x(\d+)|zeros)_d(\d+)x(\d+)_g(\d+)"
)

# How the modes are called in tables, and how a problem string ends in each.
SUFFIX = {"fp32": "_f32", "tf32": "_tf32", "f16": "_f16", "bf16": "_bf16"}
ELEMENT_BYTES = {"fp32": 4, "tf32": 4, "f16": 2, "bf16": 2}

DEFAULT = " (default)"  # how PyTorch's ways are called with cudnn.benchmark off

FLAGSHIP = "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"
FLAGSHIP_PRODUCTS = 32 * 3 * 7  # of an output


@dataclass(frozen=True)
class ConvProblem:
    """A convolution without its type, either kind, padded with zeros; fields are called as in kernels/convolution.h."""

    transposed: bool

    n: int
    ci: int
    ih: int
    iw: int
    co: int
    kh: int
    kw: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    output_pad_h: int
    output_pad_w: int
    dilation_h: int
    dilation_w: int
    groups: int

    @classmethod
    def parse(cls, text: str) -> ConvProblem:
        match = PATTERN.fullmatch(text)
        if not match:
            raise ValueError(f"not a problem string of a convolution padded with zeros, without its type: {text}")
        return cls("_zeros_" not in text, *(int(value or 0) for value in match.groups()))

    @property
    def oh(self) -> int:
        return self._size(self.ih, self.kh, self.stride_h, self.pad_h, self.dilation_h, self.output_pad_h)

    @property
    def ow(self) -> int:
        return self._size(self.iw, self.kw, self.stride_w, self.pad_w, self.dilation_w, self.output_pad_w)

    def _size(self, size: int, kernel: int, stride: int, pad: int, dilation: int, output_pad: int) -> int:
        reach = dilation * (kernel - 1) + 1
        if self.transposed:
            return (size - 1) * stride - 2 * pad + reach + output_pad
        return (size + 2 * pad - reach) // stride + 1

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        return (self.n, self.ci, self.ih, self.iw)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        if self.transposed:
            return (self.ci, self.co // self.groups, self.kh, self.kw)
        return (self.co, self.ci // self.groups, self.kh, self.kw)

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        return (self.n, self.co, self.oh, self.ow)

    @property
    def flops(self) -> int:
        """Two a product; padding counts, as in PyTorch's counter."""
        pixels = self.ih * self.iw if self.transposed else self.oh * self.ow
        return 2 * self.n * pixels * (self.ci // self.groups) * self.co * self.kh * self.kw

    def bytes_moved(self, mode: str) -> int:
        """Input, weight and output, each once."""
        return ELEMENT_BYTES[mode] * sum(math.prod(s) for s in (self.x_shape, self.weight_shape, self.y_shape))

    @property
    def products(self) -> float:
        """Products that are summed in an output, on average."""
        products = self.ci / self.groups * self.kh * self.kw
        return products / (self.stride_h * self.stride_w) if self.transposed else products

    @property
    def is_dense(self) -> bool:
        """Like the flagship: no stride, no dilation, no groups."""
        return (self.stride_h, self.stride_w, self.dilation_h, self.dilation_w, self.groups) == (1, 1, 1, 1, 1)


def error_bound(problem: ConvProblem, mode: str, rounding_error: float) -> float:
    """The largest relative L2 error that upconv may have. In fp32 that of a plain loop, which grows as the root of the
    number of products; in TF32 that of rounding the operands; in 16 bits little more than rounding the exact result
    costs. Layers unlike the flagship may err twice as much."""
    bound = {
        "fp32": 4.7e-7 * math.sqrt(max(1.0, problem.products / FLAGSHIP_PRODUCTS)),
        "tf32": 3.0e-4,
        "f16": 1.1 * rounding_error,
        "bf16": 1.1 * rounding_error,
    }[mode]
    return bound if problem.is_dense else 2 * bound
