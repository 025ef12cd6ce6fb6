"""Tests of tools/train_upscaler.py and of the weights, pictures and golden file it made.

Run: /usr/bin/python3 -m unittest tests/python/test_train_upscaler.py
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

try:
    from PIL import Image
    import train_upscaler as tool
except ModuleNotFoundError as error:
    if error.name != "PIL":
        raise
    Image = None

needs_pillow = unittest.skipIf(Image is None, "needs Pillow (python3-pil)")

WEIGHTS = ROOT / "examples" / "upscale" / "weights" / "fsrcnn_x2.h5"
PICTURES = ROOT / "examples" / "upscale" / "pictures"
GOLDEN = ROOT / "tests" / "golden" / "fsrcnn_x2.h5"

SHAPES = {
    "feature.weight": (56, 1, 5, 5), "feature.bias": (56,), "feature_act.weight": (56,),
    "shrink.weight": (12, 56, 1, 1), "shrink.bias": (12,), "shrink_act.weight": (12,),
    **{f"map{i}.weight": (12, 12, 3, 3) for i in range(4)},
    **{f"map{i}.bias": (12,) for i in range(4)},
    **{f"map{i}_act.weight": (12,) for i in range(4)},
    "expand.weight": (56, 12, 1, 1), "expand.bias": (56,), "expand_act.weight": (56,),
    "deconv.weight": (56, 1, 9, 9), "deconv.bias": (1,),
}


def noise_picture(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@needs_pillow
class CommittedFiles(unittest.TestCase):
    def test_weights_have_the_documented_keys_and_shapes(self) -> None:
        with h5py.File(WEIGHTS, "r") as file:
            self.assertEqual({name: file[name].shape for name in file}, SHAPES)
            self.assertEqual({str(file[name].dtype) for name in file}, {"float32"})
        self.assertEqual({name: tuple(value.shape)
                          for name, value in tool.make_network().state_dict().items()}, SHAPES)

    def test_golden_file_is_what_the_weights_give(self) -> None:
        net = tool.load_network(WEIGHTS)
        with h5py.File(GOLDEN, "r") as file:
            x, y = torch.from_numpy(file["x"][()]), file["y"][()]
        self.assertEqual((tuple(x.shape), y.shape), ((1, 1, 24, 32), (1, 1, 48, 64)))
        with torch.no_grad():
            np.testing.assert_allclose(net(x).numpy(), y, rtol=0, atol=2e-6)

    def test_the_example_picture_gains_what_the_document_says(self) -> None:
        original = tool.open_rgb(PICTURES / "honey_bee_original.png")
        small = tool.open_rgb(PICTURES / "honey_bee.png")
        np.testing.assert_array_equal(np.asarray(tool.halve(original)), np.asarray(small))
        before, after = tool.measure(tool.load_network(WEIGHTS), original)
        self.assertAlmostEqual(before, 34.37, delta=0.02)
        self.assertAlmostEqual(after, 36.07, delta=0.02)

    def test_one_output_depends_on_eight_pixels_around_it(self) -> None:
        net = tool.load_network(WEIGHTS)
        plane = torch.rand(1, 1, 41, 41, generator=torch.Generator().manual_seed(0))
        plane.requires_grad_()
        for row in (40, 41):
            gradient, = torch.autograd.grad(net(plane)[0, 0, row, row], plane)
            touched = gradient[0, 0].nonzero()
            self.assertGreaterEqual(int(touched.min()), 20 - tool.RECEPTIVE)
            self.assertLessEqual(int(touched.max()), 20 + tool.RECEPTIVE)


@needs_pillow
class Definitions(unittest.TestCase):
    def test_luma(self) -> None:
        image = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255],
                                           [255, 255, 255]]], dtype=np.uint8))
        np.testing.assert_allclose(tool.luma(image), [[0.299, 0.587, 0.114, 1.0]], atol=1e-7)

    def test_bicubic_has_the_documented_weights(self) -> None:
        line = np.random.default_rng(1).random(12)
        plane = tool.bicubic(np.tile(line, (12, 1)))
        for j in range(2, 10):
            even = np.dot(line[j - 2:j + 2], [-3, 29, 111, -9]) / 128
            odd = np.dot(line[j - 1:j + 3], [-9, 111, 29, -3]) / 128
            np.testing.assert_allclose(plane[12, 2 * j:2 * j + 2], [even, odd], atol=1e-6)
        first = np.dot(line[:2], [111, -9]) / 102  # output 0: inputs -2 and -1 do not exist
        np.testing.assert_allclose(plane[12, 0], first, atol=1e-6)

    def test_psnr(self) -> None:
        zeros = np.zeros((20, 20), np.float32)
        self.assertAlmostEqual(tool.psnr(zeros + 0.1, zeros), 20.0, places=4)
        rim = np.ones((20, 20), np.float32)
        rim[4:-4, 4:-4] = 0
        self.assertEqual(tool.psnr(rim, zeros), 120.0)  # the border does not count
        self.assertEqual(tool.psnr(zeros - 3, zeros), 120.0)  # clamped

    def test_colour_goes_there_and_back(self) -> None:
        """With bicubic in the network's place, the colour path is plain bicubic of RGB."""
        image = noise_picture(24, 16)

        class Bicubic(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.unused = torch.nn.Parameter(torch.zeros(1))

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return torch.from_numpy(tool.bicubic(x[0, 0].numpy()).copy())[None, None]

        flat = image.resize((12, 8)).resize((24, 16), Image.Resampling.BICUBIC)  # nothing clips
        flat = Image.blend(flat, Image.new("RGB", flat.size, (128, 128, 128)), 0.7)
        rgb = np.asarray(flat, dtype=np.float32)
        expected = np.stack([tool.bicubic(rgb[..., c]) for c in range(3)], axis=-1)
        result = np.asarray(tool.upscale_rgb(Bicubic(), flat), dtype=np.float64)
        self.assertLessEqual(np.abs(result - expected).max(), 0.5 + 1e-3)

    def test_resize_makes_even_sizes_and_never_enlarges(self) -> None:
        self.assertEqual(tool.resize_long_side(noise_picture(101, 57), 400).size, (100, 56))
        self.assertEqual(tool.resize_long_side(noise_picture(300, 101), 100).size, (100, 34))


@needs_pillow
class Training(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.data = Path(scratch.name)
        for folder in ("train", "held_out"):
            (self.data / folder).mkdir()
        for i, size in enumerate(((96, 64), (80, 120))):
            noise_picture(*size, seed=i).convert("L").save(self.data / "train" / f"{i}.png")
        noise_picture(64, 48).save(self.data / "held_out" / "noise.png")

    def test_patches_are_aligned_and_come_in_every_orientation(self) -> None:
        """With pictures that bicubic halving maps onto a known ramp, small and large must agree."""
        y, x = np.mgrid[0:80, 0:80]
        ramp = (x + 2 * y + 20 * ((x // 2 + y // 2) % 2)).astype(np.uint8)  # detail, so it is kept
        for path in (self.data / "train").iterdir():
            path.unlink()
        Image.fromarray(ramp).save(self.data / "train" / "ramp.png")
        sampler = tool.PatchSampler(self.data / "train", 16, torch.device("cpu"))
        lr, hr = sampler.batch(64)
        self.assertEqual((lr.shape, hr.shape), ((64, 1, 16, 16), (64, 1, 32, 32)))
        mean = torch.nn.functional.avg_pool2d(hr, 2)
        self.assertLess(float((mean - lr)[..., 2:-2, 2:-2].mean((1, 2, 3)).abs().max()) * 255, 1.0)
        slopes = {(bool(part[0, 0, :, 0].mean() < part[0, 0, :, -1].mean()),
                   bool(part[0, 0, 0].mean() < part[0, 0, -1].mean()),
                   bool((part[0, 0, :, 0].mean() - part[0, 0, :, -1].mean()).abs()
                        < (part[0, 0, 0].mean() - part[0, 0, -1].mean()).abs()))
                  for part in hr.split(1)}
        self.assertEqual(len(slopes), 8)

    def test_flat_places_are_left_out(self) -> None:
        Image.new("L", (200, 200), 90).save(self.data / "train" / "flat.png")
        sampler = tool.PatchSampler(self.data / "train", 16, torch.device("cpu"))
        self.assertEqual(int(sampler.small.numel()), (96 * 64 + 80 * 120) // 4)

    def test_loss_weights_average_one(self) -> None:
        weights = tool.loss_weights(32, torch.device("cpu"))
        self.assertAlmostEqual(float(weights.mean()), 1.0, places=6)
        self.assertGreater(float(weights[32, 32]), float(weights[0, 0]))

    def test_train_and_evaluate_run(self) -> None:
        model = self.data / "model.pt"
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            tool.main(["train", str(self.data), str(model), "--device", "cpu", "--steps", "4",
                       "--batch", "8", "--patch", "24"])
            tool.main(["evaluate", str(self.data), str(model), "--save", str(self.data / "up")])
        self.assertIn("12809 parameters", out.getvalue())
        self.assertIn("| noise | 64x48 |", out.getvalue())
        with Image.open(self.data / "up" / "noise.png") as image:
            self.assertEqual(image.size, (64, 48))


if __name__ == "__main__":
    unittest.main()
