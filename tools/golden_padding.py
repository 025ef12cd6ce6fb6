"""Cases of torch.nn.functional.pad, of the modules that pad, and of convolutions behind them.

padding.h5: <mode>_<number>_x<sizes of x>_p<amounts>.<tensor>: y, and the constant `value` as an f64 scalar if it is not
zero. The elements of x are -100, -99, ... 150, again and again, which every type holds exactly.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

Case = tuple[str, tuple[int, ...], tuple[int, ...], float]  # mode, shape of x, pad, value


def by_hand() -> Iterator[Case]:
    """Corners: what each mode allows at most, crops, several dimensions, sizes that fill no vector."""
    yield "constant", (2, 3, 5, 7), (1, 2, 3, 4), 0.0
    yield "constant", (2, 3, 5, 7), (0, 0, 1, 1), -1.5
    yield "constant", (2, 3, 5, 7), (0, 0, 0, 0, 2, 1), 3.0
    yield "constant", (2, 3, 5, 7), (0, 0, 0, 0, 0, 0, 1, 2), 3.0
    yield "constant", (2, 3, 5, 7), (1, 0, 0, 1, 0, 2, 1, 0), float("inf")
    yield "constant", (2, 3, 5, 7), (-1, -2, -1, 0), 0.0  # a crop alone
    yield "constant", (2, 3, 5, 7), (0, 0, 0, 0, -1, -1), 0.0  # of one channel: a run of x, with a batch of one
    yield "constant", (1, 3, 5, 7), (0, 0, 0, 0, -1, -1), 0.0
    yield "constant", (2, 3, 5, 7), (-2, 3, 1, -4), 0.5  # mixed
    yield "constant", (2, 3, 5, 7), (-7, 3), 0.5  # nothing of x is left
    yield "constant", (2, 3, 5, 7), (-3, -4), 0.0
    yield "constant", (2, 3, 5, 7), (), 0.0
    yield "constant", (2, 3, 5, 7), (9, 40), 2.0
    yield "constant", (5,), (2, 1), float("nan")
    yield "constant", (2, 0, 3), (1, 1, 2, 1), 4.0  # x has no elements, y has
    yield "constant", (2, 1, 2, 1, 2, 1), (1, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0), -2.0
    yield "constant", (3, 33, 65), (1, 1, 1, 1), 0.0
    for shape in ((2, 3, 5, 7), (3, 5, 7), (0, 3, 5, 7)):
        yield "reflect", shape, (6, 6, 4, 4), 0.0
        yield "replicate", shape, (9, 1, 0, 11), 0.0
        yield "circular", shape, (7, 7, 5, 5), 0.0
        for mode in ("reflect", "replicate", "circular"):
            yield mode, shape, (1, 2, 2, 1), 0.0
            yield mode, shape, (0, 0, 2, 1), 0.0
            yield mode, shape, (-2, -1, -1, -1), 0.0
            yield mode, shape, (-2, 3, 1, -2), 0.0
    for mode in ("reflect", "replicate", "circular"):
        yield mode, (2, 9), (3, 4), 0.0
        yield mode, (2, 3, 9), (3, 4), 0.0
        yield mode, (2, 3, 9), (2, -3), 0.0
        yield mode, (2, 3, 9), (-4, 1), 0.0
        yield mode, (2, 3, 4, 3, 5), (2, 1, 1, 2, 3, 1), 0.0
        yield mode, (3, 4, 3, 5), (2, -1, -1, 2, 1, 3), 0.0
        yield mode, (3, 33, 65), (1, 1, 1, 1), 0.0
    yield "replicate", (2, 3, 1, 1), (3, 3, 3, 3), 0.0


def drawn(count: int) -> Iterator[Case]:
    """Amounts drawn by a fixed seed."""
    random.seed(511)
    for _ in range(count):
        mode = random.choice(("constant", "reflect", "replicate", "circular"))
        dims = random.randint(1, 3)
        shape = tuple(random.randint(3, 7) for _ in range(dims + random.randint(1, 2)))
        pad: list[int] = []
        for dim in range(dims):
            size = shape[-1 - dim]
            most = {"constant": 5, "reflect": size - 1, "replicate": 5, "circular": 2}[mode]
            pad += [random.choice((0, random.randint(1, most), -1)) for _ in range(2)]
        yield mode, shape, tuple(pad), random.choice((0.0, -3.0)) if mode == "constant" else 0.0


def padding() -> dict[str, torch.Tensor]:
    entries: dict[str, torch.Tensor] = {}
    for number, (mode, shape, pad, value) in enumerate([*by_hand(), *drawn(60)]):
        count = torch.Size(shape).numel()
        x = (torch.arange(count, dtype=torch.float32) % 251 - 100).reshape(shape)
        name = f"{mode}_{number}_x{'x'.join(map(str, shape))}_p{'x'.join(map(str, pad))}"
        if value != 0:
            entries[f"{name}.value"] = torch.tensor(value, dtype=torch.float64)
        entries[f"{name}.y"] = F.pad(x, pad, mode, value if mode == "constant" else None).contiguous()
    return entries


def printed() -> dict[str, nn.Module]:
    """Modules to print; tests/layers/print_test.cpp builds the same."""
    return {
        "zero_pad1d": nn.ZeroPad1d(2),
        "zero_pad2d": nn.ZeroPad2d((1, 2, 3, 4)),
        "zero_pad3d": nn.ZeroPad3d(1),
        "constant_pad1d": nn.ConstantPad1d((1, 0), 2.5),
        "constant_pad2d": nn.ConstantPad2d(1, 0.0),
        "constant_pad3d": nn.ConstantPad3d((1, 2, 3, 4, 5, -6), -1e-5),
        "reflection_pad1d": nn.ReflectionPad1d((1, 2)),
        "reflection_pad2d": nn.ReflectionPad2d(3),
        "reflection_pad3d": nn.ReflectionPad3d(1),
        "replication_pad1d": nn.ReplicationPad1d(1),
        "replication_pad2d": nn.ReplicationPad2d((1, 0, 1, 0)),
        "replication_pad3d": nn.ReplicationPad3d(2),
        "circular_pad1d": nn.CircularPad1d(4),
        "circular_pad2d": nn.CircularPad2d((1, 0, 2, 0)),
        "circular_pad3d": nn.CircularPad3d(1),
    }


def invalid_calls() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """(name, key phrase of PyTorch's message, call). tests/layers/error_test.cpp makes the same calls."""
    z = torch.zeros
    yield "pad_odd", "Padding length must be divisible by 2", lambda: F.pad(z(2, 3), (1, 2, 3))
    yield ("pad_too_long",
           "Padding length should be less than or equal to two times the input dimension but got padding length 6 and "
           "input of dimension 2", lambda: F.pad(z(2, 3), (1, 1, 1, 1, 1, 1)))
    yield ("pad_value", "Padding mode \"reflect\" doesn't take in value argument",
           lambda: F.pad(z(2, 3), (1, 1), "reflect", 2.0))
    yield ("pad_value_overflow", "without overflow", lambda: F.pad(z(2, 3, dtype=torch.float16), (1, 1), value=1e6))
    yield ("pad_dimensions", "Padding size 2 is not supported for 4D input tensor",
           lambda: F.pad(z(2, 3, 4, 5), (1, 1), "replicate"))
    yield ("pad_reflect",
           "Padding size should be less than the corresponding input dimension, but got: padding (5, 1) at dimension 2 "
           "of input [2, 3, 4]", lambda: F.pad(z(2, 3, 4), (5, 1, 1, 1), "reflect"))
    yield ("pad_reflect_rows", "padding (1, 3) at dimension 1 of input [2, 3, 4]",
           lambda: nn.ReflectionPad2d((1, 1, 1, 3))(z(2, 3, 4)))
    yield ("pad_reflect_nothing", "input (W: 5) is too small. Calculated output W: 0",
           lambda: nn.ReflectionPad1d((-3, -2))(z(2, 3, 5)))
    yield ("pad_replicate_nothing",
           "Calculated output H: 7 W: -1 must be >= 1 in every dimension (input H: 5, W: 5)",
           lambda: nn.ReplicationPad2d((-3, -3, 1, 1))(z(2, 3, 5, 5)))
    yield ("pad_replicate_empty",
           "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
           "but got: [2, 3, 0, 5]", lambda: nn.ReplicationPad2d(1)(z(2, 3, 0, 5)))
    yield ("pad_circular", "Padding value causes wrapping around more than once.",
           lambda: F.pad(z(2, 3, 4), (5, 1), "circular"))
    yield ("pad_circular_nothing", "Negative padding value is resulting in an empty dimension",
           lambda: F.pad(z(2, 3, 4), (-3, -2), "circular"))
    yield ("pad_circular_rank", "expected 3D or 4D input (got 2D input)", lambda: nn.CircularPad2d(1)(z(2, 3)))


def convolutions() -> dict[str, torch.Tensor]:
    """padded_convolution.h5: <mode>_<number>_p<left>x<right>x<top>x<bottom>_<problem string>.<tensor>: x, weight, bias and y
    of a pad and the convolution behind it, on multiples of 1/16, whose sums are exact. Without amounts, "own_<number>_p_...",
    the padding is the convolution's own.
    """
    random.seed(77)
    cases: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
        ("constant", (1, 1, 1, 1), {}), ("reflect", (1, 1, 1, 1), {}), ("replicate", (2, 2, 1, 1), {}),
        ("circular", (1, 1, 2, 2), {}), ("constant", (0, 1, 0, 1), {"stride": 2}),  # TensorFlow's "same"
        ("constant", (1, 1, 1, 1), {"padding": 1}), ("constant", (2, 1, 2, 1), {"padding": (0, 2), "kernel": (4, 4)}),
        ("constant", (2, 0, 2, 0), {}), ("replicate", (2, 0, 0, 0), {"kernel": (1, 3)}),  # causal
        ("reflect", (3, 3, 3, 3), {"kernel": (7, 7), "size": (8, 9)}), ("circular", (6, 6, 5, 5), {"size": (5, 6)}),
        ("reflect", (1, 2, 2, 1), {"stride": 2}), ("circular", (0, 3, 1, 2), {"stride": (1, 3), "dilation": 2}),
        ("own", (), {"mode": "circular", "padding": (2, 3)}), ("own", (), {"mode": "circular", "padding": 5, "size": (5, 7)}),
        ("own", (), {"mode": "circular", "padding": 1, "stride": 2, "groups": 2}),
    ]
    for _ in range(8):
        mode = random.choice(("constant", "reflect", "replicate", "circular"))
        pad = tuple(random.randint(0, 3) for _ in range(4))
        cases.append((mode, pad, {"kernel": (random.randint(1, 4), random.randint(1, 4)), "stride": random.randint(1, 2),
                                  "dilation": random.randint(1, 2), "groups": random.choice((1, 2)),
                                  "size": (random.randint(6, 9), random.randint(6, 20))}))
    entries: dict[str, torch.Tensor] = {}
    generator = torch.Generator().manual_seed(5)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randint(-32, 33, shape, generator=generator).double() / 16

    for number, (mode, pad, options) in enumerate(cases):
        pair = {name: nn.modules.utils._pair(options.get(name, default))
                for name, default in (("padding", 0), ("stride", 1), ("dilation", 1), ("kernel", 3), ("size", (6, 7)))}
        groups = options.get("groups", 1)
        own = options.get("mode", "zeros")
        ci, co = 2 * groups, 3 * groups
        layer = nn.Conv2d(ci, co, pair["kernel"], pair["stride"], pair["padding"], pair["dilation"], groups,
                          padding_mode=own).double()
        layer.weight.data, layer.bias.data = draw(*layer.weight.shape), draw(co)
        x = draw(2, ci, *pair["size"])
        with torch.no_grad():
            padded = F.pad(x, pad, mode) if pad else x
            y = layer(padded)
        name = (f"{mode}_{number}_p{'x'.join(map(str, pad))}_n2ci{ci}ih{padded.shape[2]}iw{padded.shape[3]}co{co}"
                f"kh{pair['kernel'][0]}kw{pair['kernel'][1]}_s{pair['stride'][0]}x{pair['stride'][1]}"
                f"_p{pair['padding'][0]}x{pair['padding'][1]}_{own}_d{pair['dilation'][0]}x{pair['dilation'][1]}"
                f"_g{groups}_f32")
        for key, tensor in (("x", x), ("weight", layer.weight.data), ("bias", layer.bias.data), ("y", y)):
            entries[f"{name}.{key}"] = tensor.float()
    return entries
