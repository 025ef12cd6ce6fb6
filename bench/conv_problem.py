"""Problem strings of transposed convolutions, as bench/problems.h and the library write them; plain Python."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

PATTERN = re.compile(
    r"n(\d+)ci(\d+)ih(\d+)iw(\d+)co(\d+)kh(\d+)kw(\d+)_s(\d+)x(\d+)_p(\d+)x(\d+)_op(\d+)x(\d+)_d(\d+)x(\d+)_g(\d+)"
)

# How the modes are called in tables, and how a problem string ends in each.
SUFFIX = {"fp32": "_f32", "tf32": "_tf32", "f16": "_f16", "bf16": "_bf16"}
ELEMENT_BYTES = {"fp32": 4, "tf32": 4, "f16": 2, "bf16": 2}

DEFAULT = " (default)"  # how PyTorch's ways are called with cudnn.benchmark off

FLAGSHIP = "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1"
FLAGSHIP_PRODUCTS = 32 * 3 * 7  # of an output


@dataclass(frozen=True)
class ConvProblem:
    """A transposed convolution without its type; fields are called as in kernels/convolution.h."""

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
            raise ValueError(f"not a problem string of a transposed convolution, without its type: {text}")
        return cls(*(int(value) for value in match.groups()))

    @property
    def oh(self) -> int:
        return (self.ih - 1) * self.stride_h - 2 * self.pad_h + self.dilation_h * (self.kh - 1) + self.output_pad_h + 1

    @property
    def ow(self) -> int:
        return (self.iw - 1) * self.stride_w - 2 * self.pad_w + self.dilation_w * (self.kw - 1) + self.output_pad_w + 1

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        return (self.n, self.ci, self.ih, self.iw)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        return (self.ci, self.co // self.groups, self.kh, self.kw)

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        return (self.n, self.co, self.oh, self.ow)

    @property
    def flops(self) -> int:
        """Two a product; padding counts, as in PyTorch's counter."""
        return 2 * self.n * self.ih * self.iw * (self.ci // self.groups) * self.co * self.kh * self.kw

    def bytes_moved(self, mode: str) -> int:
        """Input, weight and output, each once."""
        return ELEMENT_BYTES[mode] * sum(math.prod(s) for s in (self.x_shape, self.weight_shape, self.y_shape))

    @property
    def products(self) -> float:
        """Products that are summed in an output, on average."""
        return self.ci / self.groups * self.kh * self.kw / (self.stride_h * self.stride_w)

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
