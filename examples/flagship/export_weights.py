#!/usr/bin/env python3
"""Write examples/flagship/weights/flagship.h5: random weights of the flagship layer, as PyTorch would save them.

  python3 examples/flagship/export_weights.py [<file>]

Needs PyTorch and h5py, Debian's or newer. The values are normal with variance 1 / (32*3*7), so that normal inputs
give outputs of variance one; the seed is fixed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from export_hdf5 import describe, export_state_dict  # noqa: E402  (found through the path above)


def flagship() -> torch.nn.ConvTranspose2d:
    torch.manual_seed(20240607)
    layer = torch.nn.ConvTranspose2d(32, 32, (3, 7), padding=(1, 3), bias=False)
    torch.nn.init.normal_(layer.weight, std=(32 * 3 * 7) ** -0.5)
    return layer


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else ROOT / "examples/flagship/weights/flagship.h5"
    print(describe(export_state_dict(flagship().state_dict(), path)))


if __name__ == "__main__":
    main()
