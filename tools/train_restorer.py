#!/usr/bin/env python3
"""Train, measure and export the network of the restore example, which removes noise and JPEG artefacts.

    prepare    cut training and held-out pictures from unpacked Debian packages
    train      train on a GPU (or slowly on a CPU), write model.pt and weights.h5, and evaluate
    evaluate   PSNR on the held-out pictures before and after, as a Markdown table
    demo       make the example's input, a noisy photograph saved as JPEG
    golden     an input and PyTorch's output for given weights, for the C++ tests

docs/restorer.md has the commands in order, the definitions and the results. The network stands in restorer_network.py,
what spoils the pictures in degradation.py, the list of pictures in photographs.py; these and export_hdf5.py must lie
beside this file. Needs torch, numpy, h5py and Pillow.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from degradation import UNIT, degrade
from export_hdf5 import export_state_dict
from photographs import HELD_OUT, TRAINING, open_rgb, refuse_missing, resize_long_side
from restorer_network import Restorer, load_network, new_network

WARM_UP = 300  # steps
SMALLEST_SIDE = 240  # smaller copies of a picture teach nothing new

# What `evaluate` does to a picture: noise (standard deviation in 8-bit steps), then JPEG of a quality. 0: neither.
TRIALS = ((0, 10), (0, 20), (0, 40), (10, 0), (25, 0), (15, 30))

DEMO = "coffee"
DEMO_NOISE, DEMO_QUALITY = 20, 40


# --- pictures -----------------------------------------------------------------------------------


def prepare(args: argparse.Namespace) -> None:
    """Every picture in its largest size as a PNG file, from unpacked packages."""
    refuse_missing(args.packages, "train_restorer.py")
    for folder, pictures in (("train", TRAINING), ("held_out", HELD_OUT)):
        (args.output / folder).mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            image = resize_long_side(open_rgb(picture.path(args.packages)), picture.sizes[0])
            image.save(args.output / folder / f"{picture.name}.png", compress_level=9)
    print(f"{len(TRAINING)} pictures for training, {len(HELD_OUT)} held out, in {args.output}")


def in_sizes(image: Image.Image) -> Iterator[np.ndarray]:
    """The picture [H,W,3], and reduced to 2/3 and 4/9 where that is not too small."""
    for factor in (1, 2 / 3, 4 / 9):
        size = round(max(image.size) * factor)
        reduced = resize_long_side(image, size)
        if factor == 1 or min(reduced.size) >= SMALLEST_SIDE:
            yield np.asarray(reduced)


def spoil(image: Image.Image, noise: float, quality: int) -> tuple[Image.Image, bytes]:
    """With Gaussian noise, always the same, and as JPEG by Pillow; the bytes are the JPEG file's."""
    values = np.asarray(image, dtype=np.float64)
    if noise:
        values = values + np.random.default_rng(1).normal(0.0, noise, values.shape)
    image = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    file = io.BytesIO()
    if quality:
        image.save(file, "JPEG", quality=quality)
        image = open_rgb(file)
    return image, file.getvalue()


def to_tensor(image: Image.Image) -> torch.Tensor:
    """RGB [1,3,H,W] in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255.0


def restore(net: Restorer, image: Image.Image) -> Image.Image:
    """What the restore example computes: the network's result in 8 bits."""
    device = next(net.parameters()).device
    with torch.no_grad():
        y = net(to_tensor(image).to(device))[0].float().cpu()
    values = np.clip(np.floor(y.permute(1, 2, 0).numpy() * 255.0 + 0.5), 0, 255)
    return Image.fromarray(values.astype(np.uint8))


def psnr(a: Image.Image, b: Image.Image) -> float:
    """In dB, over all channels of two 8-bit pictures."""
    error = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return 10.0 * math.log10(255.0**2 / max(float(np.mean(error**2)), 1e-12))


class PatchSampler:
    """All training pictures in device memory, and random patches from them."""

    def __init__(self, folder: Path, patch: int, device: torch.device) -> None:
        self.patch, self.device = patch, device
        pictures, sizes = [], []
        for path in sorted(folder.glob("*.png")):
            for values in in_sizes(open_rgb(path)):
                if min(values.shape[:2]) >= patch:
                    pictures.append(values.reshape(-1, 3))
                    sizes.append(values.shape[:2])
        if not pictures:
            sys.exit(f"train_restorer.py: no training pictures of at least {patch} pixels in {folder}")
        self.pixels = torch.from_numpy(np.concatenate(pictures)).to(device)  # [all pixels, 3]
        size = torch.tensor(sizes, dtype=torch.int64)
        area = size.prod(1)
        self.area = area.double().to(device)
        self.size, self.offset = size.to(device), (area.cumsum(0) - area).to(device)
        self.step = torch.arange(patch, device=device)

    def batch(self, count: int) -> torch.Tensor:
        """`count` patches [N,3,P,P] in 8-bit steps, turned and flipped; large pictures give more of them."""
        pick = torch.multinomial(self.area, count, replacement=True)
        height, width = self.size[pick].unbind(1)
        y, x = torch.rand(2, count, dtype=torch.float64, device=self.device)
        y = (y * (height - self.patch + 1)).long()
        x = (x * (width - self.patch + 1)).long()
        rows = self.offset[pick][:, None] + (y[:, None] + self.step) * width[:, None]
        index = rows[:, :, None] + (x[:, None] + self.step)[:, None, :]
        patches = self.pixels[index].permute(0, 3, 1, 2).float()
        turned = []
        for k, part in enumerate(patches.chunk(8)):
            part = torch.rot90(part, k % 4, (2, 3))
            turned.append(part.flip(3) if k >= 4 else part)
        return torch.cat(turned)


# --- train --------------------------------------------------------------------------------------


def pair(sampler: PatchSampler, count: int, patch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Spoiled and clean patches [N,3,P,P] in [0, 1]; JPEG's blocks begin anywhere in them."""
    clean = sampler.batch(count)
    spoiled = degrade(clean)
    y, x = torch.randint(0, UNIT, (2,)).tolist()
    part = (..., slice(y, y + patch), slice(x, x + patch))
    return spoiled[part] / 255.0, clean[part] / 255.0


def learning_rate(step: int, done: float, peak: float) -> float:
    """A half cosine to nearly zero over the training, of which `done` is over; the first steps are smaller.

    The start goes by steps, not by time, of which the first few take much: at the full rate too early, the ReLU after
    a merging convolution may never be positive again.
    """
    return peak * (0.5 + 0.5 * math.cos(math.pi * min(done, 1.0))) * min(1.0, (step + 1) / WARM_UP) + 1e-7


class Clock:
    """Which part of a training is over, by steps if their number is given, else by time."""

    def __init__(self, steps: int | None, minutes: float, device: torch.device) -> None:
        self.steps, self.seconds = steps, minutes * 60.0
        self.sync: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
        self.start = time.perf_counter()
        self.done, self.per_step = 0.0, 0.0

    def elapsed(self) -> float:
        return time.perf_counter() - self.start

    def after(self, step: int) -> float:
        """Once `step` steps are done. Looks at the time only now and then, since that waits for the GPU."""
        if self.steps:
            return step / self.steps
        if step < 5 or step % 25 == 0:
            self.sync()
            done = self.elapsed() / self.seconds
            self.per_step = done / step
            self.done = done
        else:
            self.done += self.per_step
        return self.done


def train(args: argparse.Namespace) -> None:
    """Charbonnier loss, then mean squared error for the last part; Adam; averaged weights."""
    torch.manual_seed(args.seed)
    torch.backends.cudnn.benchmark = True
    device = torch.device(args.device)
    sampler = PatchSampler(args.data / "train", args.patch + UNIT, device)
    net = new_network().to(device, memory_format=torch.channels_last)
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.Adam(net.parameters(), lr=0.0, fused=device.type == "cuda")
    args.output.mkdir(parents=True, exist_ok=True)
    print(f"torch {torch.__version__} on {args.device}; {sum(p.numel() for p in net.parameters())} parameters; "
          f"{len(sampler.pixels) / 1e6:.1f} megapixels; batches of {args.batch} patches of {args.patch}x{args.patch}; "
          f"rate {args.rate}; seed {args.seed}", flush=True)

    clock = Clock(args.steps, args.minutes, device)
    step, done, told, running, counted = 0, 0.0, 0, torch.zeros((), device=device), 0
    while done < 1.0:
        squared = done >= 1.0 - args.squared
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, done, args.rate)
        spoiled, clean = pair(sampler, args.batch, args.patch)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            result = net(spoiled.contiguous(memory_format=torch.channels_last))
        error2 = (result.float() - clean).square()
        loss = error2.mean() * 20.0 if squared else (error2 + 1e-6).sqrt().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        running += error2.detach().mean()
        step, counted = step + 1, counted + 1
        with torch.no_grad():
            keep = min(args.average, step / (step + 9))
            torch._foreach_mul_(list(average.values()), keep)
            torch._foreach_add_(list(average.values()), list(net.state_dict().values()), alpha=1.0 - keep)
        done = clock.after(step)
        if int(done * 20) > told:
            told, mean = int(done * 20), float(running) / counted
            print(f"step {step:7d}  {-10 * math.log10(max(mean, 1e-12)):.3f} dB  {clock.elapsed():6.1f} s", flush=True)
            running.zero_()
            counted = 0
    print(f"trained {step} steps in {clock.elapsed():.1f} s")
    torch.save({name: value.cpu().contiguous() for name, value in average.items()}, args.output / "model.pt")
    weights = args.output / "weights.h5"
    state = {name: value.cpu().contiguous() for name, value in average.items()}
    print(export_state_dict(state, weights, dtype="float16"))
    measure(load_network(weights).to(device), args.data / "held_out")


# --- evaluate, demo, golden ---------------------------------------------------------------------


def measure(net: Restorer, folder: Path, save: Path | None = None) -> None:
    """A Markdown table over the pictures in `folder`: PSNR before and after, for each of the TRIALS."""
    paths = sorted(folder.glob("*.png"))
    if not paths:
        sys.exit(f"train_restorer.py: no pictures in {folder}")
    names = [" + ".join([f"noise {n}"] * bool(n) + [f"JPEG {q}"] * bool(q)) for n, q in TRIALS]
    print("| picture | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    table = []
    for path in paths:
        original = open_rgb(path)
        row = []
        for noise, quality in TRIALS:
            spoiled, _ = spoil(original, noise, quality)
            restored = restore(net, spoiled)
            row.append((psnr(spoiled, original), psnr(restored, original)))
            if save:
                save.mkdir(parents=True, exist_ok=True)
                restored.save(save / f"{path.stem}_noise{noise}_jpeg{quality}.png")
        table.append(row)
        print(f"| {path.stem} | " + " | ".join(f"{a:.2f} to {b:.2f}" for a, b in row) + " |", flush=True)
    mean = np.mean(table, axis=0)
    print("| **mean** | " + " | ".join(f"{a:.2f} to {b:.2f}, **{b - a:+.2f}**" for a, b in mean) + " |")


def evaluate(args: argparse.Namespace) -> None:
    """PSNR on the held-out pictures."""
    measure(load_network(args.weights).to(args.device), args.data / "held_out", args.save)


def demo(args: argparse.Namespace) -> None:
    """The example's pair: the original, and the program's input as the JPEG file that a bad camera would write."""
    args.output.mkdir(parents=True, exist_ok=True)
    original = open_rgb(args.data / "held_out" / f"{DEMO}.png")
    original.save(args.output / f"{DEMO}_original.png", optimize=True)
    (args.output / f"{DEMO}.jpg").write_bytes(spoil(original, DEMO_NOISE, DEMO_QUALITY)[1])
    for path in sorted(args.output.glob(f"{DEMO}*.*")):
        print(path, path.stat().st_size, "bytes")


def golden(args: argparse.Namespace) -> None:
    """x [1,3,26,37], a part of the example's input, and y from PyTorch in double, rounded to float."""
    net = load_network(args.weights).double()
    x = to_tensor(open_rgb(args.picture))[:, :, 120:146, 200:237].contiguous()
    with torch.no_grad():
        y = net(x.double()).float().contiguous()
    report = export_state_dict({"x": x, "y": y}, args.output)
    print(f"{args.output}: x {tuple(x.shape)}, y {tuple(y.shape)}, {report.file_bytes} bytes")


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train_restorer.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("prepare", help="cut the pictures")
    command.add_argument("packages", type=Path, help="folder with one unpacked package per folder")
    command.add_argument("output", type=Path, help="folder for train/ and held_out/")
    command.set_defaults(run=prepare)

    command = commands.add_parser("train", help="train, export and evaluate")
    command.add_argument("data", type=Path, help="what prepare wrote")
    command.add_argument("output", type=Path, help="folder for model.pt and weights.h5")
    command.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    command.add_argument("--minutes", type=float, default=4.0, help="(default: %(default)s)")
    command.add_argument("--steps", type=int, help="this many steps instead of --minutes")
    command.add_argument("--batch", type=int, default=32, help="(default: %(default)s)")
    command.add_argument("--patch", type=int, default=128,
                         help="side in pixels (default: %(default)s), a multiple of 16")
    command.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (default: %(default)s)")
    command.add_argument("--squared", type=float, default=0.3,
                         help="share of the training with squared error (default: %(default)s)")
    command.add_argument("--average", type=float, default=0.999,
                         help="decay of the averaged weights (default: %(default)s)")
    command.add_argument("--seed", type=int, default=1)
    command.set_defaults(run=train)

    command = commands.add_parser("evaluate", help="PSNR on the held-out pictures")
    command.add_argument("data", type=Path, help="what prepare wrote")
    command.add_argument("weights", type=Path, help="model.pt or weights.h5")
    command.add_argument("--device", default="cpu")
    command.add_argument("--save", type=Path, help="write the restored pictures into this folder")
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
