#!/usr/bin/env python3
"""Exports a network with tools/export_hdf5.py, for tests/exporter/round_trip_test.cpp to read in C++.

  export_model.py TOOLS_FOLDER OUTPUT_FOLDER        exits 77 where PyTorch, numpy or h5py is missing

rules_*.h5 are at the edge of what the reader takes; refused_*.h5, which h5py writes, are beyond it, and the exporter must
refuse the same.

Both sides know the values: element j of entry i, counted in the order of state_dict(), is
((31 * i + 7 * j) % 65 - 32) / 16, which every floating-point type here holds exactly; of integers, 1000003 * j + i.
"""

import os
import shutil
import sys

try:
    import h5py
    import numpy
    import torch
    from torch import nn
except ImportError:
    print("SKIPPED: needs python3-h5py and python3-torch")
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


ODD_NAMES = ["größe.重み", "a b", " a", "a ", "A", "weight\n", "x" * 1024, "é" * 512, "-", "a.0.b", "it's", "\x7f", "*"]
BAD_NAMES = [".a", "a.", "a..b", "...", "x" * 1025, "é" * 513]


def write_edges(folder: str, export_state_dict: type) -> None:
    """What the reader takes just so. Entry i holds the number i."""
    edges = {
        "rules_names": ({name: torch.tensor(float(i)) for i, name in enumerate(ODD_NAMES)}, {}),
        "rules_nested": ({".".join("a" * 65): torch.tensor(0.0), "a b.-. c": torch.tensor(1.0)}, {"nested": True}),
        "rules_shapes": ({"a": torch.zeros([1] * 8), "b": torch.ones([1] * 7), "none": torch.zeros(3, 0)}, {}),
        "rules_integers": ({"zero": torch.tensor(0, dtype=torch.uint8), "one": torch.tensor(True)}, {}),
        "rules_chunks": ({"a": torch.zeros(1_000_003), "b": torch.ones(5, 300_001)}, {"compression": "gzip"}),
    }
    for name, (entries, options) in edges.items():
        export_state_dict(entries, os.path.join(folder, name + ".h5"), **options)


def write_refused(folder: str, export_state_dict: type, error: type) -> None:
    """Files with one entry that the reader refuses, after seeing that the exporter refuses it as well."""
    refused = {f"name{i}": ({name: torch.zeros(1)}, False) for i, name in enumerate(BAD_NAMES)}
    refused["depth"] = ({".".join("a" * 66): torch.zeros(1)}, True)
    refused["rank"] = ({"a": torch.zeros([1] * 9)}, False)
    if hasattr(torch, "uint64"):
        refused["integer"] = ({"a": torch.from_numpy(numpy.array([2**63], dtype=numpy.uint64))}, False)
    for kind, (entries, nested) in refused.items():
        path = os.path.join(folder, f"refused_{kind}.h5")
        try:
            export_state_dict(entries, path, nested=nested)
            sys.exit(f"the exporter wrote what the reader refuses: {kind}")
        except error:
            pass
        with h5py.File(path, "w", libver=("earliest", "v110")) as file:
            for name, tensor in entries.items():
                file[name.replace(".", "/") if nested else name] = tensor.numpy()


def main(tools: str, folder: str) -> None:
    sys.path.insert(0, tools)
    from export_hdf5 import ExportError, export_state_dict

    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    write_edges(folder, export_state_dict)
    write_refused(folder, export_state_dict, ExportError)
    options = {"plain": {}, "nested": {"nested": True}, "gzip": {"compression": "gzip", "shuffle": True},
               "lzf": {"compression": "lzf", "fletcher32": True}}
    types = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "f64": torch.float64}
    for type_name, dtype in types.items():
        for option_name, option in options.items():
            net = network().to(dtype)
            net.twin.weight = net.head.weight
            fill(net.state_dict())
            export_state_dict(net.state_dict(), os.path.join(folder, f"{type_name}_{option_name}.h5"), **option)

    # weight_norm begins with the weight that was there before.
    net = nn.ConvTranspose2d(2, 3, 2)
    with torch.no_grad():
        net.weight.copy_(torch.arange(24).reshape(2, 3, 2, 2) % 5 - 2)
    plain = {name: value.clone() for name, value in net.state_dict().items()}
    export_state_dict(plain, os.path.join(folder, "plain_weight.h5"))
    normed = nn.utils.weight_norm(net, dim=1)
    export_state_dict(normed.state_dict(), os.path.join(folder, "folded_weight.h5"))


if __name__ == "__main__":
    main(*sys.argv[1:])
