"""Tests of what tools/export_hdf5.py refuses to write, and of mappings that make their tensors anew.

Run: /usr/bin/python3 -m unittest tests/python/test_export_rules.py
"""

from __future__ import annotations

import math
import os
import re
import sys
import unittest
import warnings
from collections.abc import Mapping

import h5py
import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(__file__))

from export_testing import ROOT, ExportTest, creation_order  # noqa: E402  (beside this)

from upconv_export import rules  # noqa: E402  (export_testing tells where)


class Lazy(Mapping):
    """Makes its tensors anew at every look, as numpy's npz files do."""

    def __init__(self, count: int) -> None:
        self.made = 0
        self.names = [f"w{i}" for i in range(count)]

    def __getitem__(self, name: str) -> torch.Tensor:
        self.made += 1
        return torch.full((100_000,), float(self.names.index(name)))

    def __iter__(self):
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class LazyMappings(ExportTest):
    def check(self, entries: Mapping, count: int, **options) -> None:
        report = self.export(entries, **options)
        self.assertEqual(report.tied, {})
        with h5py.File(self.path, "r") as file:
            for i in range(count):
                np.testing.assert_array_equal(file[f"w{i}"][()], np.full(100_000, i), f"w{i}")

    def test_tensors_made_at_each_look(self) -> None:
        entries = Lazy(8)
        self.check(entries, 8)
        self.assertEqual(entries.made, 8)
        for options in ({"dtype": "float16"}, {"exclude": ["w7"]}, {"compression": "gzip"}):
            with self.subTest(**options):
                self.check(Lazy(8), 7, **options)
        self.export(Lazy(8), strip_prefix="w")
        with h5py.File(self.path, "r") as file:
            self.assertEqual([float(file[str(i)][0]) for i in range(8)], [float(i) for i in range(8)])

    def test_halves_made_at_each_look(self) -> None:
        class Halves(Lazy):
            def __getitem__(self, name: str) -> torch.Tensor:
                return super().__getitem__(name).half()

        self.check(Halves(8), 8)

    def test_an_npz_file(self) -> None:
        np.savez(self.folder / "w.npz", **{f"w{i}": np.full(100_000, float(i)) for i in range(8)})

        class Npz(Lazy):
            def __getitem__(inner, name: str) -> torch.Tensor:
                return torch.from_numpy(file[name])

        with np.load(self.folder / "w.npz") as file:
            self.check(Npz(8), 8)

    def test_groups_to_fold_are_kept_alive_as_well(self) -> None:
        class Pruned(Lazy):
            def __init__(self) -> None:
                super().__init__(8)
                self.names = [f"w{i}_{part}" for i in range(8) for part in ("orig", "mask")]

            def __getitem__(self, name: str) -> torch.Tensor:
                return torch.full((100_000,), float(name[1]) if name.endswith("orig") else 1.0)

        self.check(Pruned(), 8)


class ReadersRules(unittest.TestCase):
    """The exporter and the C++ reader agree on what a file may hold."""

    def test_limits_are_those_of_the_reader(self) -> None:
        sources = "".join(path.read_text() for path in [*ROOT.glob("framework/**/hdf5.h"), ROOT / "framework/shape.h"])
        for name, value in (("max_name_bytes", rules.MAX_NAME_BYTES), ("max_depth", rules.MAX_DEPTH),
                            ("max_entries", rules.MAX_ENTRIES), ("max_chunks", rules.MAX_CHUNKS),
                            ("kMaxRank", rules.MAX_RANK)):
            found = re.search(rf"\b{name} = ([\d']+);", sources)
            self.assertIsNotNone(found, name)
            self.assertEqual(int(found.group(1).replace("'", "")), value, name)
        shift = re.search(r"max_tensor_bytes = std::uint64_t\{1\} << (\d+)", sources)
        self.assertEqual(2**int(shift.group(1)), rules.MAX_TENSOR_BYTES)

    def test_chunks_are_few_enough(self) -> None:
        for shape in ((1,), (3, 5), (2**20,), (300, 300), (2**18 + 1, 3), (2**35,), (70_000, 300_000), (7, 2**33),
                      (2**17 + 3, 2**19 + 5), (2**38,), (1000, 1000, 1000, 100), (3,) * 8):
            with self.subTest(shape=shape):
                chunk = rules.chunk_shape(torch.zeros(1).expand(shape))
                count = math.prod(-(-size // part) for size, part in zip(shape, chunk))
                self.assertLessEqual(count, rules.MAX_CHUNKS)
                self.assertTrue(all(0 < part <= size for size, part in zip(shape, chunk)))
                self.assertLess(math.prod(chunk) * 4, 2**32)

    def test_every_file_of_the_exporter_is_installed(self) -> None:
        rule = (ROOT / "cmake" / "UpconvInstall.cmake").read_text()
        for path in (ROOT / "tools" / "upconv_export").glob("*.py"):
            self.assertIn(f"tools/upconv_export/{path.name}", rule)


class Names(ExportTest):
    def test_dots_stay_dots(self) -> None:
        self.export({"features.0.weight": torch.zeros(2)})
        with h5py.File(self.path, "r") as file:
            self.assertEqual(list(file), ["features.0.weight"])

    def test_nested_groups(self) -> None:
        self.export({"b.1.weight": torch.ones(2), "b.0.weight": torch.zeros(2), "a": torch.ones(1)},
                    nested=True)
        with h5py.File(self.path, "r") as file:
            self.assertEqual(creation_order(file), ["b", "a"])
            self.assertEqual(file["b/1/weight"].shape, (2,))

    def test_unicode_and_odd_but_legal_names(self) -> None:
        names = ["größe.重み", "a b", " a", "A", "weight\n", "x" * 1024, "🙂.w", "é" * 512, "-", "a.0.b"]
        self.export({name: torch.tensor(float(i)) for i, name in enumerate(names)})
        with h5py.File(self.path, "r") as file:
            for i, name in enumerate(names):
                self.assertEqual(float(file[name][()]), i, name)

    def test_refused_names(self) -> None:
        dots = "nothing before, after or between its dots"
        for name, why in (("a/b", "'/'"), ("", "empty"), ("a\0b", "NUL"), (".", dots), ("..", dots), ("...", dots),
                          ("weight.", dots), (".a", dots), ("a..b", dots), ("\ud800", "Unicode"),
                          (7, "not a string but int")):
            for nested in (False, True):
                with self.subTest(name=name, nested=nested):
                    self.refuse({name: torch.zeros(1)}, why, repr(name), nested=nested)

    def test_names_that_are_too_long(self) -> None:
        self.refuse({"x" * 1025: torch.zeros(1)}, "'xxx", "1025 bytes, at most 1024")
        self.refuse({"é" * 513: torch.zeros(1)}, "1026 bytes, at most 1024")

    def test_names_that_cannot_nest(self) -> None:
        self.refuse({"a": torch.zeros(1), "a.b": torch.zeros(1)}, "'a'", "cannot be nested",
                    nested=True)

    def test_names_that_nest_too_deep(self) -> None:
        deepest = ".".join("a" * 65)
        self.export({deepest: torch.zeros(1)}, nested=True)
        self.path.unlink()
        self.refuse({deepest + ".a": torch.zeros(1)}, "65 groups, at most 64", nested=True)
        self.export({deepest + ".a": torch.zeros(1)})

    def test_strip_prefix(self) -> None:
        report = self.export({"module.a.w": torch.zeros(1), "module.module.b": torch.zeros(1),
                              "step": torch.tensor(1)}, strip_prefix="module.")
        self.assertEqual(report.names, ["a.w", "module.b", "step"])
        self.assertEqual(report.stripped, 2)

    def test_strip_prefix_refusals(self) -> None:
        self.refuse({"a": torch.zeros(1)}, "no name starts with", "module.",
                    strip_prefix="module.")
        self.refuse({"a": torch.zeros(1), "module.a": torch.zeros(1)}, "both called 'a'",
                    strip_prefix="module.")
        self.refuse({"module.": torch.zeros(1)}, "empty", strip_prefix="module.")

    def test_exclude(self) -> None:
        report = self.export({"loss.w": torch.zeros(1), "loss.extra": None, "a": torch.zeros(1)},
                             exclude=["loss.*"])
        self.assertEqual(report.names, ["a"])
        self.assertEqual(report.excluded, ["loss.w", "loss.extra"])

    def test_exclude_refusals(self) -> None:
        self.refuse({"a": torch.zeros(1)}, "no name matches", exclude=["b*"])
        self.refuse({"a": torch.zeros(1)}, "nothing to export", exclude=["*"])


class Refusals(ExportTest):
    def test_unrepresentable_tensors(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tensors = {
                "complex": (torch.zeros(2, dtype=torch.complex64), "complex"),
                "quantized": (torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
                              "quantized"),
                "sparse": (torch.eye(3).to_sparse(), "sparse_coo"),
                "csr": (torch.eye(3).to_sparse_csr(), "sparse_csr"),
                "meta": (torch.empty(2, device="meta"), "meta"),
            }
        if hasattr(torch, "float8_e4m3fn"):
            tensors["float8"] = (torch.zeros(2).to(torch.float8_e4m3fn), "float8_e4m3fn")
        for name, (tensor, why) in tensors.items():
            with self.subTest(kind=name):
                self.refuse({"fine": torch.zeros(1), f"layer.{name}": tensor}, f"'layer.{name}'",
                            why, "1 entry")

    def test_shapes_that_upconv_has_no_room_for(self) -> None:
        self.export({"w": torch.zeros([1] * 8)})
        self.path.unlink()
        self.refuse({"w": torch.zeros([1] * 9)}, "'w'", "9 dimensions, at most 8")
        huge = torch.zeros(1).expand(2**38 + 1)
        self.refuse({"w": huge}, f"({2**38 + 1},)", f"at most {2**40} bytes")
        self.refuse({"w": torch.zeros(1, dtype=torch.uint8).expand(2**37 + 1)}, f"at most {2**40} bytes")
        self.refuse({"w": torch.zeros(0).expand(2**30, 2**30, 0)}, f"at most {2**40} bytes")

    @unittest.skipUnless(hasattr(torch, "uint64"), "this PyTorch has no uint64")
    def test_integers_beyond_int64(self) -> None:
        value = torch.from_numpy(np.array([1, 2**63], dtype=np.uint64))
        self.refuse({"n": value}, "'n'", "beyond the range of int64")
        self.export({"n": value[:1]})

    def test_non_tensors(self) -> None:
        for value in ("text", 3, 2.5, None, [1.0], {"w": torch.zeros(1)}, np.zeros(2), b"x"):
            with self.subTest(kind=type(value).__name__):
                self.refuse({"layer.extra": value}, "'layer.extra'", "not a tensor",
                            type(value).__name__, "exclude")

    def test_one_message_lists_everything(self) -> None:
        message = self.refuse({"a": torch.zeros(1, dtype=torch.complex64), "b/c": torch.zeros(1),
                               "d": "text", "e": torch.zeros(1)}, "3 entries")
        for name in ("'a'", "'b/c'", "'d'"):
            self.assertIn(name, message)
        self.assertNotIn("'e'", message)

    def test_long_lists_are_cut(self) -> None:
        message = self.refuse({f"n{i}": i for i in range(1000)}, "1000 entries", "and 980 more")
        self.assertLess(len(message), 2000)

    def test_not_a_state_dict(self) -> None:
        self.refuse(nn.Linear(1, 1), "state_dict()")
        self.refuse([torch.zeros(1)], "list")
        self.refuse({}, "empty")

    def test_bad_options(self) -> None:
        self.refuse({"a": torch.zeros(1)}, "compression", compression="zip")
        self.refuse({"a": torch.zeros(1)}, "dtype", dtype="int8")
        self.refuse({"a": torch.zeros(1)}, "dtype", dtype=torch.int8)


if __name__ == "__main__":
    unittest.main()
