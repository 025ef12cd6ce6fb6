"""Networks for super-resolution as their PyTorch authors write them, for golden_networks.py."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class ResidualDenseBlock(nn.Module):
    def __init__(self, num_feat: int, num_grow_ch: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_feat, num_grow_ch, 3, 1, 1)
        self.conv2 = nn.Conv2d(num_feat + num_grow_ch, num_grow_ch, 3, 1, 1)
        self.conv3 = nn.Conv2d(num_feat + 2 * num_grow_ch, num_grow_ch, 3, 1, 1)
        self.conv4 = nn.Conv2d(num_feat + 3 * num_grow_ch, num_grow_ch, 3, 1, 1)
        self.conv5 = nn.Conv2d(num_feat + 4 * num_grow_ch, num_feat, 3, 1, 1)
        self.lrelu = nn.LeakyReLU(negative_slope=0.2, inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x1 = self.lrelu(self.conv1(x))
        x2 = self.lrelu(self.conv2(torch.cat((x, x1), 1)))
        x3 = self.lrelu(self.conv3(torch.cat((x, x1, x2), 1)))
        x4 = self.lrelu(self.conv4(torch.cat((x, x1, x2, x3), 1)))
        x5 = self.conv5(torch.cat((x, x1, x2, x3, x4), 1))
        return x5 * 0.2 + x


class RRDB(nn.Module):
    def __init__(self, num_feat: int, num_grow_ch: int) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(num_feat, num_grow_ch)
        self.rdb2 = ResidualDenseBlock(num_feat, num_grow_ch)
        self.rdb3 = ResidualDenseBlock(num_feat, num_grow_ch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.rdb1(x)
        out = self.rdb2(out)
        out = self.rdb3(out)
        return out * 0.2 + x


class RRDBNet(nn.Module):
    """ESRGAN's generator (Wang et al., 2018) as BasicSR has it, x4, with one block of 23."""

    def __init__(self, num_in_ch: int = 3, num_out_ch: int = 1, num_feat: int = 4, num_block: int = 1,
                 num_grow_ch: int = 2) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(num_in_ch, num_feat, 3, 1, 1)
        self.body = nn.Sequential(*[RRDB(num_feat, num_grow_ch) for _ in range(num_block)])
        self.conv_body = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_up1 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_up2 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_hr = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_last = nn.Conv2d(num_feat, num_out_ch, 3, 1, 1)
        self.lrelu = nn.LeakyReLU(negative_slope=0.2, inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        feat = self.conv_first(x)
        body_feat = self.conv_body(self.body(feat))
        feat = feat + body_feat
        feat = self.lrelu(self.conv_up1(F.interpolate(feat, scale_factor=2, mode="nearest")))
        feat = self.lrelu(self.conv_up2(F.interpolate(feat, scale_factor=2, mode="nearest")))
        out = self.conv_last(self.lrelu(self.conv_hr(feat)))
        return out


def default_conv(in_channels: int, out_channels: int, kernel_size: int) -> nn.Module:
    return nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)


class ResBlock(nn.Module):
    def __init__(self, n_feats: int, res_scale: float) -> None:
        super().__init__()
        self.body = nn.Sequential(default_conv(n_feats, n_feats, 3), nn.ReLU(True), default_conv(n_feats, n_feats, 3))
        self.res_scale = res_scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        res = self.body(x).mul(self.res_scale)
        res += x
        return res


class Upsampler(nn.Sequential):
    def __init__(self, scale: int, n_feats: int) -> None:
        super().__init__(default_conv(n_feats, scale * scale * n_feats, 3), nn.PixelShuffle(scale))


class EDSR(nn.Module):
    """EDSR (Lim et al., 2017), x3, with two blocks of 16 or 32. MeanShift is a 1x1 convolution."""

    def __init__(self, scale: int = 3, n_resblocks: int = 2, n_feats: int = 4, res_scale: float = 0.1) -> None:
        super().__init__()
        self.sub_mean = nn.Conv2d(3, 3, kernel_size=1)
        self.add_mean = nn.Conv2d(3, 3, kernel_size=1)
        body = [ResBlock(n_feats, res_scale) for _ in range(n_resblocks)]
        self.head = nn.Sequential(default_conv(3, n_feats, 3))
        self.body = nn.Sequential(*body, default_conv(n_feats, n_feats, 3))
        self.tail = nn.Sequential(Upsampler(scale, n_feats), default_conv(n_feats, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.sub_mean(x)
        x = self.head(x)
        res = self.body(x)
        res += x
        x = self.tail(res)
        x = self.add_mean(x)
        return x


class SRVGGNetCompact(nn.Module):
    """Real-ESRGAN's compact network (Wang et al., 2021), x2, with two of 16 or 32 convolutions."""

    def __init__(self, num_in_ch: int = 3, num_out_ch: int = 3, num_feat: int = 6, num_conv: int = 2,
                 upscale: int = 2) -> None:
        super().__init__()
        self.upscale = upscale
        self.body = nn.ModuleList()
        self.body.append(nn.Conv2d(num_in_ch, num_feat, 3, 1, 1))
        self.body.append(nn.PReLU(num_parameters=num_feat))
        for _ in range(num_conv):
            self.body.append(nn.Conv2d(num_feat, num_feat, 3, 1, 1))
            self.body.append(nn.PReLU(num_parameters=num_feat))
        self.body.append(nn.Conv2d(num_feat, num_out_ch * upscale * upscale, 3, 1, 1))
        self.upsampler = nn.PixelShuffle(upscale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = x
        for i in range(0, len(self.body)):
            out = self.body[i](out)
        out = self.upsampler(out)
        base = F.interpolate(x, scale_factor=self.upscale, mode="nearest")
        out += base
        return out


class ConvBlock(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.cov_block = nn.Sequential(
            nn.Conv2d(features, features, 3, 1, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(features, features, 3, 1, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.ConvTranspose2d(features, features, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cov_block(x)


class LapSRN(nn.Module):
    """LapSRN (Lai et al., 2017), x2 and x4, with two convolutions of ten in a level; two outputs."""

    def __init__(self, features: int = 5) -> None:
        super().__init__()
        self.conv_input = nn.Conv2d(1, features, 3, 1, 1, bias=False)
        self.relu = nn.LeakyReLU(0.2, inplace=True)
        self.convt_I1 = nn.ConvTranspose2d(1, 1, 4, 2, 1, bias=False)
        self.convt_R1 = nn.Conv2d(features, 1, 3, 1, 1, bias=False)
        self.convt_F1 = nn.Sequential(ConvBlock(features))
        self.convt_I2 = nn.ConvTranspose2d(1, 1, 4, 2, 1, bias=False)
        self.convt_R2 = nn.Conv2d(features, 1, 3, 1, 1, bias=False)
        self.convt_F2 = nn.Sequential(ConvBlock(features))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out = self.relu(self.conv_input(x))
        convt_f1 = self.convt_F1(out)
        convt_i1 = self.convt_I1(x)
        convt_r1 = self.convt_R1(convt_f1)
        hr_2x = convt_i1 + convt_r1
        convt_f2 = self.convt_F2(convt_f1)
        convt_i2 = self.convt_I2(hr_2x)
        convt_r2 = self.convt_R2(convt_f2)
        hr_4x = convt_i2 + convt_r2
        return hr_2x, hr_4x


class ESPCN(nn.Module):
    """ESPCN (Shi et al., 2016) as in PyTorch's examples, x3, with fewer channels."""

    def __init__(self, upscale_factor: int = 3) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 8, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(8, 8, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(8, 4, (3, 3), (1, 1), (1, 1))
        self.conv4 = nn.Conv2d(4, upscale_factor ** 2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.relu(self.conv3(x))
        x = self.pixel_shuffle(self.conv4(x))
        return x


def networks() -> dict[str, tuple[nn.Module, tuple[tuple[int, ...], ...]]]:
    """Each with the shapes of its inputs, two images of each."""
    return {
        "rrdbnet": (RRDBNet(), ((2, 3, 5, 7),)),
        "edsr": (EDSR(), ((2, 3, 7, 5),)),
        "srvgg": (SRVGGNetCompact(), ((2, 3, 9, 7),)),
        "lapsrn": (LapSRN(), ((2, 1, 5, 7),)),
        "espcn": (ESPCN(), ((2, 1, 5, 7),)),
    }
