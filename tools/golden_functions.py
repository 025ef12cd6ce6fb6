"""Cases of functions that compute on values: arithmetic with broadcasting, and pooling, on multiples of 1/16.

arithmetic.h5: <function>_<number>.<tensor>: a and b, of which one may be a number (f64 scalar), and y.
pooling.h5: <function>_<number>.<tensor>: x, options as i64 vectors named as PyTorch's, and y.
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
