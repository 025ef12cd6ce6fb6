#!/usr/bin/env python3
"""Makes tests/examples/golden: what Pillow and tools/train_upscaler.py compute, for the C++ example's tests.

bicubic.txt   planes and their bicubic enlargement: "width height", the values, the enlarged values, as C hex floats
original.png  a picture; small.png: its half; enlarged.png: small.png with bicubic in the place of the network
psnr.txt      PSNR-Y of that bicubic against original.png
grey16.png    a picture of 16 bits a channel

Run from the repository's root: python3 tests/examples/make_golden.py
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, "tools")
import train_upscaler as trainer  # noqa: E402


def bicubic_cases(random: np.random.Generator) -> str:
    lines = []
    for width, height in ((7, 5), (1, 1), (1, 4), (3, 1), (2, 2)):
        plane = random.uniform(-100, 300, (height, width)).astype(np.float32)
        lines.append(f"{width} {height}")
        for values in (plane, trainer.bicubic(plane)):
            lines.append(" ".join(float(v).hex() for v in values.ravel()))
    return "\n".join(lines) + "\n"


def make_picture(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Slow waves, a bright box with hard edges, and noise that reaches black and white."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 90 * np.sin(x / a + 1.3) * np.cos(y / b) for a, b in ((3.1, 5.0), (4.7, 2.9), (6.0, 7.7))]
    pixels = np.stack(waves, axis=-1)
    pixels[height // 3:height // 2, width // 4:width // 2] = (255, 240, 20)
    pixels += random.normal(0, 30, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def main() -> None:
    folder = Path(__file__).parent / "golden"
    random = np.random.default_rng(2)
    (folder / "bicubic.txt").write_text(bicubic_cases(random))

    original = make_picture(random, 38, 26)
    small = trainer.halve(original)
    original.save(folder / "original.png")
    small.save(folder / "small.png")
    enlarge_luma = trainer.bicubic
    trainer.run_network = lambda net, plane: enlarge_luma(plane)
    trainer.upscale_rgb(None, small).save(folder / "enlarged.png")
    before = trainer.psnr(trainer.bicubic(trainer.luma(small)), trainer.luma(original))
    (folder / "psnr.txt").write_text(f"{before!r}\n")

    sixteen = np.arange(8, dtype=np.uint16).reshape(2, 4) * 9000
    Image.fromarray(sixteen).save(folder / "grey16.png")


if __name__ == "__main__":
    main()
