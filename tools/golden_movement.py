"""Cases of the functions that move elements: what PyTorch makes of small integers, which every type holds exactly.

An entry is <function>_<number>.<tensor>: inputs x0, x1, ..., arguments a0, a1, ... as i64 vectors (a scalar is a vector of
one; a missing end of a slice is 1000), outputs y0, y1, ...
"""

from __future__ import annotations

import random

import torch
import torch.nn as nn
import torch.nn.functional as F


def value(*shape: int) -> torch.Tensor:
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float32) % 251 - 100).reshape(shape)


def call(function: str, x: list[torch.Tensor], a: list[list[int]]):
    """The function as tests/layers/golden_movement_test.cpp calls upconv's."""
    one = [values[0] if values else 0 for values in a]
    return {
        "cat": lambda: torch.cat(x, one[0]),
        "stack": lambda: torch.stack(x, one[0]),
        "split": lambda: torch.split(x[0], one[0], one[1]),
        "split_sizes": lambda: torch.split(x[0], a[0], one[1]),
        "chunk": lambda: torch.chunk(x[0], one[0], one[1]),
        "slice": lambda: x[0].movedim(one[0], 0)[one[1]:one[2]:one[3]].movedim(0, one[0]),
        "narrow": lambda: torch.narrow(x[0], one[0], one[1], one[2]),
        "select": lambda: torch.select(x[0], one[0], one[1]),
        "reshape": lambda: torch.reshape(x[0], a[0]),
        "flatten": lambda: torch.flatten(x[0], one[0], one[1]),
        "unflatten": lambda: torch.nn.Unflatten(one[0], tuple(a[1]))(x[0]),
        "squeeze": lambda: torch.squeeze(x[0]),
        "squeeze_dim": lambda: torch.squeeze(x[0], one[0]),
        "unsqueeze": lambda: torch.unsqueeze(x[0], one[0]),
        "permute": lambda: x[0].permute(a[0]),
        "transpose": lambda: torch.transpose(x[0], one[0], one[1]),
        "flip": lambda: torch.flip(x[0], a[0]),
        "roll": lambda: torch.roll(x[0], a[0], a[1]),
        "expand": lambda: x[0].expand(a[0]),
        "repeat": lambda: x[0].repeat(a[0]),
        "pixel_shuffle": lambda: F.pixel_shuffle(x[0], one[0]),
        "pixel_unshuffle": lambda: F.pixel_unshuffle(x[0], one[0]),
        "channel_shuffle": lambda: torch.channel_shuffle(x[0], one[0]),
    }[function]()


def by_hand():
    """Corners: (function, inputs, arguments)."""
    image = value(2, 3, 4, 5)
    yield from [
        ("cat", [image, image, image], [[1]]), ("cat", [value(1, 3, 4, 5), value(1, 2, 4, 5)], [[1]]),
        ("cat", [image, value(2, 3, 4, 1)], [[-1]]), ("cat", [value(0, 3), value(2, 3)], [[0]]),
        ("cat", [value(3)], [[0]]), ("cat", [value(2, 0, 3), value(2, 2, 3)], [[1]]),
        ("stack", [value(2, 3), value(2, 3)], [[-1]]), ("stack", [value(2, 3), value(2, 3)], [[0]]),
        ("stack", [value(), value()], [[0]]),
        ("split", [value(7, 2)], [[3], [0]]), ("split", [image], [[2], [1]]), ("split", [value(0, 2)], [[3], [0]]),
        ("split_sizes", [image], [[1, 0, 2], [1]]), ("split_sizes", [image], [[2, 3], [-1]]),
        ("chunk", [value(7, 2)], [[3], [0]]), ("chunk", [value(4, 2)], [[3], [0]]), ("chunk", [image], [[2], [2]]),
        ("slice", [image], [[3], [1], [1000], [2]]), ("slice", [image], [[2], [-3], [-1], [1]]),
        ("slice", [image], [[0], [1], [1000], [1]]), ("slice", [image], [[1], [5], [9], [1]]),
        ("slice", [image], [[1], [2], [1], [1]]), ("slice", [image], [[-1], [-100], [100], [3]]),
        ("narrow", [image], [[2], [1], [2]]), ("narrow", [image], [[0], [-1], [1]]), ("narrow", [image], [[1], [3], [0]]),
        ("select", [image], [[0], [1]]), ("select", [image], [[-1], [-2]]), ("select", [value(4)], [[0], [2]]),
        ("reshape", [image], [[2, -1]]), ("reshape", [image], [[-1]]), ("reshape", [value(1)], [[]]),
        ("reshape", [value(0, 3)], [[3, 0]]), ("flatten", [image], [[0], [-1]]), ("flatten", [image], [[1], [2]]),
        ("flatten", [value()], [[0], [-1]]), ("unflatten", [value(2, 12)], [[1], [3, 4]]),
        ("unflatten", [value(2, 12)], [[-1], [3, -1]]), ("squeeze", [value(1, 3, 1)], []), ("squeeze", [value(1)], []),
        ("squeeze_dim", [value(1, 3, 1)], [[-1]]), ("squeeze_dim", [value(1, 3, 1)], [[1]]),
        ("unsqueeze", [value(2, 3)], [[-1]]), ("unsqueeze", [value()], [[0]]), ("unsqueeze", [value(2, 3)], [[1]]),
        ("permute", [image], [[0, 2, 3, 1]]), ("permute", [image], [[3, 2, 1, 0]]), ("permute", [value(3, 70, 40)], [[0, 2, 1]]),
        ("permute", [value(33, 65)], [[1, 0]]), ("permute", [value(2, 40, 3, 37)], [[0, 3, 2, 1]]),
        ("permute", [image], [[-4, -1, 1, 2]]), ("transpose", [image], [[1], [-1]]), ("transpose", [value(4)], [[0], [0]]),
        ("flip", [image], [[3]]), ("flip", [image], [[0, -2]]), ("flip", [value(0, 3)], [[0]]),
        ("roll", [image], [[1], [3]]), ("roll", [image], [[-3, 2], [2, 3]]), ("roll", [image], [[7, 1], [-1, -1]]),
        ("roll", [value(0, 3)], [[1], [0]]), ("expand", [value(1, 3, 1)], [[4, 3, 5]]),
        ("expand", [value(3)], [[2, 4, -1]]), ("expand", [value(1)], [[0]]), ("repeat", [value(2, 3)], [[2, 3]]),
        ("repeat", [value(2, 3)], [[4, 1, 2]]), ("repeat", [value(2)], [[0]]), ("repeat", [value()], [[3]]),
        ("pixel_shuffle", [value(2, 8, 3, 5)], [[2]]), ("pixel_shuffle", [value(9, 4, 3)], [[3]]),
        ("pixel_shuffle", [value(1, 16, 2, 3)], [[4]]), ("pixel_shuffle", [value(2, 2, 4, 2, 3)], [[2]]),
        ("pixel_shuffle", [value(2, 3, 2, 2)], [[1]]), ("pixel_unshuffle", [value(2, 2, 6, 4)], [[2]]),
        ("pixel_unshuffle", [value(3, 6, 9)], [[3]]), ("channel_shuffle", [value(2, 6, 3, 4)], [[2]]),
        ("channel_shuffle", [value(2, 6, 3, 4)], [[3]]), ("channel_shuffle", [value(1, 4, 2, 2)], [[1]]),
    ]


def drawn(count: int):
    """Arguments drawn by a fixed seed."""
    random.seed(2024)
    for _ in range(count):
        rank = random.randint(2, 5)
        x = value(*(random.randint(1, 6) for _ in range(rank)))
        dim = random.randrange(-rank, rank)
        size = x.shape[dim]
        dims = random.sample(range(rank), rank)
        function = random.choice(["slice", "narrow", "permute", "flip", "roll", "repeat", "cat", "split"])
        if function == "slice":
            yield function, [x], [[dim], [random.randint(-7, 7)], [random.randint(-7, 7)], [random.randint(1, 3)]]
        elif function == "narrow":
            start = random.randint(0, size)
            yield function, [x], [[dim], [start], [random.randint(0, size - start)]]
        elif function == "permute":
            yield function, [x], [dims]
        elif function == "flip":
            yield function, [x], [dims[:random.randint(1, rank)]]
        elif function == "roll":
            some = dims[:random.randint(1, rank)]
            yield function, [x], [[random.randint(-9, 9) for _ in some], some]
        elif function == "repeat":
            yield function, [x], [[random.randint(1, 3) for _ in range(rank)]]
        elif function == "cat":
            shape = list(x.shape)
            shape[dim] = random.randint(1, 4)
            yield function, [x, value(*shape), x], [[dim]]
        else:
            yield function, [x], [[random.randint(1, 4)], [dim]]


def movement() -> dict[str, torch.Tensor]:
    entries: dict[str, torch.Tensor] = {}
    for number, (function, x, a) in enumerate([*by_hand(), *drawn(120)]):
        y = call(function, x, a)
        for key, tensors in (("x", x), ("y", y if isinstance(y, tuple) else [y])):
            for i, tensor in enumerate(tensors):
                entries[f"{function}_{number}.{key}{i}"] = tensor.clone().contiguous()
        for i, values in enumerate(a):
            entries[f"{function}_{number}.a{i}"] = torch.tensor(values, dtype=torch.int64)
    return entries


def printed() -> dict[str, nn.Module]:
    """Modules to print; tests/layers/print_test.cpp builds the same."""
    return {
        "pixel_shuffle": nn.PixelShuffle(2),
        "pixel_unshuffle": nn.PixelUnshuffle(3),
        "channel_shuffle": nn.ChannelShuffle(4),
        "flatten": nn.Flatten(),
        "flatten_options": nn.Flatten(0, 2),
        "unflatten": nn.Unflatten(1, (2, 3)),
        "unflatten_one": nn.Unflatten(0, (6,)),
        "identity": nn.Identity(),
        "dropout": nn.Dropout(),
        "dropout1d": nn.Dropout1d(0.25),
        "dropout2d": nn.Dropout2d(1.0, inplace=True),
        "dropout3d": nn.Dropout3d(),
        "alpha_dropout": nn.AlphaDropout(0.1),
        "feature_alpha_dropout": nn.FeatureAlphaDropout(),
    }
