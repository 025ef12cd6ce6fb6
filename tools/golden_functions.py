"""Cases of functions that compute on values: arithmetic with broadcasting, pooling, and functions of one number.

arithmetic.h5: <function>_<number>.<tensor>: a and b, of which one may be a number (f64 scalar), and y.
pooling.h5: <function>_<number>.<tensor>: x, options as i64 vectors named as PyTorch's, and y.
pointwise.h5: see pointwise().
"""

from __future__ import annotations

import random

import numpy as np
import torch
import torch.nn.functional as F

Entries = dict[str, torch.Tensor]


def draw(seed: int, *shape: int) -> torch.Tensor:
    values = np.random.RandomState(seed).randint(-64, 65, size=shape) / 16.0
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


ARITHMETIC = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
              "minimum": torch.minimum}


def arithmetic() -> Entries:
    shapes = [((2, 3, 4, 5), (2, 3, 4, 5)), ((2, 3, 4, 5), (3, 1, 1)), ((2, 3, 1, 1), (2, 3, 4, 5)), ((1, 1, 4, 5), (2, 3, 4, 5)),
              ((2, 3, 4, 5), (2, 1, 4, 5)), ((5,), (2, 3, 4, 5)), ((4, 1), (1, 5)), ((2, 1, 4, 1), (1, 3, 1, 5)),
              ((), (2, 3)), ((1,), ()), ((0, 3), (1, 3)), ((2, 64), (2, 64)), ((1, 67), (3, 1)), ((3, 8, 16), (8, 1)),
              ((2, 2, 2, 2, 2), (2, 1, 2, 1, 2))]
    entries: Entries = {}
    number = 0
    for function, call in ARITHMETIC.items():
        for a_shape, b_shape in shapes:
            a, b = draw(number, *a_shape), draw(number + 1000, *b_shape)
            if function == "div":
                b = torch.where(b == 0, torch.ones_like(b), b)
            name = f"{function}_{number}"
            number += 1
            entries.update({f"{name}.a": a, f"{name}.b": b, f"{name}.y": call(a, b)})
        special = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.5, float("nan")])
        other = torch.tensor([1.0, -float("inf"), float("inf"), -0.0, 2.0, float("nan"), float("nan")])
        entries.update({f"{function}_special.a": special, f"{function}_special.b": other,
                        f"{function}_special.y": call(special, other)})
        for first in (False, True):  # a number on either side
            x, factor = draw(number, 2, 3, 7), 0.375
            as_tensor = torch.full_like(x, factor)
            x = torch.where(x == 0, torch.ones_like(x), x)
            name = f"{function}_{number}"
            number += 1
            scalar = torch.tensor(factor, dtype=torch.float64)
            entries.update({f"{name}.a": scalar if first else x, f"{name}.b": x if first else scalar,
                            f"{name}.y": call(as_tensor, x) if first else call(x, as_tensor)})
    return entries


def pooling() -> Entries:
    entries: Entries = {}
    number = 0

    def add(function: str, x: torch.Tensor, y: torch.Tensor, **options) -> None:
        nonlocal number
        name = f"{function}_{number}"
        number += 1
        entries[f"{name}.x"] = x
        entries[f"{name}.y"] = y
        for key, value in options.items():
            entries[f"{name}.{key}"] = torch.tensor(value if isinstance(value, (list, tuple)) else [int(value)],
                                                    dtype=torch.int64)

    def window(x: torch.Tensor, kernel, stride, padding, dilation, ceil_mode: bool) -> None:
        add("max_pool2d", x, F.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode), kernel_size=kernel,
            stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)

    def mean(x: torch.Tensor, kernel, stride, padding, ceil_mode: bool, include: bool, divisor) -> None:
        y = F.avg_pool2d(x, kernel, stride, padding, ceil_mode, include, divisor)
        add("avg_pool2d", x, y, kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=include, **({"divisor_override": divisor} if divisor else {}))

    image = draw(1, 2, 3, 9, 11)
    window(image, (2, 2), (2, 2), (0, 0), (1, 1), False)
    window(image, (2, 2), (2, 2), (0, 0), (1, 1), True)
    window(image, (3, 3), (2, 2), (1, 1), (1, 1), False)
    window(image, (3, 2), (1, 3), (1, 0), (2, 1), True)
    window(image[0], (3, 3), (1, 1), (1, 1), (1, 1), False)
    window(image, (9, 11), (1, 1), (0, 0), (1, 1), False)
    window(draw(2, 1, 2, 40, 37), (17, 19), (3, 5), (8, 9), (1, 1), True)
    spoiled = image.clone()
    spoiled[0, 0, 3, 4], spoiled[1, 1, 0, 0], spoiled[1, 2, 8, 10] = float("nan"), -float("inf"), float("inf")
    window(spoiled, (3, 3), (2, 2), (1, 1), (1, 1), False)
    window(torch.full((1, 1, 4, 4), -float("inf")), (2, 2), (2, 2), (1, 1), (1, 1), False)
    window(draw(3, 0, 3, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False)
    mean(image, (2, 2), (2, 2), (0, 0), False, True, None)
    mean(image, (3, 3), (2, 2), (1, 1), False, True, None)
    mean(image, (3, 3), (2, 2), (1, 1), False, False, None)
    mean(image, (3, 2), (2, 3), (1, 1), True, True, None)
    mean(image, (3, 2), (2, 3), (1, 1), True, False, None)
    mean(image, (3, 3), (2, 2), (1, 1), True, True, 5)
    mean(spoiled, (3, 3), (1, 2), (1, 1), False, True, None)
    mean(image[1], (9, 11), (1, 1), (0, 0), False, True, None)
    random.seed(7)
    for case in range(40):
        x = draw(100 + case, random.randint(1, 2), random.randint(1, 3), random.randint(5, 12), random.randint(5, 12))
        dilation = (random.randint(1, 2), random.randint(1, 2))
        kernel = (random.randint(1, 3), random.randint(1, 3))
        stride = (random.randint(1, 4), random.randint(1, 4))
        ceil_mode = bool(random.getrandbits(1))
        half = [random.randint(0, k // 2) for k in kernel]
        window(x, kernel, stride, tuple(half), dilation, ceil_mode)
        half = [random.randint(0, k // 2) for k in kernel]
        mean(x, kernel, stride, tuple(half), ceil_mode, bool(random.getrandbits(1)), random.choice([None, None, 3]))
    for x, size in [(image, (1, 1)), (image, (3, 4)), (image, (9, 11)), (image, (13, 7)), (image[0], (2, None)),
                    (draw(5, 2, 5, 33, 47), (1, 1)), (spoiled, (2, 2)), (image, (None, 5))]:
        options = {"output_size": [0 if s is None else s for s in size]}
        add("adaptive_avg_pool2d", x, F.adaptive_avg_pool2d(x, size), **options)
        add("adaptive_max_pool2d", x, F.adaptive_max_pool2d(x, size), **options)
    return entries


# Values of which every one is exact in f16 and bf16, too.
POINTWISE_X = ([k / 16 for k in range(-128, 129)] + [2.0**-14, -(2.0**-14), 2.0**-20, -(2.0**-20)] +
               [sign * value for value in (12.0, 16.5, 20.0, 30.0, 88.0, 100.0, 1024.0, 2.0**14, 0.0, float("inf"))
                for sign in (1, -1)] + [float("nan")])


def pointwise_calls() -> list[tuple[str, dict[str, float]]]:
    """Functions with their options, by PyTorch's names: defaults, by hand, and drawn."""
    plain = ["relu", "relu6", "selu", "silu", "mish", "softsign", "hardswish", "hardsigmoid", "logsigmoid", "tanhshrink",
             "sigmoid", "tanh", "abs", "exp", "log", "sqrt", "rsqrt", "square", "reciprocal", "sin", "cos", "hardtanh", "elu",
             "celu", "gelu", "softplus", "softshrink", "hardshrink", "leaky_relu", "rrelu"]
    calls: list[tuple[str, dict[str, float]]] = [(name, {}) for name in plain]
    calls += [("gelu", {"tanh": 1.0}), ("hardtanh", {"min_val": -2.0, "max_val": 0.5}), ("clamp", {"min": -1.0}),
              ("clamp", {"max": 2.5}), ("clamp", {"min": 1.0, "max": -1.0}), ("clamp", {"min": -float("inf"), "max": 3.0}),
              ("threshold", {"threshold": 0.5, "value": 20.0}), ("threshold", {"threshold": -1.0, "value": -7.0}),
              ("softplus", {"beta": 2.0, "threshold": 5.0}), ("elu", {"alpha": -0.5}), ("celu", {"alpha": -2.0}),
              ("softshrink", {"lambd": 0.0}), ("hardshrink", {"lambd": -1.0}), ("hardshrink", {"lambd": 0.0}),
              ("rrelu", {"lower": 0.25, "upper": 0.5})]
    calls += [("pow", {"exponent": exponent}) for exponent in (0.5, 1.0, 2.0, 3.0, -0.5, -1.0, -2.0, 0.0, 1.5, -1.25, 5.0,
                                                               -3.0, 0.25, float("inf"))]
    drawn = random.Random(11)
    for _ in range(3):
        number = drawn.randint(1, 48) / 16.0
        calls += [("elu", {"alpha": number}), ("celu", {"alpha": number}), ("softshrink", {"lambd": number}),
                  ("hardshrink", {"lambd": number}), ("softplus", {"beta": number, "threshold": drawn.randint(4, 40) / 2.0}),
                  ("leaky_relu", {"negative_slope": number / 8}), ("hardtanh", {"min_val": -number, "max_val": number + 1}),
                  ("threshold", {"threshold": number, "value": -number}), ("pow", {"exponent": number + 1 / 32})]
    return calls


def pointwise() -> Entries:
    """pointwise.h5: x, which all functions but glu take, and <function>_<number>.<tensor>: y and options, f64 scalars by
    PyTorch's names. y is computed in double."""
    x = torch.tensor(POINTWISE_X, dtype=torch.float32)
    entries: Entries = {"x": x}
    for number, (name, options) in enumerate(pointwise_calls()):
        call = getattr(F, name, None) or getattr(torch, name)
        arguments = {"approximate": "tanh"} if "tanh" in options else dict(options)
        y = call(x.double(), **arguments).float()
        finite = torch.isfinite(x)
        assert torch.allclose(y[finite], call(x, **arguments)[finite], rtol=1e-4, atol=2e-6, equal_nan=True), name
        entries[f"{name}_{number}.y"] = y
        for key, value in options.items():
            entries[f"{name}_{number}.{key}"] = torch.tensor(value, dtype=torch.float64)
    for number, (shape, dim) in enumerate([((2, 6, 5), 1), ((2, 3, 8), -1), ((4,), 0), ((2, 0), 1), ((6, 2, 3), -3)]):
        image = draw(number, *shape)
        entries.update({f"glu_{number}.x": image, f"glu_{number}.dim": torch.tensor(float(dim), dtype=torch.float64),
                        f"glu_{number}.y": F.glu(image.double(), dim).float()})
    return entries
