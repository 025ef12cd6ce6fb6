"""Whole networks as their PyTorch authors write them, as small as they can be: the same attributes, so the same keys.

networks.h5: <net>.state.<key>, and <net>.x0, <net>.x1 ..., <net>.y0 ...: inputs and outputs. tests/layers/networks/ builds
them in C++. U-Nets are here, the others in golden_segmenters.py, golden_nested.py, golden_cunet.py and
golden_upscalers.py.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

import golden_cunet
import golden_nested
import golden_segmenters
import golden_upscalers
from golden_values import Values

Networks = dict[str, tuple[nn.Module, tuple[tuple[int, ...], ...]]]


class UNet(nn.Module):
    """U-Net with transposed convolutions (Ronneberger et al., 2015), as brain-segmentation-pytorch has it; two levels."""

    def __init__(self, in_channels: int = 3, out_channels: int = 1, features: int = 4) -> None:
        super().__init__()
        self.encoder1 = self._block(in_channels, features, "enc1")
        self.pool1 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.encoder2 = self._block(features, features * 2, "enc2")
        self.pool2 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.bottleneck = self._block(features * 2, features * 2, "bottleneck")
        self.upconv2 = nn.ConvTranspose2d(features * 2, features * 2, kernel_size=2, stride=2)
        self.decoder2 = self._block(features * 4, features * 2, "dec2")
        self.upconv1 = nn.ConvTranspose2d(features * 2, features, kernel_size=2, stride=2)
        self.decoder1 = self._block(features * 2, features, "dec1")
        self.conv = nn.Conv2d(features, out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        enc1 = self.encoder1(x)
        enc2 = self.encoder2(self.pool1(enc1))
        bottleneck = self.bottleneck(self.pool2(enc2))
        dec2 = self.upconv2(bottleneck)
        dec2 = torch.cat((dec2, enc2), dim=1)
        dec2 = self.decoder2(dec2)
        dec1 = self.upconv1(dec2)
        dec1 = torch.cat((dec1, enc1), dim=1)
        dec1 = self.decoder1(dec1)
        return torch.sigmoid(self.conv(dec1))

    @staticmethod
    def _block(in_channels: int, features: int, name: str) -> nn.Module:
        return nn.Sequential(OrderedDict([
            (name + "conv1", nn.Conv2d(in_channels, features, kernel_size=3, padding=1, bias=False)),
            (name + "norm1", nn.BatchNorm2d(num_features=features)),
            (name + "relu1", nn.ReLU(inplace=True)),
            (name + "conv2", nn.Conv2d(features, features, kernel_size=3, padding=1, bias=False)),
            (name + "norm2", nn.BatchNorm2d(num_features=features)),
            (name + "relu2", nn.ReLU(inplace=True))]))


class DoubleConv(nn.Module):
    """(convolution => BN => ReLU) * 2, of Pytorch-UNet."""

    def __init__(self, in_channels: int, out_channels: int, mid_channels: int | None = None) -> None:
        super().__init__()
        mid_channels = mid_channels or out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(in_channels, out_channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv = DoubleConv(in_channels, out_channels, in_channels // 2)

    def forward(self, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
        x1 = self.up(x1)
        diff_y = x2.size()[2] - x1.size()[2]
        diff_x = x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diff_x // 2, diff_x - diff_x // 2, diff_y // 2, diff_y - diff_y // 2])
        x = torch.cat([x2, x1], dim=1)
        return self.conv(x)


class OutConv(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


class UNetBilinear(nn.Module):
    """U-Net of Pytorch-UNet, bilinear=True; two levels, for images of any size."""

    def __init__(self, n_channels: int = 3, n_classes: int = 2, features: int = 4) -> None:
        super().__init__()
        self.inc = DoubleConv(n_channels, features)
        self.down1 = Down(features, features * 2)
        self.down2 = Down(features * 2, features * 2)
        self.up1 = Up(features * 4, features)
        self.up2 = Up(features * 2, features)
        self.outc = OutConv(features, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x = self.up1(x3, x2)
        x = self.up2(x, x1)
        logits = self.outc(x)
        return logits


class UnetSkipConnectionBlock(nn.Module):
    """A level of pix2pix's U-Net and those inside it. The LeakyReLU works in place: the skip has been through it."""

    def __init__(self, outer_nc: int, inner_nc: int, input_nc: int | None = None, submodule: nn.Module | None = None,
                 outermost: bool = False, innermost: bool = False) -> None:
        super().__init__()
        self.outermost = outermost
        input_nc = outer_nc if input_nc is None else input_nc
        downconv = nn.Conv2d(input_nc, inner_nc, kernel_size=4, stride=2, padding=1, bias=False)
        downrelu = nn.LeakyReLU(0.2, True)
        downnorm = nn.BatchNorm2d(inner_nc)
        uprelu = nn.ReLU(True)
        upnorm = nn.BatchNorm2d(outer_nc)
        if outermost:
            upconv = nn.ConvTranspose2d(inner_nc * 2, outer_nc, kernel_size=4, stride=2, padding=1)
            model = [downconv, submodule, uprelu, upconv, nn.Tanh()]
        elif innermost:
            upconv = nn.ConvTranspose2d(inner_nc, outer_nc, kernel_size=4, stride=2, padding=1, bias=False)
            model = [downrelu, downconv, uprelu, upconv, upnorm]
        else:
            upconv = nn.ConvTranspose2d(inner_nc * 2, outer_nc, kernel_size=4, stride=2, padding=1, bias=False)
            model = [downrelu, downconv, downnorm, submodule, uprelu, upconv, upnorm]
        self.model = nn.Sequential(*model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.outermost:
            return self.model(x)
        return torch.cat([x, self.model(x)], 1)


class UnetGenerator(nn.Module):
    """pix2pix's generator (Isola et al., 2017) with five levels, down to one pixel."""

    def __init__(self, input_nc: int = 3, output_nc: int = 1, ngf: int = 2) -> None:
        super().__init__()
        block = UnetSkipConnectionBlock(ngf * 4, ngf * 4, innermost=True)
        block = UnetSkipConnectionBlock(ngf * 4, ngf * 4, submodule=block)
        block = UnetSkipConnectionBlock(ngf * 2, ngf * 4, submodule=block)
        block = UnetSkipConnectionBlock(ngf, ngf * 2, submodule=block)
        self.model = UnetSkipConnectionBlock(output_nc, ngf, input_nc=input_nc, submodule=block, outermost=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


def networks() -> Networks:
    """Each with the shapes of its inputs, two images of each."""
    return {
        "unet": (UNet(), ((2, 3, 12, 16),)),
        "unet_bilinear": (UNetBilinear(), ((2, 3, 11, 15),)),
        "pix2pix": (UnetGenerator(), ((2, 3, 32, 32),)),
        **golden_segmenters.networks(),
        **golden_nested.networks(),
        **golden_upscalers.networks(),
        **golden_cunet.networks(),
    }


def whole_networks() -> dict[str, torch.Tensor]:
    """All entries. rvm's states go into a second call, whose outputs are <net>.next.y0 ..."""
    entries: dict[str, torch.Tensor] = {}
    for name, (module, shapes) in networks().items():
        values = Values(name, step=2**-6)  # coarse: small when packed, exact in 16 bits
        module = module.double()
        values.fill(module, gain=0.75 if name in ("cunet", "edsr", "rrdbnet") else 1.0)
        x = [values.draw(*shape) for shape in shapes]
        values.calibrate(module, x)
        y = run_several(module, x, name)
        entries.update({f"{name}.state.{key}": value.clone() for key, value in module.float().state_dict().items()})
        entries.update({f"{name}.x{k}": tensor for k, tensor in enumerate(x)})
        entries.update({f"{name}.y{k}": tensor for k, tensor in enumerate(y)})
        if name == "rvm":
            again = run_several(module, [*x[:3], *y[1:]], name)
            entries.update({f"{name}.next.y{k}": tensor for k, tensor in enumerate(again)})
    return entries


def run_several(module: torch.nn.Module, x: list[torch.Tensor], name: str) -> list[torch.Tensor]:
    """The outputs in PyTorch's fp32, checked in double. In-place functions get copies."""
    with torch.no_grad():
        wide = module.double()(*(tensor.double() for tensor in x))
        y = module.float()(*(tensor.clone() for tensor in x))
    wide, y = [[result] if isinstance(result, torch.Tensor) else list(result) for result in (wide, y)]
    for one, other in zip(y, wide):
        assert torch.allclose(one.double(), other, rtol=1e-4, atol=1e-4), name
    return y
