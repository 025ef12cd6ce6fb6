"""DBNet's head and LinkNet as their PyTorch authors write them, for golden_networks.py."""

from __future__ import annotations

import torch
from torch import nn


class DBHead(nn.Module):
    """DBNet's head with differentiable binarisation (Liao et al., 2020)."""

    def __init__(self, in_channels: int = 16, k: int = 50) -> None:
        super().__init__()
        self.k = k
        self.binarize = self._branch(in_channels)
        self.thresh = self._branch(in_channels)

    @staticmethod
    def _branch(in_channels: int) -> nn.Module:
        inner = in_channels // 4
        return nn.Sequential(nn.Conv2d(in_channels, inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner),
                             nn.ReLU(inplace=True), nn.ConvTranspose2d(inner, inner, 2, 2), nn.BatchNorm2d(inner),
                             nn.ReLU(inplace=True), nn.ConvTranspose2d(inner, 1, 2, 2), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shrink_maps = self.binarize(x)
        threshold_maps = self.thresh(x)
        binary_maps = self.step_function(shrink_maps, threshold_maps)
        return torch.cat((shrink_maps, threshold_maps, binary_maps), dim=1)

    def step_function(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.reciprocal(1 + torch.exp(-self.k * (x - y)))


class BasicBlock(nn.Module):
    def __init__(self, in_planes: int, out_planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, out_planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_planes, out_planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_planes)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False),
                                            nn.BatchNorm2d(out_planes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            residual = self.downsample(x)
        out += residual
        return self.relu(out)


class Encoder(nn.Module):
    def __init__(self, in_planes: int, out_planes: int, stride: int) -> None:
        super().__init__()
        self.block1 = BasicBlock(in_planes, out_planes, stride)
        self.block2 = BasicBlock(out_planes, out_planes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.block1(x)
        return self.block2(x)


class Decoder(nn.Module):
    def __init__(self, in_planes: int, out_planes: int, stride: int, output_padding: int) -> None:
        super().__init__()
        inner = in_planes // 4
        self.conv1 = nn.Sequential(nn.Conv2d(in_planes, inner, 1, 1, 0, bias=False), nn.BatchNorm2d(inner),
                                   nn.ReLU(inplace=True))
        self.tp_conv = nn.Sequential(nn.ConvTranspose2d(inner, inner, 3, stride, 1, output_padding, bias=False),
                                     nn.BatchNorm2d(inner), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(nn.Conv2d(inner, out_planes, 1, 1, 0, bias=False), nn.BatchNorm2d(out_planes),
                                   nn.ReLU(inplace=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        x = self.tp_conv(x)
        return self.conv2(x)


class LinkNet(nn.Module):
    """LinkNet (Chaurasia and Culurciello, 2017) with two of its four levels; logits, without the softmax after them."""

    def __init__(self, n_classes: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.encoder1 = Encoder(4, 4, 1)
        self.encoder2 = Encoder(4, 8, 2)
        self.decoder1 = Decoder(4, 4, 1, 0)
        self.decoder2 = Decoder(8, 4, 2, 1)
        self.tp_conv1 = nn.Sequential(nn.ConvTranspose2d(4, 4, 3, 2, 1, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.tp_conv2 = nn.ConvTranspose2d(4, n_classes, 2, 2, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        x = self.bn1(x)
        x = self.relu(x)
        x = self.maxpool(x)
        e1 = self.encoder1(x)
        e2 = self.encoder2(e1)
        d2 = e1 + self.decoder2(e2)
        d1 = x + self.decoder1(d2)
        y = self.tp_conv1(d1)
        y = self.conv2(y)
        return self.tp_conv2(y)


def networks() -> dict[str, tuple[nn.Module, tuple[tuple[int, ...], ...]]]:
    """Each with the shapes of its inputs, two images of each."""
    return {"dbnet": (DBHead(), ((2, 16, 3, 5),)), "linknet": (LinkNet(), ((2, 3, 8, 16),))}
