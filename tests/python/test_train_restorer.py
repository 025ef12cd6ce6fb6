"""Tests of tools/train_restorer.py and of what it trains with.

Run: /usr/bin/python3 -m unittest tests/python/test_train_restorer.py
"""

from __future__ import annotations

import contextlib
import io
import math
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
    import degradation
    import restorer_network
    import train_restorer as tool
except ModuleNotFoundError as error:
    if error.name != "PIL":
        raise
    Image = None

needs_pillow = unittest.skipIf(Image is None, "needs Pillow (python3-pil)")


def smooth_picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Coloured clouds, which JPEG can code."""
    small = np.random.default_rng(seed).integers(30, 226, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


WEIGHTS = ROOT / "examples" / "restore" / "weights" / "restorer.h5"
PICTURES = ROOT / "examples" / "restore" / "pictures"
GOLDEN = ROOT / "tests" / "golden" / "restorer.h5"


@needs_pillow
class CommittedFiles(unittest.TestCase):
    def test_weights_are_those_of_the_network_and_small(self) -> None:
        with h5py.File(WEIGHTS, "r") as file:
            self.assertEqual({name: file[name].shape for name in file},
                             {name: tuple(value.shape)
                              for name, value in restorer_network.Restorer().state_dict().items()})
            self.assertEqual({str(file[name].dtype) for name in file}, {"float16"})
        self.assertLess(WEIGHTS.stat().st_size, 1_500_000)

    def test_golden_file_is_what_the_weights_give(self) -> None:
        with h5py.File(GOLDEN, "r") as file:
            x, y = torch.from_numpy(file["x"][()]), file["y"][()]
        with torch.no_grad():
            np.testing.assert_allclose(restorer_network.load_network(WEIGHTS)(x).numpy(), y, rtol=0, atol=5e-6)

    def test_the_example_picture_gains_what_the_document_says(self) -> None:
        original, spoilt = (tool.open_rgb(PICTURES / name) for name in ("coffee_original.png", "coffee.jpg"))
        self.assertAlmostEqual(tool.psnr(spoilt, original), 26.24, delta=0.05)
        restored = tool.restore(restorer_network.load_network(WEIGHTS), spoilt)
        self.assertAlmostEqual(tool.psnr(restored, original), 30.06, delta=0.05)


@needs_pillow
class Degradation(unittest.TestCase):
    def test_jpeg_is_what_pillow_writes(self) -> None:
        image = smooth_picture(96, 64)
        noise = np.random.default_rng(1).normal(0, 12, (64, 96, 3))
        image = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
        x = tool.to_tensor(image) * 255
        for quality in (10, 30, 49, 50, 75, 90):
            file = io.BytesIO()
            image.save(file, "JPEG", quality=quality)
            wanted = np.asarray(tool.open_rgb(file), dtype=np.float64)
            got = degradation.jpeg(x, torch.tensor([float(quality)]))[0].permute(1, 2, 0).numpy()
            lost = np.mean((np.asarray(image) - wanted) ** 2)
            self.assertLess(np.mean((got - wanted) ** 2), 0.03 * lost + 1.0, quality)

    def test_each_picture_of_a_batch_has_its_own_quality(self) -> None:
        x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255
        both = degradation.jpeg(torch.cat([x, x]), torch.tensor([10.0, 80.0]))
        for i, quality in enumerate((10.0, 80.0)):
            self.assertTrue(torch.equal(both[i:i + 1], degradation.jpeg(x, torch.tensor([quality]))))

    def test_a_third_is_noise_alone_and_all_stay_in_range(self) -> None:
        torch.manual_seed(0)
        grey = torch.full((300, 3, 16, 16), 128.0)
        y = degradation.degrade(grey)
        self.assertTrue(torch.equal(y, y.round().clamp(0, 255)))
        # JPEG of plain grey is plain grey.
        untouched = int((y == 128).all(3).all(2).all(1).sum())
        self.assertTrue(75 <= untouched <= 130, untouched)
        self.assertLess(float((y - 128).square().mean((1, 2, 3)).sqrt().max()), 1.1 * degradation.NOISE)


class Network(unittest.TestCase):
    def test_any_size_goes_through_and_a_new_network_changes_nothing(self) -> None:
        net = restorer_network.new_network()
        for size in ((1, 1), (3, 5), (8, 12), (30, 33)):
            x = torch.rand(2, 3, *size)
            self.assertTrue(torch.equal(net(x), x))

    def test_reach(self) -> None:
        """No pixel further away than REACH is read, and one just that far away is."""
        torch.manual_seed(0)
        net = restorer_network.Restorer().double()
        x = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
        furthest = 0
        for at in range(44, 48):
            gradient, = torch.autograd.grad(net(x)[0, :, at, at].sum(), x)
            touched = gradient[0].abs().sum(0).nonzero()
            furthest = max(furthest, at - int(touched.min()), int(touched.max()) - at)
        self.assertEqual(furthest, restorer_network.REACH)


@needs_pillow
class Training(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.data = Path(scratch.name)
        for folder in ("train", "held_out"):
            (self.data / folder).mkdir()
        for i, size in enumerate(((96, 64), (80, 120))):
            smooth_picture(*size, seed=i).save(self.data / "train" / f"{i}.png")
        smooth_picture(64, 48, seed=7).save(self.data / "held_out" / "clouds.png")

    def test_patches_come_out_of_the_pictures(self) -> None:
        values = np.asarray(smooth_picture(96, 64))
        Image.fromarray(values).save(self.data / "train" / "1.png")
        sampler = tool.PatchSampler(self.data / "train", 32, torch.device("cpu"))
        first = sampler.batch(8)[0].permute(1, 2, 0).numpy()  # the first eighth is neither turned nor flipped
        found = [(y, x) for y in range(33) for x in range(65)
                 if np.array_equal(values[y:y + 32, x:x + 32], first)]
        self.assertEqual(len(found), 1)

    def test_smaller_copies(self) -> None:
        sizes = [values.shape[:2] for values in tool.in_sizes(smooth_picture(900, 600))]
        self.assertEqual(sizes, [(600, 900), (400, 600), (266, 400)])
        self.assertEqual(len(list(tool.in_sizes(smooth_picture(200, 100)))), 1)

    def test_psnr(self) -> None:
        black, grey = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), (5, 5, 5))
        self.assertAlmostEqual(tool.psnr(black, grey), 20 * math.log10(255 / 5))

    def test_rate_begins_and_ends_low(self) -> None:
        self.assertLess(tool.learning_rate(0, 0.0, 1.0), 0.01)
        self.assertGreater(tool.learning_rate(tool.WARM_UP, 0.01, 1.0), 0.99)
        self.assertLess(tool.learning_rate(tool.WARM_UP, 1.0, 1.0), 1e-6)

    def test_train_evaluate_and_golden_run(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            tool.main(["train", str(self.data), str(self.data / "out"), "--device", "cpu", "--steps", "2",
                       "--batch", "8", "--patch", "32"])
            tool.main(["evaluate", str(self.data), str(self.data / "out" / "model.pt"), "--save", str(self.data / "up")])
            smooth_picture(260, 160).save(self.data / "input.png")
            tool.main(["golden", str(self.data / "out" / "weights.h5"), str(self.data / "input.png"),
                       str(self.data / "golden.h5")])
        self.assertIn("535659 parameters", out.getvalue())
        self.assertIn("| clouds | ", out.getvalue())
        with Image.open(self.data / "up" / "clouds_noise0_jpeg10.png") as image:
            self.assertEqual(image.size, (64, 48))
        with h5py.File(self.data / "out" / "weights.h5", "r") as file:
            self.assertEqual({str(file[name].dtype) for name in file}, {"float16"})
        with h5py.File(self.data / "golden.h5", "r") as file:
            self.assertEqual((file["x"].shape, file["y"].shape), ((1, 3, 26, 37), (1, 3, 26, 37)))


if __name__ == "__main__":
    unittest.main()
