"""The network of the restore example: a small residual U-Net against noise and JPEG artefacts."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import h5py
import torch
from torch import nn
from torch.nn import functional

WIDTHS = (24, 48, 96)  # channels at the picture's size, at half and at a quarter of it
GRID = 4  # what sides are padded to a multiple of
REACH = 36  # pixels around a pixel that its output depends on


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(functional.relu(self.conv1(x)))


class Restorer(nn.Module):
    """RGB [N,3,H,W] in [0, 1] to the same, restored; any H and W."""

    def __init__(self) -> None:
        super().__init__()
        full, half, quarter = WIDTHS
        self.head = nn.Conv2d(3, full, 3, padding=1)
        self.encode1 = ResidualBlock(full)
        self.down1 = nn.Conv2d(full, half, 2, stride=2)
        self.encode2 = ResidualBlock(half)
        self.down2 = nn.Conv2d(half, quarter, 2, stride=2)
        self.middle1 = ResidualBlock(quarter)
        self.middle2 = ResidualBlock(quarter)
        self.up2 = nn.ConvTranspose2d(quarter, half, 2, stride=2)
        self.merge2 = nn.Conv2d(2 * half, half, 3, padding=1)
        self.decode2 = ResidualBlock(half)
        self.up1 = nn.ConvTranspose2d(half, full, 2, stride=2)
        self.merge1 = nn.Conv2d(2 * full, full, 3, padding=1)
        self.decode1 = ResidualBlock(full)
        self.tail = nn.Conv2d(full, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        x = functional.pad(x, (0, -width % GRID, 0, -height % GRID), mode="replicate")
        skip1 = self.encode1(self.head(x))
        skip2 = self.encode2(self.down1(skip1))
        deep = self.middle2(self.middle1(self.down2(skip2)))
        y = self.decode2(functional.relu(self.merge2(torch.cat([self.up2(deep), skip2], 1))))
        y = self.decode1(functional.relu(self.merge1(torch.cat([self.up1(y), skip1], 1))))
        return (x + self.tail(y))[:, :, :height, :width]


def new_network() -> Restorer:
    """PyTorch's initial values, but for the last layer's zeros: the network begins as one that changes nothing."""
    net = Restorer()
    nn.init.zeros_(net.tail.weight)
    nn.init.zeros_(net.tail.bias)
    return net


def load_network(path: Path) -> Restorer:
    """The network with the weights in `path`, a .pt state dict or HDF5, in float32."""
    if path.suffix == ".h5":
        with h5py.File(path, "r") as file:
            state = OrderedDict((name, torch.from_numpy(file[name][()]).float()) for name in file)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    net = Restorer()
    net.load_state_dict(state)
    return net.eval()
