#!/usr/bin/env python3
"""Train, measure and export the network of the upscale example: FSRCNN (d=56, s=12, m=4), x2, luma.

    prepare    cut training and held-out pictures from unpacked Debian packages
    train      train on a GPU (or slowly on a CPU) and save model.pt
    evaluate   PSNR on the held-out pictures, network against bicubic, as a Markdown table
    demo       make the example's picture pair (low-resolution input and its original)
    golden     an input and PyTorch's output for given weights, for the C++ tests

docs/upscaler.md has the commands in order, the definitions and the results. Weights become HDF5
through export_hdf5.py, which must lie beside this file, as must photographs.py. Needs torch, numpy, h5py and Pillow.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from PIL import Image
from torch import nn

from export_hdf5 import export_state_dict
from photographs import HELD_OUT, TRAINING, open_rgb, refuse_missing, resize_long_side

SCALE = 2
BORDER = 4  # pixels of the large picture that PSNR leaves out on every side
RECEPTIVE = 8  # low-resolution pixels around a pixel that its output depends on

DEMO = "honey_bee"


# --- the network --------------------------------------------------------------------------------


def make_network(d: int = 56, s: int = 12, m: int = 4) -> nn.Sequential:
    """FSRCNN (Dong, Loy, Tang, 2016): luma [N,1,H,W] to [N,1,2H,2W]."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["feature"] = nn.Conv2d(1, d, 5, padding=2)
    layers["feature_act"] = nn.PReLU(d)
    layers["shrink"] = nn.Conv2d(d, s, 1)
    layers["shrink_act"] = nn.PReLU(s)
    for i in range(m):
        layers[f"map{i}"] = nn.Conv2d(s, s, 3, padding=1)
        layers[f"map{i}_act"] = nn.PReLU(s)
    layers["expand"] = nn.Conv2d(s, d, 1)
    layers["expand_act"] = nn.PReLU(d)
    layers["deconv"] = nn.ConvTranspose2d(d, 1, 9, stride=SCALE, padding=4, output_padding=1)
    return nn.Sequential(layers)


def initialise(net: nn.Sequential) -> None:
    """He initialisation for the convolutions, a small one for the last layer, as in the paper."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=0.25)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=0.001)
            nn.init.zeros_(module.bias)


def load_weights(path: Path) -> OrderedDict[str, torch.Tensor]:
    """Weights from a .pt state dict or from HDF5."""
    if path.suffix != ".h5":
        return torch.load(path, map_location="cpu", weights_only=True)
    with h5py.File(path, "r") as file:
        return OrderedDict((name, torch.from_numpy(file[name][()])) for name in file)


def load_network(path: Path) -> nn.Sequential:
    """The network with the weights in `path`, ready to run."""
    net = make_network()
    net.load_state_dict(load_weights(path))
    return net.eval()


# --- pictures -----------------------------------------------------------------------------------


def halve(image: Image.Image) -> Image.Image:
    """The low-resolution picture: Pillow's antialiased bicubic, in 8 bits."""
    return image.resize((image.width // SCALE, image.height // SCALE), Image.Resampling.BICUBIC)


def luma(image: Image.Image) -> np.ndarray:
    """Full-range BT.601 luma in [0, 1], not rounded: (0.299 R + 0.587 G + 0.114 B) / 255."""
    rgb = np.asarray(image.convert("RGB"), dtype=np.float64)
    return (rgb @ np.array([0.299, 0.587, 0.114]) / 255.0).astype(np.float32)


def bicubic(plane: np.ndarray) -> np.ndarray:
    """A float plane enlarged x2 by Pillow's bicubic (a = -0.5)."""
    height, width = plane.shape
    image = Image.fromarray(plane.astype(np.float32), mode="F")
    return np.asarray(image.resize((width * SCALE, height * SCALE), Image.Resampling.BICUBIC))


def run_network(net: nn.Sequential, plane: np.ndarray) -> np.ndarray:
    """The network on one luma plane, on the device it lives on."""
    device = next(net.parameters()).device
    with torch.no_grad():
        y = net(torch.from_numpy(plane)[None, None].to(device))
    return y[0, 0].float().cpu().numpy()


def upscale_rgb(net: nn.Sequential, image: Image.Image) -> Image.Image:
    """What the upscale example computes: luma by the network, chroma by bicubic."""
    rgb = np.asarray(image.convert("RGB"), dtype=np.float64)
    y = rgb @ np.array([0.299, 0.587, 0.114])
    cb = bicubic((rgb[..., 2] - y) / 1.772)
    cr = bicubic((rgb[..., 0] - y) / 1.402)
    y = np.clip(run_network(net, (y / 255.0).astype(np.float32)), 0.0, 1.0) * 255.0
    red, blue = y + 1.402 * cr, y + 1.772 * cb
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    out = np.stack([red, green, blue], axis=-1)
    return Image.fromarray(np.clip(np.floor(out + 0.5), 0, 255).astype(np.uint8))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """In dB over [0, 1] planes, both clamped, without BORDER pixels on every side."""
    inner = (slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    error = np.clip(a[inner], 0, 1).astype(np.float64) - np.clip(b[inner], 0, 1)
    return 10.0 * math.log10(1.0 / max(float(np.mean(error**2)), 1e-12))


# --- prepare ------------------------------------------------------------------------------------


def prepare(args: argparse.Namespace) -> None:
    """Training luma and held-out colour pictures as PNG, from unpacked packages."""
    refuse_missing(args.packages, "train_upscaler.py")
    train, held_out = args.output / "train", args.output / "held_out"
    for folder in (train, held_out):
        folder.mkdir(parents=True, exist_ok=True)
    pixels = 0
    for picture in TRAINING:
        source = open_rgb(picture.path(args.packages))
        for size in picture.sizes:
            y = np.floor(luma(resize_long_side(source, size)) * 255.0 + 0.5).astype(np.uint8)
            Image.fromarray(y, mode="L").save(train / f"{picture.name}_{size}.png", optimize=True)
            pixels += y.size
    for picture in HELD_OUT:
        source = open_rgb(picture.path(args.packages))
        resize_long_side(source, picture.sizes[0]).save(held_out / f"{picture.name}.png",
                                                        optimize=True)
    print(f"{len(TRAINING)} pictures for training ({pixels / 1e6:.1f} megapixels in all sizes), "
          f"{len(HELD_OUT)} held out, in {args.output}")


# --- train --------------------------------------------------------------------------------------


class PatchSampler:
    """All training pictures in device memory, and random aligned patches from them.

    The pictures lie one after another in two flat 8-bit buffers; since a large one has exactly
    four times the pixels of its small one, one offset serves both.
    """

    def __init__(self, folder: Path, patch: int, device: torch.device,
                 min_detail: float = 1.0 / 255) -> None:
        self.patch, self.device = patch, device
        small, large, origins = [], [], []
        offset = 0
        for path in sorted(folder.glob("*.png")):
            with Image.open(path) as image:
                hr = image.convert("L")
            lr = np.asarray(halve(hr))
            starts = self._starts(np.asarray(hr), lr, min_detail)
            if len(starts):
                where = np.tile([offset, *lr.shape], (len(starts), 1))
                origins.append(np.hstack([where, starts]))
                small.append(lr.ravel())
                large.append(np.asarray(hr).ravel())
                offset += lr.size
        if not origins:
            sys.exit(f"train_upscaler.py: no training pictures in {folder}")
        self.small = torch.from_numpy(np.concatenate(small)).to(device)
        self.large = torch.from_numpy(np.concatenate(large)).to(device)
        self.origins = torch.from_numpy(np.concatenate(origins)).long().to(device)
        self.step = torch.arange(patch, device=device)
        self.step_large = torch.arange(patch * SCALE, device=device)

    def _starts(self, hr: np.ndarray, lr: np.ndarray, min_detail: float) -> np.ndarray:
        """(y, x) of the patches, on a grid of 8, that bicubic does not already get right."""
        error = np.abs(hr / 255.0 - bicubic(lr / 255.0))
        height, width = lr.shape
        patch = self.patch
        total = np.zeros((hr.shape[0] + 1, hr.shape[1] + 1))
        total[1:, 1:] = error.cumsum(0).cumsum(1)
        ys, xs = np.mgrid[0:height - patch + 1:8, 0:width - patch + 1:8].reshape(2, -1)
        y0, x0, y1, x1 = (SCALE * v for v in (ys, xs, ys + patch, xs + patch))
        mean = (total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0])
        keep = mean / (SCALE * patch) ** 2 >= min_detail
        return np.column_stack([ys, xs])[keep]

    def __len__(self) -> int:
        return len(self.origins)

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """`size` pairs (small [N,1,P,P], large [N,1,2P,2P]) in [0, 1], flipped and turned."""
        pick = torch.randint(len(self.origins), (size,), device=self.device)
        offset, height, width, y, x = self.origins[pick].unbind(1)
        jitter = torch.randint(0, 8, (2, size), device=self.device)
        y = torch.minimum(y + jitter[0], height - self.patch)
        x = torch.minimum(x + jitter[1], width - self.patch)
        lr = self._gather(self.small, offset, width, y, x, self.step)
        hr = self._gather(self.large, offset * SCALE**2, width * SCALE, y * SCALE, x * SCALE,
                          self.step_large)
        return self._turn(lr), self._turn(hr)

    @staticmethod
    def _gather(flat: torch.Tensor, offset: torch.Tensor, width: torch.Tensor, y: torch.Tensor,
                x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        rows = offset[:, None] + (y[:, None] + step) * width[:, None]
        index = rows[:, :, None] + (x[:, None] + step)[:, None, :]
        return flat[index].float().div_(255.0)[:, None]

    @staticmethod
    def _turn(x: torch.Tensor) -> torch.Tensor:
        """An eighth of the batch in each of the eight orientations."""
        parts = []
        for k, part in enumerate(x.chunk(8)):
            part = torch.rot90(part, k % 4, (2, 3))
            parts.append(part.flip(3) if k >= 4 else part)
        return torch.cat(parts)


def loss_weights(patch: int, device: torch.device, edge: float = 0.15) -> torch.Tensor:
    """1 inside, `edge` where the output depends on the zeros around the patch.

    Zero padding happens at the rim of a real picture too, but there it is a far smaller share.
    """
    weights = torch.full((patch * SCALE, patch * SCALE), edge, device=device)
    inner = slice(RECEPTIVE * SCALE, (patch - RECEPTIVE) * SCALE)
    weights[inner, inner] = 1.0
    return weights / weights.mean()


def learning_rate(step: int, steps: int, peak: float) -> float:
    """A short linear start, then a half cosine to nearly zero."""
    warm = max(1, min(500, steps // 20))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * (0.5 + 0.5 * math.cos(math.pi * (step - warm) / max(1, steps - warm))) + 1e-7


def plan_steps(args: argparse.Namespace,
               train_step: Callable[[float, bool], torch.Tensor]) -> int:
    """--steps, or as many as fit in --minutes at the speed of a short trial."""
    if args.steps:
        return args.steps
    sync = torch.cuda.synchronize if args.device.startswith("cuda") else (lambda: None)
    for _ in range(args.trial):
        train_step(0.0, False)  # learning rate 0: warms up, changes no weight
    sync()
    start = time.perf_counter()
    for _ in range(args.trial):
        train_step(0.0, False)
    sync()
    return max(1, int(args.minutes * 60 * args.trial / (time.perf_counter() - start)))


def train(args: argparse.Namespace) -> None:
    """Charbonnier loss, then mean squared error for the last part; Adam; averaged weights."""
    torch.manual_seed(args.seed)
    torch.backends.cudnn.benchmark = True
    device = torch.device(args.device)
    sampler = PatchSampler(args.data / "train", args.patch, device)
    net = make_network()
    initialise(net)
    net.to(device)
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    weights = loss_weights(args.patch, device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.0)

    def train_step(rate: float, squared: bool) -> torch.Tensor:
        for group in optimizer.param_groups:
            group["lr"] = rate
        lr, hr = sampler.batch(args.batch)
        error2 = (net(lr) - hr).square()
        if squared:
            loss = (error2 * weights).mean() * 20.0  # near the other loss in size
        else:
            loss = ((error2 + 1e-6).sqrt() * weights).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        return loss.detach()

    steps = plan_steps(args, train_step)
    optimizer.state.clear()
    parameters = sum(p.numel() for p in net.parameters())
    print(f"torch {torch.__version__} on {args.device}; {parameters} parameters; "
          f"{len(sampler)} patch positions; {steps} steps of {args.batch} patches of "
          f"{args.patch}x{args.patch}; seed {args.seed}", flush=True)
    start = time.perf_counter()
    every, running = max(1, steps // 20), torch.zeros((), device=device)
    for step in range(steps):
        squared = step >= steps * (1.0 - args.squared)
        running += train_step(learning_rate(step, steps, args.rate), squared)
        with torch.no_grad():
            keep = min(args.average, (step + 1) / (step + 10))
            values = list(net.state_dict().values())
            torch._foreach_mul_(list(average.values()), keep)
            torch._foreach_add_(list(average.values()), values, alpha=1.0 - keep)
        if (step + 1) % every == 0:
            print(f"step {step + 1:7d}  {'mse' if squared else 'l1 '} loss "
                  f"{float(running) / every:.6f}  {time.perf_counter() - start:6.1f} s", flush=True)
            running.zero_()
            save(average, args.output)
    save(average, args.output)
    print(f"trained in {time.perf_counter() - start:.1f} s; wrote {args.output}")


def save(state: dict[str, torch.Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(OrderedDict((name, value.detach().cpu()) for name, value in state.items()), path)


# --- evaluate, demo, golden ---------------------------------------------------------------------


def measure(net: nn.Sequential, original: Image.Image) -> tuple[float, float]:
    """PSNR of bicubic and of the network for one picture, halved and enlarged again."""
    truth, small = luma(original), luma(halve(original))
    return psnr(bicubic(small), truth), psnr(run_network(net, small), truth)


def evaluate(args: argparse.Namespace) -> None:
    """A Markdown table over the held-out pictures."""
    net = load_network(args.weights).to(args.device)
    rows = []
    print("| picture | size | bicubic (dB) | network (dB) | gain (dB) |")
    print("|---|---|---|---|---|")
    for path in sorted((args.data / "held_out").glob("*.png")):
        original = open_rgb(path)
        before, after = measure(net, original)
        rows.append((before, after))
        print(f"| {path.stem} | {original.width}x{original.height} | {before:.2f} | {after:.2f} | "
              f"{after - before:+.2f} |")
        if args.save:
            args.save.mkdir(parents=True, exist_ok=True)
            upscale_rgb(net, halve(original)).save(args.save / path.name)
    if not rows:
        sys.exit(f"train_upscaler.py: no pictures in {args.data / 'held_out'}")
    before, after = np.mean(rows, axis=0)
    print(f"| **mean** | | **{before:.2f}** | **{after:.2f}** | **{after - before:+.2f}** |")


def demo(args: argparse.Namespace) -> None:
    """The example's pair: the original and, as the program's input, its half."""
    args.output.mkdir(parents=True, exist_ok=True)
    original = open_rgb(args.data / "held_out" / f"{DEMO}.png")
    original.save(args.output / f"{DEMO}_original.png", optimize=True)
    halve(original).save(args.output / f"{DEMO}.png", optimize=True)
    for path in sorted(args.output.glob(f"{DEMO}*.png")):
        print(path, path.stat().st_size, "bytes")


def golden(args: argparse.Namespace) -> None:
    """x [1,1,24,32] from the example's input, y from PyTorch in double, rounded to float."""
    net = load_network(args.weights).double()
    plane = luma(open_rgb(args.picture))
    top, left = (plane.shape[0] - 24) // 2, (plane.shape[1] - 32) // 2
    x = torch.from_numpy(plane[top:top + 24, left:left + 32].copy())[None, None]
    with torch.no_grad():
        y = net(x.double()).float()
    report = export_state_dict({"x": x, "y": y}, args.output)
    print(f"{args.output}: x {tuple(x.shape)}, y {tuple(y.shape)}, {report.file_bytes} bytes")


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train_upscaler.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("prepare", help="cut the pictures")
    command.add_argument("packages", type=Path, help="folder with one unpacked package per folder")
    command.add_argument("output", type=Path, help="folder for train/ and held_out/")
    command.set_defaults(run=prepare)

    command = commands.add_parser("train", help="train and save a state dict")
    command.add_argument("data", type=Path, help="what prepare wrote")
    command.add_argument("output", type=Path, help="model.pt")
    command.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    command.add_argument("--minutes", type=float, default=5.0, help="(default: %(default)s)")
    command.add_argument("--steps", type=int, help="this many steps instead of --minutes")
    command.add_argument("--trial", type=int, default=200, help="steps to time --minutes by")
    command.add_argument("--batch", type=int, default=64, help="(default: %(default)s)")
    command.add_argument("--patch", type=int, default=64,
                         help="side in low-resolution pixels (default: %(default)s)")
    command.add_argument("--rate", type=float, default=4e-3,
                         help="peak learning rate (default: %(default)s)")
    command.add_argument("--squared", type=float, default=0.3,
                         help="share of the steps with squared error (default: %(default)s)")
    command.add_argument("--average", type=float, default=0.999,
                         help="decay of the averaged weights (default: %(default)s)")
    command.add_argument("--seed", type=int, default=1)
    command.set_defaults(run=train)

    command = commands.add_parser("evaluate", help="PSNR on the held-out pictures")
    command.add_argument("data", type=Path, help="what prepare wrote")
    command.add_argument("weights", type=Path, help="model.pt or weights.h5")
    command.add_argument("--device", default="cpu")
    command.add_argument("--save", type=Path, help="write the upscaled pictures into this folder")
    command.set_defaults(run=evaluate)

    command = commands.add_parser("demo", help="make the example's picture pair")
    command.add_argument("data", type=Path, help="what prepare wrote")
    command.add_argument("output", type=Path, help="folder")
    command.set_defaults(run=demo)

    command = commands.add_parser("golden", help="make the golden file of the C++ tests")
    command.add_argument("weights", type=Path, help="model.pt or weights.h5")
    command.add_argument("picture", type=Path, help="the example's input")
    command.add_argument("output", type=Path, help="golden.h5")
    command.set_defaults(run=golden)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    args.run(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
