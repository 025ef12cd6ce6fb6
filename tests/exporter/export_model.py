#!/usr/bin/env python3
"""Exports a network with tools/export_hdf5.py, for tests/exporter/round_trip_test.cpp to read in C++.

  export_model.py TOOLS_FOLDER OUTPUT_FOLDER        exits 77 where PyTorch, numpy or h5py is missing

Both sides know the values: element j of entry i, counted in the order of state_dict(), is
((31 * i + 7 * j) % 65 - 32) / 16, which every floating-point type here holds exactly; of integers, 1000003 * j + i.
"""

import os
import sys

try:
    import h5py  # noqa: F401
    import numpy  # noqa: F401
    import torch
    from torch import nn
except ImportError as error:
    print(f"skipped: the Python package '{error.name}' is missing")
    sys.exit(77)


def fill(state: dict) -> None:
    for index, value in enumerate(state.values()):
        elements = torch.arange(value.numel())
        if value.is_floating_point():
            drawn = ((31 * index + 7 * elements) % 65 - 32).to(torch.float64) / 16
        else:
            drawn = 1000003 * elements + index
        value.copy_(drawn.reshape(value.shape))


def network() -> nn.Module:
    """Nested and named; the second head is the first one's twin."""
    net = nn.Sequential()
    net.add_module("stem", nn.Conv2d(2, 4, (3, 5), groups=2))
    net.add_module("body", nn.Sequential(nn.ConvTranspose2d(4, 3, 4, stride=2, bias=False), nn.BatchNorm2d(3),
                                         nn.Sequential(nn.PReLU(3), nn.ReLU())))
    net.add_module("head", nn.Linear(5, 5, bias=False))
    net.add_module("twin", nn.Linear(5, 5, bias=False))
    return net


def main(tools: str, folder: str) -> None:
    sys.path.insert(0, tools)
    from export_hdf5 import export_state_dict

    os.makedirs(folder, exist_ok=True)
    options = {"plain": {}, "nested": {"nested": True}, "gzip": {"compression": "gzip", "shuffle": True},
               "lzf": {"compression": "lzf", "fletcher32": True}}
    types = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "f64": torch.float64}
    for type_name, dtype in types.items():
        for option_name, option in options.items():
            net = network().to(dtype)
            net.twin.weight = net.head.weight
            fill(net.state_dict())
            export_state_dict(net.state_dict(), os.path.join(folder, f"{type_name}_{option_name}.h5"), **option)


if __name__ == "__main__":
    main(*sys.argv[1:])
