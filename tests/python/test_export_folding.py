"""Tests that tools/export_hdf5.py stores the weights that weight_norm, spectral_norm and pruning compute.

Run: /usr/bin/python3 -m unittest tests/python/test_export_folding.py
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import export_hdf5  # noqa: E402  (found through the path above)
from export_hdf5 import ExportError, export_state_dict  # noqa: E402

NEW_WEIGHT_NORM = hasattr(parametrizations, "weight_norm")


def modules() -> dict[str, nn.Module]:
    """Every kind of layer whose weight may be computed, square and not."""
    return {"conv": nn.Conv2d(3, 5, (3, 2)), "square conv": nn.Conv2d(4, 4, 3), "one by one": nn.Conv2d(6, 6, 1),
            "grouped": nn.Conv2d(4, 6, 3, groups=2), "transposed": nn.ConvTranspose2d(3, 5, (3, 2)),
            "square transposed": nn.ConvTranspose2d(4, 4, 4), "grouped transposed": nn.ConvTranspose2d(4, 6, 3, groups=2),
            "linear": nn.Linear(7, 3), "square linear": nn.Linear(5, 5), "one output": nn.Conv2d(4, 1, 3),
            "one input": nn.ConvTranspose2d(1, 4, 3), "one weight": nn.Conv2d(1, 1, 1)}


class FoldingTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.path = Path(scratch.name) / "weights.h5"
        torch.manual_seed(0)
        torch.set_num_threads(1)  # small layers; threads would only wait for each other
        silence = warnings.catch_warnings()
        silence.__enter__()
        self.addCleanup(silence.__exit__)
        warnings.simplefilter("ignore")  # newer PyTorch warns of what it replaced

    def export(self, net: nn.Module, **options: object) -> dict[str, np.ndarray]:
        self.report = export_state_dict(net.state_dict(), self.path, **options)
        with h5py.File(self.path, "r") as file:
            return {name: np.asarray(dataset[()]) for name, dataset in file.items()}

    def check(self, net: nn.Module, *names: str, exact: bool = False) -> None:
        """The file holds what the module computes with, under its own names."""
        net.eval()
        stored = self.export(net)
        self.assertEqual(set(self.report.folded), set(names))
        for name in names:
            *path, leaf = name.split(".")
            module = net.get_submodule(".".join(path))
            if not hasattr(module, "parametrizations"):
                for hook in module._forward_pre_hooks.values():  # what forward() does before it runs
                    hook(module, None)
            wanted = getattr(module, leaf).detach()
            self.assertEqual(stored[name].dtype, wanted.numpy().dtype)
            if exact:
                np.testing.assert_array_equal(stored[name], wanted.numpy(), name)
            else:
                tolerance = {torch.float64: 1e-14, torch.float32: 1e-6, torch.float16: 2e-3}[wanted.dtype]
                np.testing.assert_allclose(stored[name], wanted.numpy(), rtol=tolerance, atol=tolerance * 0.1, err_msg=name)
        self.assertEqual([name for name in stored if "_orig" in name or "parametrizations" in name or "_g" in name], [])

    def train(self, net: nn.Module, x: torch.Tensor) -> None:
        """A few steps, after which singular vectors and norms are not those of a fresh module."""
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        net.train()
        for _ in range(20):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()

    def input_of(self, module: nn.Module) -> torch.Tensor:
        dtype = next(module.parameters()).dtype
        if isinstance(module, nn.Linear):
            return torch.randn(8, module.in_features, dtype=dtype)
        return torch.randn(2, module.in_channels, 9, 9, dtype=dtype)


class WeightNorm(FoldingTest):
    def applied(self):
        yield "old", nn.utils.weight_norm
        if NEW_WEIGHT_NORM:
            yield "new", parametrizations.weight_norm

    def test_every_layer_and_dimension(self) -> None:
        for style, apply in self.applied():
            for kind in modules():
                for dim in (0, 1, None):
                    for dtype in (torch.float32, torch.float64):
                        with self.subTest(style=style, kind=kind, dim=dim, dtype=str(dtype)):
                            module = apply(modules()[kind].to(dtype), dim=dim)
                            self.train(module, self.input_of(module))
                            self.check(module, "weight")
                            self.assertEqual(self.report.folded, {"weight": "weight_norm"})

    def test_other_parameters_and_the_last_dimensions(self) -> None:
        for style, apply in self.applied():
            for dim in (2, 3, -1):
                with self.subTest(style=style, dim=dim):
                    if dim == -1 and style == "old":
                        continue
                    self.check(apply(nn.Conv2d(3, 4, (5, 2)), dim=dim), "weight")
            self.check(apply(nn.Linear(3, 4), name="bias"), "bias")

    def test_half_precision_is_rounded_once(self) -> None:
        module = nn.utils.weight_norm(nn.Conv2d(8, 4, 3))
        state = {name: value.half() for name, value in module.state_dict().items()}
        export_state_dict(state, self.path)
        g, v = state["weight_g"].double(), state["weight_v"].double()
        wanted = (v * (g / v.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1))).half()
        with h5py.File(self.path, "r") as file:
            np.testing.assert_array_equal(file["weight"][()], wanted.numpy())

    def test_norms_beyond_the_stored_type(self) -> None:
        """The squares of these leave f16, their norm does not."""
        state = {"weight_g": torch.full((2, 1), 3.0).half(), "weight_v": torch.full((2, 400), 300.0).half()}
        export_state_dict(state, self.path)
        with h5py.File(self.path, "r") as file:
            np.testing.assert_allclose(file["weight"][()], np.full((2, 400), 0.15), rtol=1e-3)

    def test_in_a_network_order_and_prefix(self) -> None:
        net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.utils.weight_norm(nn.Conv2d(3, 3, 3)), nn.Conv2d(3, 2, 1))
        self.check(net, "1.weight")
        self.assertEqual(self.report.names, ["0.weight", "0.bias", "1.bias", "1.weight", "2.weight", "2.bias"])
        report = export_state_dict(nn.DataParallel(net).state_dict(), self.path, strip_prefix="module.", nested=True)
        self.assertEqual(report.folded, {"1.weight": "weight_norm"})

    def test_tied_layers_stay_tied(self) -> None:
        layer = nn.utils.weight_norm(nn.Conv2d(3, 3, 3))
        self.check(nn.Sequential(layer, layer), "0.weight", "1.weight")
        self.assertEqual(self.report.tied, {"1.bias": "0.bias", "1.weight": "0.weight"})

    def test_entries_that_only_look_like_it(self) -> None:
        for state in ({"proj_g": torch.ones(4), "proj_v": torch.ones(5)}, {"a_g": torch.ones(2, 2), "a_v": torch.ones(2, 2)},
                      {"weight_g": torch.ones(3, 1)}, {"weight_g": torch.ones(1), "weight_v": torch.ones(1), "weight": torch.ones(1)},
                      {"weight_g": torch.ones(2, 1, dtype=torch.int64), "weight_v": torch.ones(2, 3)}):
            report = export_state_dict(state, self.path)
            self.assertEqual((report.folded, report.names), ({}, list(state)))


class SpectralNorm(FoldingTest):
    def test_every_layer_trained(self) -> None:
        for style, apply in (("old", nn.utils.spectral_norm), ("new", parametrizations.spectral_norm)):
            for kind in modules():
                for dtype in (torch.float32, torch.float64):
                    with self.subTest(style=style, kind=kind, dtype=str(dtype)):
                        module = apply(modules()[kind].to(dtype))
                        self.train(module, self.input_of(module))
                        self.check(module, "weight")
                        self.assertEqual(self.report.folded, {"weight": "spectral_norm"})

    def test_a_dimension_of_ones_own(self) -> None:
        for apply in (nn.utils.spectral_norm, parametrizations.spectral_norm):
            for dim in (0, 1, 2, 3):
                self.check(apply(nn.Conv2d(3, 4, (5, 2)).double(), dim=dim), "weight")
                module = apply(nn.Conv2d(4, 4, 4), dim=dim)
                self.train(module, self.input_of(module))
                self.check(module, "weight")

    def test_untrained_square_weights_are_not_guessed_about(self) -> None:
        """Fresh vectors of the old spectral_norm are random and fit no dimension."""
        with self.assertRaises(ExportError) as caught:
            self.export(nn.Sequential(nn.utils.spectral_norm(nn.ConvTranspose2d(16, 16, 3))))
        for part in ("'0.weight'", "(16, 16, 3, 3)", "remove_spectral_norm", "--no-fold"):
            self.assertIn(part, str(caught.exception))
        self.assertFalse(self.path.exists())


class Pruning(FoldingTest):
    def test_weights_and_biases(self) -> None:
        for kind, module in modules().items():
            if module.weight.numel() < 4:
                continue
            with self.subTest(kind=kind):
                prune.l1_unstructured(module, "weight", 0.5)
                self.check(module, "weight", exact=True)
                prune.random_unstructured(module, "bias", 0.5) if module.bias.numel() > 1 else prune.identity(module, "bias")
                self.check(module, "weight", "bias", exact=True)
                self.assertEqual(set(self.report.folded.values()), {"pruning"})
                prune.random_unstructured(module, "weight", 0.3)  # again
                self.check(module, "weight", "bias", exact=True)

    def test_in_other_types(self) -> None:
        module = prune.ln_structured(nn.Conv2d(4, 6, 3), "weight", 0.5, n=2, dim=0)
        for dtype in (torch.float16, torch.bfloat16):
            state = {name: value.to(dtype) for name, value in module.state_dict().items()}
            report = export_state_dict(state, self.path)
            self.assertEqual((report.dtypes, set(report.names)),
                             ({export_hdf5.dtype_name(dtype): 2}, {"bias", "weight"}))
        state = module.state_dict()
        state["weight_mask"] = state["weight_mask"].bool()
        export_state_dict(state, self.path)
        with h5py.File(self.path, "r") as file:
            np.testing.assert_array_equal(file["weight"][()], module.weight.detach().numpy())

    def test_pruned_parts_of_a_weight_norm(self) -> None:
        module = nn.utils.weight_norm(nn.Conv2d(3, 4, 3))
        prune.l1_unstructured(module, "weight_v", 0.5)
        module(torch.ones(1, 3, 5, 5))
        stored = self.export(module)
        self.assertEqual(self.report.folded, {"weight": "pruning and weight_norm"})
        g, v = module.weight_g.detach(), module.weight_v.detach()
        np.testing.assert_allclose(stored["weight"], torch._weight_norm(v, g, 0).numpy(), rtol=1e-5)


class OtherParametrizations(FoldingTest):
    def test_are_refused(self) -> None:
        class Symmetric(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x.triu() + x.triu(1).transpose(-1, -2)

        mine = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
        stacked = parametrizations.spectral_norm(parametrizations.orthogonal(nn.Linear(3, 3)))
        for module in (mine, parametrizations.orthogonal(nn.Linear(3, 4)), stacked):
            for net, name in ((module, "'parametrizations.weight'"), (nn.Sequential(module), "'0.parametrizations.weight'")):
                with self.assertRaises(ExportError) as caught:
                    self.export(net)
                for part in (name, "does not know", "remove_parametrizations", "--no-fold"):
                    self.assertIn(part, str(caught.exception))


class Options(FoldingTest):
    def test_folding_can_be_switched_off(self) -> None:
        module = nn.utils.weight_norm(nn.Conv2d(3, 4, 3))
        stored = self.export(module, fold=False)
        self.assertEqual(set(stored), {"bias", "weight_g", "weight_v"})
        self.assertEqual(self.report.folded, {})

    def test_the_program_says_what_it_folded(self) -> None:
        net = nn.Sequential(*(nn.utils.weight_norm(nn.Conv2d(3, 3, 3)) for _ in range(6)),
                            prune.l1_unstructured(nn.Linear(3, 3), "weight", 0.5))
        model = self.path.with_name("model.pt")
        torch.save(net.state_dict(), model)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(export_hdf5.main([str(model), str(self.path)]), 0)
        self.assertIn("weight_norm folded into 6: 0.weight, 1.weight, 2.weight, 3.weight and 2 more\n", out.getvalue())
        self.assertIn("pruning folded into 1: 6.weight\n", out.getvalue())
        with contextlib.redirect_stdout(out):
            self.assertEqual(export_hdf5.main([str(model), str(self.path), "--no-fold", "--quiet"]), 0)
        with h5py.File(self.path, "r") as file:
            self.assertIn("6.weight_mask", file)


if __name__ == "__main__":
    unittest.main()
