"""CUNet as its PyTorch authors write it, for golden_networks.py."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class SEBlock(nn.Module):
    def __init__(self, in_channels: int, reduction: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, in_channels // reduction, 1, 1, 0)
        self.conv2 = nn.Conv2d(in_channels // reduction, in_channels, 1, 1, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = F.adaptive_avg_pool2d(x, 1)
        z = self.conv1(z)
        z = F.relu(z, inplace=True)
        z = self.conv2(z)
        z = torch.sigmoid(z)
        return x * z.expand(x.shape)


class UNetConv(nn.Module):
    def __init__(self, in_channels: int, mid_channels: int, out_channels: int, se: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(in_channels, mid_channels, 3, 1, 0), nn.LeakyReLU(0.1, inplace=True),
                                  nn.Conv2d(mid_channels, out_channels, 3, 1, 0), nn.LeakyReLU(0.1, inplace=True))
        self.seblock = SEBlock(out_channels, reduction=2) if se else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.conv(x)
        if self.seblock is not None:
            z = self.seblock(z)
        return z


class UNet1(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = UNetConv(in_channels, 2, 4, se=False)
        self.conv1_down = nn.Conv2d(4, 4, 2, 2, 0)
        self.conv2 = UNetConv(4, 8, 4, se=True)
        self.conv2_up = nn.ConvTranspose2d(4, 4, 2, 2, 0)
        self.conv3 = nn.Conv2d(4, 4, 3, 1, 0)
        self.conv_bottom = nn.ConvTranspose2d(4, out_channels, 4, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x1 = self.conv1(x)
        x2 = self.conv1_down(x1)
        x1 = F.pad(x1, (-4, -4, -4, -4))
        x2 = F.leaky_relu(x2, 0.1, inplace=True)
        x2 = self.conv2(x2)
        x2 = self.conv2_up(x2)
        x2 = F.leaky_relu(x2, 0.1, inplace=True)
        x3 = self.conv3(x1 + x2)
        x3 = F.leaky_relu(x3, 0.1, inplace=True)
        z = self.conv_bottom(x3)
        return z


class UNet2(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = UNetConv(in_channels, 2, 4, se=False)
        self.conv1_down = nn.Conv2d(4, 4, 2, 2, 0)
        self.conv2 = UNetConv(4, 4, 8, se=True)
        self.conv2_down = nn.Conv2d(8, 8, 2, 2, 0)
        self.conv3 = UNetConv(8, 8, 8, se=True)
        self.conv3_up = nn.ConvTranspose2d(8, 8, 2, 2, 0)
        self.conv4 = UNetConv(8, 4, 4, se=True)
        self.conv4_up = nn.ConvTranspose2d(4, 4, 2, 2, 0)
        self.conv5 = nn.Conv2d(4, 4, 3, 1, 0)
        self.conv_bottom = nn.Conv2d(4, out_channels, 3, 1, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x1 = self.conv1(x)
        x2 = self.conv1_down(x1)
        x1 = F.pad(x1, (-16, -16, -16, -16))
        x2 = F.leaky_relu(x2, 0.1, inplace=True)
        x2 = self.conv2(x2)
        x3 = self.conv2_down(x2)
        x2 = F.pad(x2, (-4, -4, -4, -4))
        x3 = F.leaky_relu(x3, 0.1, inplace=True)
        x3 = self.conv3(x3)
        x3 = self.conv3_up(x3)
        x3 = F.leaky_relu(x3, 0.1, inplace=True)
        x4 = self.conv4(x2 + x3)
        x4 = self.conv4_up(x4)
        x4 = F.leaky_relu(x4, 0.1, inplace=True)
        x5 = self.conv5(x1 + x4)
        x5 = F.leaky_relu(x5, 0.1, inplace=True)
        z = self.conv_bottom(x5)
        return z


class UpCUNet(nn.Module):
    """waifu2x's CUNet, x2: two U-Nets in a row, without padding, with squeeze and excitation. The reduction is 2, of 8."""

    def __init__(self, in_channels: int = 3, out_channels: int = 3) -> None:
        super().__init__()
        self.unet1 = UNet1(in_channels, out_channels)
        self.unet2 = UNet2(in_channels, out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.unet1(x)
        z = self.unet2(x)
        x = F.pad(x, (-20, -20, -20, -20))
        z = x + z
        return torch.clamp(z, 0., 1.)


def networks() -> dict[str, tuple[nn.Module, tuple[tuple[int, ...], ...]]]:
    """The network and the shapes of its inputs, two images of each."""
    return {"cunet": (UpCUNet(), ((2, 3, 38, 42),))}
