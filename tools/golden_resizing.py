"""Cases of interpolate: images in another size, on multiples of 1/16.

resizing.h5: <mode>_<number>.<tensor>: x, y, and options, an f64 vector: height and width of `size` (0: none), of
`scale_factor` (0: none), align_corners (-1: not given), recompute_scale_factor, antialias.

Left out is what PyTorch 1 and 2 do not do alike: `nearest` by a factor that is no integer but gives the size that
one would give, and `antialias` of an axis whose size stays.
"""

from __future__ import annotations

import random
from typing import Any

import torch
import torch.nn.functional as F
from golden_functions import Entries, draw

MODES = ("nearest", "nearest-exact", "bilinear", "bicubic", "area")
INTERPOLATING = ("bilinear", "bicubic")
Pair = tuple[Any, Any]


def differs_among_versions(mode: str, shape: tuple[int, ...], scale: Pair, antialias: bool) -> bool:
    for size, factor in zip(shape[2:], scale):
        out = int(size * factor)
        if mode == "nearest" and out in (size, 2 * size) and out != size * factor:
            return True
        if antialias and out == size and factor != 1:
            return True
    return False


def resizing() -> Entries:
    entries: Entries = {}

    def add(mode: str, shape: tuple[int, ...], size: Pair | None = None, scale: Pair | None = None,
            corners: bool | None = None, recompute: bool = False, antialias: bool = False) -> None:
        x = draw(len(entries), *shape)
        y = F.interpolate(x, size, scale, mode, corners, recompute or None, antialias=antialias)
        name = f"{mode}_{len(entries) // 3}"
        options = [*(size or (0, 0)), *(scale or (0, 0)), -1 if corners is None else corners, recompute, antialias]
        entries.update({f"{name}.x": x, f"{name}.y": y,
                        f"{name}.options": torch.tensor([float(option) for option in options], dtype=torch.float64)})

    for mode in MODES:
        add(mode, (2, 3, 5, 6), scale=(2.0, 2.0))
        add(mode, (1, 2, 3, 37), scale=(2.0, 2.0))
        add(mode, (1, 1, 4, 4), scale=(4.0, 3.0))
        add(mode, (1, 2, 7, 5), size=(7, 5))
        add(mode, (1, 3, 6, 8), scale=(0.5, 0.5))
        add(mode, (1, 2, 5, 7), scale=(1.7, 0.6))
        add(mode, (1, 2, 5, 7), scale=(1.7, 0.6), recompute=True)
        add(mode, (1, 2, 1, 1), size=(4, 9))
        add(mode, (1, 2, 6, 9), size=(1, 1))
        add(mode, (1, 2, 1, 11), size=(3, 2))
        add(mode, (1, 2, 23, 3), size=(2, 40))
        add(mode, (0, 3, 4, 5), scale=(2.0, 2.0))
    for mode in INTERPOLATING:
        for antialias in (False, True):
            add(mode, (1, 2, 5, 6), scale=(2.0, 2.0), corners=True, antialias=antialias)
            add(mode, (1, 2, 6, 9), size=(1, 1), corners=True, antialias=antialias)
            add(mode, (1, 2, 7, 9), size=(3, 14), corners=True, antialias=antialias)
        add(mode, (1, 2, 12, 16), scale=(0.5, 0.5), antialias=True)
        add(mode, (1, 2, 31, 40), size=(2, 3), antialias=True)
        add(mode, (1, 2, 1, 5), size=(6, 2), antialias=True)
        add(mode, (1, 2, 5, 6), scale=(2.0, 2.0), antialias=True)
    drawn = random.Random(11)
    for _ in range(30):
        mode = drawn.choice(MODES)
        shape = (drawn.randint(1, 2), drawn.randint(1, 3), drawn.randint(1, 8), drawn.randint(1, 9))
        weighs = mode in INTERPOLATING
        corners = drawn.choice((None, False, True)) if weighs else None
        antialias = weighs and drawn.random() < 0.4
        if drawn.random() < 0.4:
            add(mode, shape, size=(drawn.randint(1, 9), drawn.randint(1, 12)), corners=corners, antialias=antialias)
            continue
        scale = (round(drawn.uniform(0.3, 3), 2), drawn.randint(1, 7) / drawn.randint(1, 4))
        if min(int(shape[2] * scale[0]), int(shape[3] * scale[1])) < 1:
            continue
        if not differs_among_versions(mode, shape, scale, antialias):
            add(mode, shape, scale=scale, corners=corners, recompute=drawn.random() < 0.3, antialias=antialias)
    return entries
