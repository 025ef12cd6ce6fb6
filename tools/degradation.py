"""What spoils a photograph, on batches of patches and on whatever device they are: noise, and JPEG at a low quality.

JPEG is computed here as libjpeg computes it, but for its integer arithmetic: YCbCr, chroma halved, blocks of 8x8
through the cosine transform, the standard's tables scaled by the quality, and back. Entropy coding loses nothing and is
left out. The tests compare it with Pillow's own JPEG.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

# Tables K.1 and K.2 of the JPEG standard (ITU-T T.81), rows from the top.
LUMA_TABLE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99)
CHROMA_TABLE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99) + (99,) * 32

BLOCK = 8
UNIT = 16  # the side of what JPEG codes as one piece when chroma is halved

NOISE = 25.0  # largest standard deviation, in 8-bit steps
QUALITY = (10.0, 90.0)


def cosine_basis(device: torch.device) -> torch.Tensor:
    """The orthonormal 8-point DCT-II as a matrix [frequency, sample]."""
    k = torch.arange(BLOCK, dtype=torch.float64)
    basis = torch.cos(math.pi * (2 * k[None, :] + 1) * k[:, None] / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis.float().to(device)


def quantisation_table(table: tuple[int, ...], quality: torch.Tensor) -> torch.Tensor:
    """libjpeg's table for each quality (1 to 100): [N] to [N,1,1,8,1,8], as `code_plane` wants it."""
    scale = torch.where(quality < 50, 5000.0 / quality, 200.0 - 2.0 * quality)
    base = torch.tensor(table, dtype=torch.float32, device=quality.device)
    scaled = torch.floor((base * scale[:, None].floor() + 50.0) / 100.0).clamp_(1.0, 255.0)
    return scaled.reshape(-1, 1, 1, BLOCK, 1, BLOCK)


def code_plane(plane: torch.Tensor, table: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """Channels [N,C,H,W] in 8-bit steps, coded with `table` and decoded; H and W are multiples of 8."""
    n, c, h, w = plane.shape
    blocks = plane.reshape(n, c, h // BLOCK, BLOCK, w // BLOCK, BLOCK) - 128.0
    coefficients = torch.einsum("ui,ncyixj,vj->ncyuxv", basis, blocks, basis)
    coefficients = torch.round(coefficients / table) * table
    blocks = torch.einsum("ui,ncyuxv,vj->ncyixj", basis, coefficients, basis)
    return (blocks.reshape(n, c, h, w) + 128.0).round_().clamp_(0.0, 255.0)


def jpeg(x: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """RGB [N,3,H,W] in 8-bit steps as JPEG of `quality` [N] gives it back; H and W are multiples of 16."""
    basis = cosine_basis(x.device)
    red, green, blue = x.unbind(1)
    luma = (0.299 * red + 0.587 * green + 0.114 * blue)[:, None].round()
    chroma = torch.stack([(blue - luma[:, 0]) / 1.772, (red - luma[:, 0]) / 1.402], 1) + 128.0
    chroma = functional.avg_pool2d(chroma.clamp_(0.0, 255.0), 2).round_()

    luma = code_plane(luma, quantisation_table(LUMA_TABLE, quality), basis)[:, 0]
    chroma = code_plane(chroma, quantisation_table(CHROMA_TABLE, quality), basis)
    # libjpeg's "fancy" upsampling weighs neighbours 3 to 1, which is what bilinear gives here.
    chroma = functional.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False) - 128.0
    red = luma + 1.402 * chroma[:, 1]
    blue = luma + 1.772 * chroma[:, 0]
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    return torch.stack([red, green, blue], 1).round_().clamp_(0.0, 255.0)


def degrade(x: torch.Tensor) -> torch.Tensor:
    """Clean RGB [N,3,H,W] in 8-bit steps: a third with noise, a third as JPEG, a third noisy and then JPEG.

    The noise is Gaussian, of a standard deviation up to NOISE; the quality lies in QUALITY, low ones more often.
    """
    n = len(x)
    kind, noise, quality = torch.rand(3, n, device=x.device)
    sigma = torch.where(kind < 2 / 3, noise * NOISE, torch.zeros_like(noise))
    noisy = torch.addcmul(x, torch.randn_like(x), sigma[:, None, None, None]).round_().clamp_(0.0, 255.0)
    coded = jpeg(noisy, QUALITY[0] + (QUALITY[1] - QUALITY[0]) * quality.square())
    return torch.where((kind > 1 / 3)[:, None, None, None], coded, noisy)
