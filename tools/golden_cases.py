"""What tools/make_golden.py computes: the cases, drawn by a seeded script or picked by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

DTYPE_NAMES = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16"}
LARGEST_Y = 1500  # elements: keeps the files small


@dataclass
class Case:
    """One call of one module."""

    name: str
    module: nn.Module
    shape: tuple[int, ...] = ()
    dtype: torch.dtype = torch.float32
    arguments: dict[str, Any] = field(default_factory=dict)  # of the call
    options: dict[str, float] = field(default_factory=dict)  # that the test must know, beside the parameters
    x: torch.Tensor | None = None  # instead of drawn values
    special: str = ""  # tensors that hold infinities and NaN, such as "x weight"


# --- convolution --------------------------------------------------------------------------------


@dataclass
class Conv:
    """A convolution problem: kernels::ConvProblem, and how it is called."""

    transposed: bool
    n: int = 1
    ci: int = 1
    ih: int = 1
    iw: int = 1
    co: int = 1
    k: tuple[int, int] = (1, 1)
    s: tuple[int, int] = (1, 1)
    p: tuple[int, int] = (0, 0)
    op: tuple[int, int] = (0, 0)
    d: tuple[int, int] = (1, 1)
    g: int = 1
    mode: str = "zeros"
    bias: bool = True
    unbatched: bool = False
    to_size: bool = False
    dtype: torch.dtype = torch.float32
    special: str = ""

    def output(self) -> tuple[int, int]:
        sizes = []
        for size, k, s, p, op, d in zip((self.ih, self.iw), self.k, self.s, self.p, self.op, self.d):
            if self.transposed:
                sizes.append((size - 1) * s - 2 * p + d * (k - 1) + op + 1)
            else:
                room = size + 2 * p - d * (k - 1) - 1
                sizes.append(-1 if room < 0 else room // s + 1)
        return sizes[0], sizes[1]

    def works(self) -> bool:
        oh, ow = self.output()
        reflects = self.mode != "reflect" or (self.p[0] < self.ih and self.p[1] < self.iw)
        return oh >= 1 and ow >= 1 and self.n * self.co * oh * ow <= LARGEST_Y and reflects

    def problem(self) -> str:
        middle = f"op{self.op[0]}x{self.op[1]}" if self.transposed else self.mode
        return (f"n{self.n}ci{self.ci}ih{self.ih}iw{self.iw}co{self.co}kh{self.k[0]}kw{self.k[1]}"
                f"_s{self.s[0]}x{self.s[1]}_p{self.p[0]}x{self.p[1]}_{middle}_d{self.d[0]}x{self.d[1]}"
                f"_g{self.g}_{DTYPE_NAMES[self.dtype]}")

    def case(self, name: str) -> Case:
        options = dict(stride=self.s, padding=self.p, dilation=self.d, groups=self.g, bias=self.bias)
        if self.transposed:
            if not self.to_size:
                options["output_padding"] = self.op
            module: nn.Module = nn.ConvTranspose2d(self.ci, self.co, self.k, **options)
        else:
            module = nn.Conv2d(self.ci, self.co, self.k, padding_mode=self.mode, **options)
        shape = (self.ci, self.ih, self.iw) if self.unbatched else (self.n, self.ci, self.ih, self.iw)
        name += ("_unbatched" if self.unbatched else "") + ("_to_size" if self.to_size else "")
        arguments = {"output_size": list(self.output())} if self.to_size else {}
        return Case(f"{name}.{self.problem()}", module, shape, self.dtype, arguments, special=self.special)


def draw_conv(rng: random.Random, transposed: bool, dtype: torch.dtype) -> Conv:
    """A random problem with an output of at least one pixel and not too many."""

    def pair(draw: Callable[[], int]) -> tuple[int, int]:
        first = draw()
        return (first, first) if rng.random() < 0.3 else (first, draw())

    while True:
        g = rng.choice([1, 1, 1, 2, 3, 4, 5])
        depthwise = rng.random() < 0.15
        ci = g if depthwise else g * rng.choice([1, 1, 2, 3, 4, 5, 8, 11])
        co = g * rng.choice([1, 1, 2, 3, 4, 7, 9])
        k = pair(lambda: rng.randint(1, 7))
        s = pair(lambda: rng.choice([1, 1, 2, 2, 3, 4, 5]))
        d = pair(lambda: rng.choice([1, 1, 1, 2, 2, 3]))
        p = (rng.randint(0, d[0] * (k[0] - 1)), rng.randint(0, d[1] * (k[1] - 1)))
        ih, iw = rng.choice([1, 2, 3, 4, 5, 7, 8]), rng.choice([1, 2, 3, 4, 5, 7, 9])
        conv = Conv(transposed, n=rng.choice([1, 1, 1, 2, 3]), ci=ci, ih=ih, iw=iw, co=co, k=k, s=s, p=p, d=d,
                    g=g, bias=rng.random() < 0.6, dtype=dtype)
        if transposed:
            if rng.random() < 0.5:
                conv.op = (rng.randrange(max(s[0], d[0])), rng.randrange(max(s[1], d[1])))
            conv.to_size = conv.op[0] < s[0] and conv.op[1] < s[1] and rng.random() < 0.12
        else:
            conv.ih, conv.iw = ih + rng.randint(0, 6), iw + rng.randint(0, 6)
            conv.mode = rng.choice(["zeros", "zeros", "reflect", "replicate"])
        draw = rng.random()
        if draw < 0.08:
            conv.n, conv.unbatched = 1, True
        elif draw < 0.11:
            conv.n = 0
        if ci * co // g * k[0] * k[1] <= 3000 and conv.works():
            return conv


def draw_cases(seed: int, transposed: bool, counts: dict[torch.dtype, int]) -> list[Case]:
    rng = random.Random(seed)
    cases = []
    for dtype, count in counts.items():
        for index in range(count):
            values = "exact" if index % 2 == 0 else "random"
            cases.append(draw_conv(rng, transposed, dtype).case(f"{DTYPE_NAMES[dtype]}_{index:03d}_{values}"))
    return cases


def special_convs(convs: list[Conv]) -> list[Case]:
    """Each with infinities and NaN in its weight, in x, and in both; transposed, in every type.

    PyTorch's own ways disagree about an infinite weight and the zeros around an ordinary convolution: oneDNN's kernels
    leave them out, a matrix product multiplies them. The cases here meet those kernels in fp32: more than one image, no
    dilation, no small groups.
    """
    cases = []
    for index, conv in enumerate(convs):
        dtypes = list(DTYPE_NAMES) if conv.transposed or conv.mode != "zeros" or conv.p == (0, 0) else [torch.float32]
        for dtype in dtypes:
            for special in ("weight", "x", "x weight"):
                conv = replace(conv, special=special, dtype=dtype)
                assert conv.works()
                cases.append(conv.case(f"special_{index:02d}_{DTYPE_NAMES[dtype]}_{special.replace(' ', '_')}_exact"))
    return cases


def conv_transpose2d() -> list[Case]:
    t = True
    corners = {
        "one_pixel_input": Conv(t, ci=3, co=2, k=(4, 5), s=(2, 3), p=(1, 2)),
        "one_pixel_all": Conv(t),
        "crop_to_one_pixel": Conv(t, ci=2, ih=3, iw=3, co=3, k=(3, 3), p=(2, 2)),
        "crop_to_one_pixel_strided": Conv(t, ci=2, ih=2, iw=3, co=3, k=(4, 3), s=(2, 1), p=(2, 2), op=(1, 0)),
        "crop_to_one_pixel_wide": Conv(t, ci=3, iw=4, co=2, k=(1, 4), s=(1, 2), p=(0, 5), op=(0, 1)),
        "crop_to_output_padding": Conv(t, ci=2, k=(2, 2), s=(2, 2), p=(1, 1), op=(1, 1), co=2, to_size=True),
        "stride_beyond_kernel": Conv(t, ci=2, ih=3, iw=4, co=3, k=(2, 1), s=(5, 4)),
        "stride_beyond_kernel_padded": Conv(t, ci=2, ih=3, iw=4, co=3, k=(2, 3), s=(5, 4), p=(1, 2),
                                            op=(4, 3)),
        "phases_without_taps": Conv(t, ci=3, ih=4, iw=5, co=2, k=(3, 3), s=(2, 2), d=(2, 2), op=(1, 1)),
        "phases_without_taps_wide": Conv(t, ci=3, ih=3, iw=4, co=2, k=(2, 4), s=(4, 3), d=(4, 6), p=(3, 4)),
        "output_padding_beyond_stride": Conv(t, ci=2, ih=4, iw=3, co=2, k=(3, 2), s=(2, 1), d=(4, 3),
                                             op=(3, 2)),
        "depthwise": Conv(t, n=2, ci=7, ih=5, iw=4, co=7, k=(3, 4), s=(2, 2), p=(1, 1), g=7),
        "depthwise_multiplier": Conv(t, ci=5, ih=3, iw=5, co=15, k=(3, 3), s=(2, 1), p=(1, 1), g=5,
                                     bias=False),
        "groups_odd": Conv(t, n=2, ci=9, ih=3, iw=5, co=6, k=(4, 4), s=(2, 2), p=(1, 1), g=3),
        "dcgan_block": Conv(t, ci=24, ih=4, iw=4, co=12, k=(4, 4), s=(2, 2), p=(1, 1), bias=False),
        "fsrcnn_head": Conv(t, ci=9, ih=6, iw=7, co=1, k=(9, 9), s=(3, 3), p=(4, 4), op=(2, 2)),
        "flagship_shape": Conv(t, ci=8, ih=5, iw=17, co=8, k=(3, 7), p=(1, 3)),
        "wide_row": Conv(t, ci=3, ih=1, iw=67, co=5, k=(1, 5), s=(1, 2), p=(0, 2), op=(0, 1)),
        "tall_column": Conv(t, ci=3, ih=71, iw=1, co=4, k=(3, 1), s=(2, 1), p=(1, 0)),
        "pointwise": Conv(t, n=2, ci=19, ih=5, iw=7, co=13),
        "pointwise_strided": Conv(t, ci=5, ih=4, iw=4, co=6, s=(3, 2), op=(2, 1)),
        "zero_batch": Conv(t, n=0, ci=3, ih=4, iw=5, co=2, k=(3, 3), s=(2, 2), p=(1, 1)),
        "unbatched": Conv(t, ci=4, ih=4, iw=5, co=2, k=(3, 3), s=(2, 2), p=(1, 1), unbatched=True),
        "to_size_least": Conv(t, ci=2, ih=3, iw=4, co=2, k=(3, 3), s=(3, 2), p=(1, 1), to_size=True),
        "to_size_most": Conv(t, ci=2, ih=3, iw=4, co=2, k=(3, 3), s=(3, 2), p=(1, 1), op=(2, 1),
                             to_size=True),
        "to_size_unbatched": Conv(t, ci=2, ih=3, iw=4, co=2, k=(3, 3), s=(3, 2), op=(1, 1), to_size=True,
                                  unbatched=True),
    }
    special = [
        Conv(t, ci=2, ih=4, iw=4, co=2, k=(3, 3)),
        Conv(t, ci=3, ih=5, iw=19, co=9, k=(3, 5), p=(1, 2)),
        Conv(t, ci=2, ih=4, iw=5, co=3, k=(4, 4), s=(2, 2), p=(1, 1), op=(1, 0)),
        Conv(t, ci=3, ih=4, iw=5, co=2, k=(3, 3), s=(2, 2), d=(2, 2), op=(1, 1)),  # phases without taps
        Conv(t, ci=4, ih=3, iw=7, co=6, k=(2, 3), s=(3, 1), d=(1, 3), p=(0, 3), g=2),
        Conv(t, ci=3, ih=5, iw=6, co=1, k=(6, 6), s=(2, 2), p=(2, 2)),  # folded
        Conv(t, n=17, ci=3, ih=1, iw=2, co=4, k=(2, 3), p=(0, 1)),  # many tiny images
        Conv(t, n=2, ci=5, ih=3, iw=3, co=5, k=(3, 3), p=(1, 1), g=5),
    ]
    return ([conv.case(f"corner_{name}_exact") for name, conv in corners.items()] + special_convs(special)
            + draw_cases(20241, t, {torch.float32: 320, torch.float16: 40, torch.bfloat16: 40}))


def conv2d() -> list[Case]:
    t = False
    corners = {
        "one_pixel_all": Conv(t),
        "one_pixel_padded": Conv(t, ci=3, co=2, k=(3, 5), p=(1, 2)),
        "reflect_largest": Conv(t, ci=2, ih=4, iw=3, co=3, k=(3, 3), p=(3, 2), mode="reflect"),
        "reflect_unbatched": Conv(t, ci=2, ih=4, iw=5, co=3, k=(3, 3), p=(1, 1), mode="reflect",
                                  unbatched=True),
        "reflect_zero_batch": Conv(t, n=0, ci=2, ih=4, iw=5, co=3, k=(3, 3), p=(1, 1), mode="reflect"),
        "replicate_beyond_size": Conv(t, ci=2, ih=2, iw=1, co=3, k=(3, 3), p=(4, 3), s=(2, 1),
                                      mode="replicate"),
        "replicate_groups_dilated": Conv(t, n=2, ci=6, ih=6, iw=7, co=4, k=(3, 2), p=(2, 1), d=(2, 1), g=2,
                                         mode="replicate"),
        "reflect_strided": Conv(t, ci=3, ih=9, iw=8, co=2, k=(4, 4), s=(2, 2), p=(1, 1), mode="reflect"),
        "kernel_as_large_as_input": Conv(t, ci=3, ih=5, iw=4, co=4, k=(5, 4)),
        "stride_beyond_kernel": Conv(t, ci=2, ih=9, iw=11, co=3, k=(2, 1), s=(4, 5)),
        "stride_drops_pixels": Conv(t, ci=2, ih=8, iw=9, co=3, k=(3, 2), s=(4, 3)),
        "padding_beyond_kernel": Conv(t, ci=2, ih=3, iw=3, co=2, k=(2, 2), p=(3, 4)),
        "depthwise": Conv(t, n=2, ci=7, ih=7, iw=6, co=7, k=(3, 3), p=(1, 1), g=7),
        "depthwise_multiplier": Conv(t, ci=5, ih=6, iw=7, co=10, k=(3, 5), s=(2, 1), p=(1, 2), g=5,
                                     bias=False),
        "pointwise": Conv(t, n=2, ci=17, ih=5, iw=7, co=11),
        "zero_batch": Conv(t, n=0, ci=3, ih=4, iw=5, co=2, k=(3, 3), p=(1, 1)),
        "unbatched": Conv(t, ci=4, ih=4, iw=5, co=2, k=(3, 3), s=(2, 2), p=(1, 1), unbatched=True),
        "wide_row": Conv(t, ci=3, ih=1, iw=67, co=5, k=(1, 5), p=(0, 2)),
    }
    special = [
        Conv(t, n=2, ci=3, ih=5, iw=6, co=4, k=(3, 3), p=(1, 1)),
        Conv(t, n=2, ci=2, ih=7, iw=23, co=7, k=(3, 5), p=(1, 2), s=(1, 2)),
        Conv(t, n=2, ci=16, ih=5, iw=6, co=16, k=(3, 3), p=(1, 1), g=2),
        Conv(t, n=2, ci=6, ih=5, iw=5, co=6, k=(3, 3), p=(1, 1), g=6),
        Conv(t, n=17, ci=3, ih=2, iw=2, co=4, k=(3, 3), p=(1, 1)),
        Conv(t, ci=3, ih=6, iw=7, co=2, k=(3, 4), s=(2, 1)),
        Conv(t, ci=3, ih=5, iw=7, co=2, k=(3, 3), p=(2, 1), mode="reflect"),
        Conv(t, ci=3, ih=5, iw=7, co=3, k=(3, 3), s=(2, 2), p=(2, 3), mode="replicate"),
    ]
    return ([conv.case(f"corner_{name}_exact") for name, conv in corners.items()] + special_convs(special)
            + draw_cases(20242, t, {torch.float32: 120, torch.float16: 20, torch.bfloat16: 20}))


# --- other layers -------------------------------------------------------------------------------


def linear() -> list[Case]:
    shapes = [(3, 5, (3,)), (7, 4, (2, 7)), (1, 1, (1, 1)), (16, 33, (5, 16)), (31, 17, (2, 3, 31)),
              (8, 8, (0, 8)),
              (13, 6, (2, 1, 3, 13)), (64, 10, (9, 64)), (5, 1, (4, 0, 5)), (100, 3, (1, 100)),
              (9, 19, (17, 9))]
    return [Case(f"{DTYPE_NAMES[dtype]}_{index:02d}_{values}",
                 nn.Linear(fan_in, fan_out, bias=bool(index % 3)), shape,
                 dtype)
            for dtype in DTYPE_NAMES for values in ("exact", "random")
            for index, (fan_in, fan_out, shape) in enumerate(shapes)
            ] + [Case(f"{DTYPE_NAMES[dtype]}_special_{special.replace(' ', '_')}_exact", nn.Linear(13, 9), (6, 13),
                      dtype, special=special)
                 for dtype in DTYPE_NAMES for special in ("weight", "x", "x weight", "bias")]


def batch_norm2d() -> list[Case]:
    shapes = [(1, 1, 1, 1), (2, 3, 4, 5), (3, 8, 1, 7), (1, 17, 3, 3), (0, 4, 2, 2)]
    return [Case(f"{DTYPE_NAMES[dtype]}_{index:02d}_{'affine' if affine else 'plain'}_random",
                 nn.BatchNorm2d(shape[1], eps=eps, affine=affine), shape, dtype, options={"eps": eps})
            for dtype in DTYPE_NAMES for affine in (True, False)
            for index, (shape, eps) in enumerate(zip(shapes, (1e-5, 1e-5, 1e-3, 0.5, 1e-5)))
            ] + [Case(f"{DTYPE_NAMES[dtype]}_special_{special}_random", nn.BatchNorm2d(7), (2, 7, 3, 4), dtype,
                      options={"eps": 1e-5}, special=special)
                 for dtype in DTYPE_NAMES for special in ("x", "weight", "bias", "running_mean", "running_var")]


def activation() -> list[Case]:
    special = torch.tensor([0.0, -0.0, 1.0, -1.0, 1e-30, -1e-30, 90.0, -90.0, 3e4, -3e4, float("inf"),
                            float("-inf"),
                            float("nan"), 0.5, -0.5, 1e-3, -1e-3, 8.0, -8.0, 17.0])
    cases = []
    for dtype, tag in DTYPE_NAMES.items():
        plain = {"relu": (nn.ReLU(), {}), "sigmoid": (nn.Sigmoid(), {}), "tanh": (nn.Tanh(), {}),
                 **{f"leaky_relu_{index}": (nn.LeakyReLU(slope), {"negative_slope": slope})
                    for index, slope in enumerate((0.01, 0.2, 0.0, 1.5, -0.5))}}
        for name, (module, options) in plain.items():
            for values in ("exact", "random"):
                cases.append(Case(f"{tag}_{name}_{values}", module, (2, 3, 4, 5), dtype, options=options))
            cases.append(Case(f"{tag}_{name}_special", module, dtype=dtype, options=options, x=special))
            cases.append(Case(f"{tag}_{name}_empty", module, (2, 0, 3), dtype, options=options))
        # A slope that is not finite meets 0, too.
        infinite = {"negative_slope": float("inf")}
        cases.append(Case(f"{tag}_leaky_relu_infinite_special", nn.LeakyReLU(float("inf")), dtype=dtype,
                          options=infinite, x=special))
        cases.append(Case(f"{tag}_prelu_special", nn.PReLU(5), dtype=dtype, special="weight",
                          x=special.reshape(1, 1, -1).expand(1, 5, -1).contiguous()))
        # PReLU's channels are dimension 1, of an unbatched image too; below two dimensions there is one.
        for shape, count in (((2, 3, 4, 5), 3), ((2, 3, 4, 5), 1), ((3, 4, 5), 4), ((3, 4, 5), 1),
                             ((4, 6), 6),
                             ((4, 6), 1), ((7,), 1), ((2, 5, 3), 5), ((0, 3, 2, 2), 3), ((2, 3, 2, 2, 3), 3)):
            name = f"{tag}_prelu_{'x'.join(map(str, shape))}_{count}_random"
            cases.append(Case(name, nn.PReLU(count), shape, dtype))
    return cases


def sequential() -> list[Case]:
    """Nests that tests/layers/golden_network_test.cpp builds under the same names."""
    nested = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1),
                           nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(4, 3, 2, stride=2)),
                           nn.PReLU(3))
    named = nn.Sequential()
    named.add_module("stem", nn.Conv2d(1, 3, (3, 1), padding=(1, 0), padding_mode="reflect"))
    named.add_module("1", nn.LeakyReLU(0.1))
    named.add_module("tail", nn.Sequential())
    named.tail.add_module("norm", nn.BatchNorm2d(3))
    named.tail.add_module("act", nn.Tanh())
    return [Case("nested", nested, (2, 2, 5, 6)), Case("nested_unbatched", nn.Sequential(*list(nested)[:2]),
                                                       (2, 5, 6)),
            Case("named", named, (2, 1, 6, 5)), Case("empty", nn.Sequential(), (2, 3)),
            Case("unbatched_prelu", nn.Sequential(nn.ConvTranspose2d(2, 5, 3, padding=1), nn.PReLU(4)),
                 (2, 4, 6))]


# --- whole networks -----------------------------------------------------------------------------


class Named(nn.Sequential):
    """A Sequential of named parts, as a module that calls its attributes in turn would export itself."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


def dcgan() -> nn.Module:
    """The generator of PyTorch's DCGAN example, with fewer channels."""
    widths, layers = [16, 32, 16, 8, 4], []
    for index, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        geometry = dict(stride=1, padding=0) if index == 0 else dict(stride=2, padding=1)
        layers += [nn.ConvTranspose2d(fan_in, fan_out, 4, bias=False, **geometry), nn.BatchNorm2d(fan_out),
                   nn.ReLU(True)]
    layers += [nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=False), nn.Tanh()]
    return Named(main=nn.Sequential(*layers))


def fsrcnn() -> nn.Module:
    """FSRCNN x3 (Dong et al., 2016) with d=16, s=6, m=2."""
    mid = [nn.Conv2d(16, 6, 1), nn.PReLU(6)]
    for _ in range(2):
        mid += [nn.Conv2d(6, 6, 3, padding=1), nn.PReLU(6)]
    mid += [nn.Conv2d(6, 16, 1), nn.PReLU(16)]
    return Named(first_part=nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.PReLU(16)),
                 mid_part=nn.Sequential(*mid),
                 last_part=nn.ConvTranspose2d(16, 1, 9, stride=3, padding=4, output_padding=2))


def decoder() -> nn.Module:
    """A decoder as in VAEs and pix2pix: blocks in blocks, padding by reflection, odd sizes."""

    def up(fan_in: int, fan_out: int) -> nn.Module:
        return nn.Sequential(nn.ConvTranspose2d(fan_in, fan_out, 4, 2, 1, bias=False),
                             nn.BatchNorm2d(fan_out),
                             nn.LeakyReLU(0.2))

    return Named(stem=nn.Sequential(nn.Conv2d(12, 16, 3, padding=1, padding_mode="reflect"),
                                    nn.LeakyReLU(0.2)),
                 up=nn.Sequential(up(16, 12), up(12, 8)),
                 refine=nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=4, padding_mode="replicate"),
                                      nn.PReLU(),
                                      nn.Conv2d(8, 3, 7, padding=3, padding_mode="reflect")),
                 out=nn.Sigmoid())


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(10, 24), nn.Tanh(), nn.Linear(24, 24, bias=False), nn.LeakyReLU(),
                         nn.Linear(24, 5),
                         nn.Sigmoid())


def networks() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    return {"dcgan": (dcgan(), (2, 16, 1, 1)), "fsrcnn": (fsrcnn(), (1, 1, 13, 18)),
            "decoder": (decoder(), (2, 12, 5, 7)),
            "mlp": (mlp(), (6, 10))}


# --- printed modules ----------------------------------------------------------------------------


class TwoLines(nn.Module):
    """A module of one's own whose options take two lines."""

    def __init__(self, *children: nn.Module) -> None:
        super().__init__()
        for index, child in enumerate(children):
            self.add_module(f"part{index}", child)

    def extra_repr(self) -> str:
        return "first=1\nsecond=2"


def printed() -> dict[str, nn.Module]:
    """Modules to print; tests/layers/print_test.cpp builds the same."""
    named = nn.Sequential()
    named.add_module("stem", nn.Conv2d(1, 3, (3, 1), padding=(1, 0), padding_mode="reflect"))
    named.add_module("tail", nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.PReLU(3), nn.Sequential())))
    named.add_module("2", nn.Sigmoid())
    slopes = (0.0, 1.0, -0.5, 1e-4, 1e-5, 0.1 + 0.2, 123456789.0, 1e15, 1e16, 1.7976931348623157e308, 5e-324,
              float("inf"))
    return {
        "conv2d": nn.Conv2d(1, 56, 5, padding=2),
        "conv2d_all": nn.Conv2d(8, 16, (3, 5), stride=(2, 1), padding=(1, 2), dilation=(2, 1), groups=4,
                                bias=False, padding_mode="reflect"),
        "conv2d_one_side": nn.Conv2d(3, 2, 3, padding=(0, 1), dilation=(1, 2), padding_mode="replicate"),
        "conv_transpose2d": nn.ConvTranspose2d(56, 1, 9, stride=2, padding=4, output_padding=1),
        "conv_transpose2d_plain": nn.ConvTranspose2d(2, 3, 4),
        "conv_transpose2d_all": nn.ConvTranspose2d(4, 6, (2, 3), stride=(3, 2), padding=(1, 0),
                                                   output_padding=(2, 1), groups=2, bias=False, dilation=(2, 3)),
        "linear": nn.Linear(100, 3),
        "linear_no_bias": nn.Linear(5, 1, bias=False),
        "batch_norm2d": nn.BatchNorm2d(64),
        "batch_norm2d_options": nn.BatchNorm2d(3, eps=1e-3, momentum=0.01, affine=False),
        "relu": nn.ReLU(),
        "sigmoid": nn.Sigmoid(),
        "tanh": nn.Tanh(),
        "prelu": nn.PReLU(),
        "prelu_channels": nn.PReLU(56),
        "relu6": nn.ReLU6(),
        "hardtanh": nn.Hardtanh(),
        "hardtanh_options": nn.Hardtanh(-2.0, 3.5),
        "hardswish": nn.Hardswish(),
        "hardsigmoid": nn.Hardsigmoid(),
        "threshold": nn.Threshold(0.1, 20.0),
        "softshrink": nn.Softshrink(),
        "hardshrink": nn.Hardshrink(0.25),
        "rrelu": nn.RReLU(),
        "elu": nn.ELU(),
        "celu": nn.CELU(1.5),
        "selu": nn.SELU(),
        "gelu": nn.GELU(),
        "gelu_tanh": nn.GELU("tanh"),
        "silu": nn.SiLU(),
        "mish": nn.Mish(),
        "softplus": nn.Softplus(2.0, 5.5),
        "softsign": nn.Softsign(),
        "logsigmoid": nn.LogSigmoid(),
        "tanhshrink": nn.Tanhshrink(),
        "glu": nn.GLU(),
        "glu_channels": nn.GLU(1),
        **{f"leaky_relu_{index}": nn.LeakyReLU(slope) for index, slope in enumerate(slopes)},
        "sequential_empty": nn.Sequential(),
        "sequential": nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(), nn.Linear(4, 1)),
        "named": named,
        "two_lines": TwoLines(),
        "two_lines_nested": nn.Sequential(TwoLines(nn.Tanh(), nn.Sequential(nn.ReLU()))),
    }


# --- refused calls ------------------------------------------------------------------------------


def invalid_calls() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """(name, key phrase of PyTorch's message, call). tests/layers/error_test.cpp makes the same calls."""
    z = torch.zeros
    yield ("conv_transpose2d_groups_in", "in_channels must be divisible by groups",
           lambda: nn.ConvTranspose2d(3, 4, 2, groups=2))
    yield ("conv_transpose2d_groups_out", "out_channels must be divisible by groups",
           lambda: nn.ConvTranspose2d(4, 3, 2, groups=2))
    yield ("conv_transpose2d_rank",
           "Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: [3, 4]",
           lambda: nn.ConvTranspose2d(3, 4, 2)(z(3, 4)))
    yield ("conv_transpose2d_channels",
           "expected input[1, 3, 5, 6] to have 4 channels, but got 3 channels instead",
           lambda: nn.ConvTranspose2d(4, 2, 3)(z(1, 3, 5, 6)))
    yield ("conv_transpose2d_too_small", "Output size is too small",
           lambda: nn.ConvTranspose2d(1, 1, 3, padding=3)(z(1, 1, 3, 3)))
    yield ("conv_transpose2d_output_padding", "output padding must be smaller than either stride or dilation",
           lambda: nn.ConvTranspose2d(1, 1, 3, stride=2, output_padding=2)(z(1, 1, 3, 3)))
    yield ("conv_transpose2d_padding_mode", 'Only "zeros" padding mode is supported for ConvTranspose2d',
           lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect"))
    yield ("conv_transpose2d_output_size", "requested an output size of",
           lambda: nn.ConvTranspose2d(1, 1, 3, stride=2)(z(1, 1, 4, 5), output_size=[11, 11]))
    yield ("conv_transpose2d_output_size_range", "but valid sizes range from [9, 11] to [10, 12]",
           lambda: nn.ConvTranspose2d(1, 1, 3, stride=2)(z(1, 1, 4, 5), output_size=[8, 11]))
    yield ("conv2d_rank",
           "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [3]",
           lambda: nn.Conv2d(3, 4, 2)(z(3)))
    yield ("conv2d_channels", "to have 4 channels, but got 3 channels instead",
           lambda: nn.Conv2d(4, 2, 3)(z(3, 5, 6)))
    yield ("conv2d_kernel_size",
           "Calculated padded input size per channel: (3 x 4). Kernel size: (5 x 3). Kernel size can't be "
           "greater than actual input size", lambda: nn.Conv2d(1, 1, (3, 3), dilation=(2, 1))(z(1, 1, 3, 4)))
    yield ("conv2d_reflect", "Padding size should be less than the corresponding input dimension",
           lambda: nn.Conv2d(1, 1, 3, padding=3, padding_mode="reflect")(z(1, 1, 3, 5)))
    yield "conv2d_groups", "in_channels must be divisible by groups", lambda: nn.Conv2d(4, 6, 3, groups=3)
    yield ("conv2d_stride", "non-positive stride is not supported",
           lambda: nn.Conv2d(1, 1, 3, stride=0)(z(1, 1, 5, 5)))
    yield ("conv2d_padding", "negative padding is not supported",
           lambda: nn.Conv2d(1, 1, 3, padding=-1)(z(1, 1, 5, 5)))
    yield ("conv2d_empty_image",
           "but got input shape: [1, 1, 0, 5]",
           lambda: nn.Conv2d(1, 1, 3, padding=2)(z(1, 1, 0, 5)))
    yield ("conv_transpose2d_empty_image",
           "but got input shape: [1, 1, 4, 0]",
           lambda: nn.ConvTranspose2d(1, 1, 3)(z(1, 1, 4, 0)))
    yield ("linear_features", "mat1 and mat2 shapes cannot be multiplied (6x4 and 5x7)",
           lambda: nn.Linear(5, 7)(z(2, 3, 4)))
    yield ("batch_norm2d_rank", "expected 4D input (got 3D input)",
           lambda: nn.BatchNorm2d(3).eval()(z(3, 4, 5)))
    yield ("batch_norm2d_channels", "running_mean should contain 4 elements not 3",
           lambda: nn.BatchNorm2d(3).eval()(z(2, 4, 5, 5)))
    yield ("prelu_channels",
           "Mismatch of parameter numbers and input channel size. Found parameter numbers = 3 and channel size = 4",
           lambda: nn.PReLU(3)(z(2, 4, 5, 5)))
    yield ("prelu_unbatched", "Found parameter numbers = 3 and channel size = 5",
           lambda: nn.PReLU(3)(z(3, 5, 5)))
    yield ("upsample_no_size", "either size or scale_factor should be defined", lambda: nn.Upsample()(z(1, 1, 2, 2)))
    yield ("upsample_size_and_scale", "only one of size or scale_factor should be defined",
           lambda: nn.Upsample(size=2, scale_factor=2)(z(1, 1, 2, 2)))
    yield ("upsample_align_corners",
           "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear",
           lambda: nn.Upsample(size=2, align_corners=False)(z(1, 1, 2, 2)))
    yield ("upsample_recompute", "recompute_scale_factor is not meaningful with an explicit size.",
           lambda: nn.Upsample(size=2, recompute_scale_factor=True)(z(1, 1, 2, 2)))
    yield ("upsample_linear", "Got 4D input, but linear mode needs 3D input",
           lambda: nn.Upsample(size=2, mode="linear")(z(1, 1, 2, 2)))
    yield ("upsample_trilinear", "Got 4D input, but trilinear mode needs 5D input",
           lambda: nn.Upsample(size=2, mode="trilinear")(z(1, 1, 2, 2)))
    yield ("upsample_unbatched", "Got 3D input, but bilinear mode needs 4D input",
           lambda: nn.UpsamplingBilinear2d(size=2)(z(1, 2, 2)))
    yield ("upsample_too_small",
           "Input and output sizes should be greater than 0, but got input (H: 3, W: 4) output (H: 0, W: 1)",
           lambda: nn.Upsample(scale_factor=0.26, mode="bicubic")(z(1, 1, 3, 4)))
    yield ("upsample_no_channels", "Non-empty 4D data tensor expected but got a tensor with sizes [1, 0, 3, 4]",
           lambda: nn.UpsamplingNearest2d(scale_factor=2)(z(1, 0, 3, 4)))
    yield ("interpolate_antialias", "Anti-alias option is only supported for bilinear and bicubic modes",
           lambda: nn.functional.interpolate(z(1, 1, 2, 2), size=2, antialias=True))
    yield "celu_alpha", "alpha cannot be 0 for CELU", lambda: nn.CELU(0.0)(z(2))
    yield ("rrelu_bounds", "Lower bound should be less than or equal to the upper bound",
           lambda: nn.functional.rrelu(z(2), 0.5, 0.1, training=True))
    yield "clamp_nothing", "At least one of 'min' or 'max' must not be None", lambda: torch.clamp(z(2))
    yield ("glu_odd", "Halving dimension must be even, but dimension 1 is size 3",
           lambda: nn.functional.glu(z(2, 3)))
    yield ("glu_scalar", "glu does not support scalars because halving size must be even",
           lambda: nn.functional.glu(z(())))
