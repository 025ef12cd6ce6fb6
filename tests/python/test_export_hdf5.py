"""Tests of tools/export_hdf5.py.

Run: /usr/bin/python3 -m unittest tests/python/test_export_hdf5.py
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "export_hdf5.py"
sys.path.insert(0, str(TOOL.parent))

import export_hdf5  # noqa: E402  (found through the path above)
from export_hdf5 import ExportError, export_state_dict  # noqa: E402
from upconv_export import rules  # noqa: E402

# dtype -> what numpy calls the dataset; bfloat16 has tests of its own.
PLAIN_DTYPES = {
    torch.float16: "float16", torch.float32: "float32", torch.float64: "float64",
    torch.bool: "bool", torch.uint8: "uint8", torch.int8: "int8", torch.int16: "int16",
    torch.int32: "int32", torch.int64: "int64",
}
NEW_UNSIGNED = [getattr(torch, n) for n in ("uint16", "uint32", "uint64") if hasattr(torch, n)]


def all_bfloat16() -> torch.Tensor:
    """Every one of the 65536 bit patterns."""
    bits = np.arange(65536, dtype=np.uint16).view(np.int16)
    return torch.from_numpy(bits.copy()).view(torch.bfloat16)


def stored_bits(dataset: h5py.Dataset) -> np.ndarray:
    """The 16-bit elements as they are in the file."""
    bits = np.full(dataset.shape, 0xDEAD, dtype="<u2")
    dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, bits, dataset.id.get_type())
    return bits


def tensor_bits(tensor: torch.Tensor) -> np.ndarray:
    return tensor.contiguous().view(torch.int16).numpy().view(np.uint16)


def creation_order(file: h5py.File) -> list[str]:
    names: list[str] = []
    group = h5py.h5g.open(file.id, b"/")
    group.links.iterate(lambda name: names.append(name.decode()), idx_type=h5py.h5.INDEX_CRT_ORDER)
    return names


class ExportTest(unittest.TestCase):
    """A scratch folder, and helpers that every test uses."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.path = self.folder / "weights.h5"
        torch.manual_seed(0)

    def export(self, state_dict, **options) -> export_hdf5.ExportReport:
        return export_state_dict(state_dict, self.path, **options)

    def refuse(self, state_dict, *expected: str, **options) -> str:
        """The export fails, its message has every part of `expected`, and no file appears."""
        with self.assertRaises(ExportError) as caught:
            self.export(state_dict, **options)
        for part in expected:
            self.assertIn(part, str(caught.exception))
        self.assertEqual(list(self.folder.iterdir()), [])
        return str(caught.exception)


class RoundTrip(ExportTest):
    def test_every_plain_dtype_keeps_its_bits_and_type(self) -> None:
        for dtype, name in PLAIN_DTYPES.items():
            with self.subTest(dtype=name):
                tensor = (torch.rand(3, 4, 5) * 100 - 50).to(dtype)
                self.export({"w": tensor})
                with h5py.File(self.path, "r") as file:
                    self.assertEqual(file["w"].dtype, np.dtype(name))
                    np.testing.assert_array_equal(file["w"][()], tensor.numpy())
                    self.assertNotIn("torch_dtype", file["w"].attrs)

    @unittest.skipUnless(NEW_UNSIGNED, "this PyTorch has no unsigned types beyond uint8")
    def test_wide_unsigned_types_of_newer_pytorch(self) -> None:
        for dtype in NEW_UNSIGNED:
            with self.subTest(dtype=str(dtype)):
                tensor = torch.tensor([0, 1, 255, 65535]).to(dtype)
                self.export({"w": tensor})
                with h5py.File(self.path, "r") as file:
                    self.assertEqual(str(file["w"].dtype), export_hdf5.dtype_name(dtype))
                    np.testing.assert_array_equal(file["w"][()], [0, 1, 255, 65535])
                    marked = file["w"].attrs.get("torch_dtype")
                self.assertEqual(marked, "uint16" if dtype == torch.uint16 else None)

    def test_float_specials_survive(self) -> None:
        for dtype in (torch.float16, torch.float32, torch.float64):
            values = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1e-7],
                                  dtype=dtype)
            self.export({"w": values})
            with h5py.File(self.path, "r") as file:
                self.assertEqual(file["w"][()].tobytes(), values.numpy().tobytes())

    def test_bfloat16_stores_all_bit_patterns_exactly(self) -> None:
        tensor = all_bfloat16()
        for options in ({}, {"compression": "gzip", "shuffle": True, "fletcher32": True},
                        {"compression": "lzf"}):
            with self.subTest(**options):
                self.export({"w": tensor.reshape(256, 256)}, **options)
                with h5py.File(self.path, "r") as file:
                    np.testing.assert_array_equal(stored_bits(file["w"]).ravel(),
                                                  tensor_bits(tensor))

    def test_bfloat16_reads_as_float_in_any_program(self) -> None:
        tensor = all_bfloat16()
        self.export({"w": tensor})
        with h5py.File(self.path, "r") as file:
            read = np.empty(65536, dtype=np.float32)
            file["w"].read_direct(read)
            self.assertEqual(file["w"].attrs["torch_dtype"], "bfloat16")
        expected = tensor.float().numpy()
        number = ~np.isnan(expected)
        np.testing.assert_array_equal(read[number].view(np.uint32),
                                      expected[number].view(np.uint32))
        self.assertTrue(np.isnan(read[~number]).all())

    def test_bfloat16_type_has_the_promised_layout(self) -> None:
        self.export({"w": torch.ones(2, dtype=torch.bfloat16)})
        with h5py.File(self.path, "r") as file:
            kind = file["w"].id.get_type()
            self.assertEqual(kind.get_class(), h5py.h5t.FLOAT)
            self.assertEqual((kind.get_size(), kind.get_precision(), kind.get_offset()), (2, 16, 0))
            self.assertEqual(kind.get_fields(), (15, 7, 8, 0, 7))
            self.assertEqual(kind.get_ebias(), 127)
            self.assertEqual(kind.get_order(), h5py.h5t.ORDER_LE)
            self.assertEqual(kind.get_norm(), h5py.h5t.NORM_IMPLIED)

    def test_zero_dim_and_empty_tensors(self) -> None:
        for dtype in (torch.float32, torch.bfloat16, torch.int64):
            with self.subTest(dtype=str(dtype)):
                entries = {"scalar": torch.tensor(3).to(dtype), "none": torch.zeros(0).to(dtype),
                           "flat": torch.zeros(2, 0, 3).to(dtype)}
                self.export(entries, compression="gzip", shuffle=True, fletcher32=True)
                with h5py.File(self.path, "r") as file:
                    for name, tensor in entries.items():
                        self.assertEqual(file[name].shape, tuple(tensor.shape))
                        self.assertIsNotNone(file[name].shape)
                    self.assertEqual(float(file["scalar"][()]), 3.0)

    def test_views_are_stored_as_they_look(self) -> None:
        base = torch.arange(24.0).reshape(4, 6)
        views = {"transposed": base.t(), "strided": base[::2, 1::2],
                 "expanded": base[:1].expand(3, 6),
                 "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
                 "negated": torch.complex(base, base).conj().imag,
                 "half": base.to(torch.bfloat16).t()}
        self.export(views)
        with h5py.File(self.path, "r") as file:
            for name, tensor in views.items():
                with self.subTest(view=name):
                    read = np.empty(tensor.shape, np.float32)
                    file[name].read_direct(read)
                    np.testing.assert_array_equal(read, tensor.float().resolve_neg().numpy())

    def test_only_the_view_is_stored_not_its_storage(self) -> None:
        self.export({"w": torch.zeros(1000, 1000)[:2, :2]})
        self.assertLess(self.path.stat().st_size, 10_000)

    def test_parameters_buffers_and_metadata_of_a_module(self) -> None:
        net = nn.Sequential(OrderedDict(conv=nn.ConvTranspose2d(2, 3, 4, stride=2),
                                        norm=nn.BatchNorm2d(3), act=nn.PReLU(3)))
        self.export(net.state_dict())
        with h5py.File(self.path, "r") as file:
            self.assertEqual(creation_order(file), list(net.state_dict()))
            self.assertEqual(file["norm.num_batches_tracked"].shape, ())
            self.assertEqual(file["norm.num_batches_tracked"].dtype, np.int64)
            read = {name: torch.from_numpy(np.asarray(file[name][()])) for name in file}
        fresh = nn.Sequential(OrderedDict(conv=nn.ConvTranspose2d(2, 3, 4, stride=2),
                                          norm=nn.BatchNorm2d(3), act=nn.PReLU(3)))
        fresh.load_state_dict(read)
        for name, value in net.state_dict().items():
            self.assertTrue(torch.equal(value, fresh.state_dict()[name]), name)

    def test_order_is_the_state_dicts(self) -> None:
        names = [f"z{i}" for i in range(40, 0, -1)] + ["a"]
        self.export({name: torch.zeros(1) for name in names})
        with h5py.File(self.path, "r") as file:
            self.assertEqual(creation_order(file), names)

    def test_file_attributes(self) -> None:
        self.export({"w": torch.zeros(1)})
        with h5py.File(self.path, "r") as file:
            self.assertEqual(file.attrs["upconv_format_version"], 1)
            self.assertEqual(file.attrs["upconv_exporter_version"], export_hdf5.EXPORTER_VERSION)
            self.assertEqual(file.attrs["torch_version"], str(torch.__version__))

    def test_the_same_weights_give_the_same_file(self) -> None:
        entries = {"a": torch.randn(3), "b": torch.randn(2, 2).bfloat16()}
        self.export(entries)
        first = self.path.read_bytes()
        self.export(entries)
        self.assertEqual(self.path.read_bytes(), first)


class Tied(ExportTest):
    def links(self, *names: str) -> bool:
        """Whether the names are one dataset."""
        with h5py.File(self.path, "r") as file:
            addresses = {h5py.h5o.get_info(file[name].id).addr for name in names}
            counts = {h5py.h5o.get_info(file[name].id).rc for name in names}
        return len(addresses) == 1 and counts == {len(names)}

    def test_tied_weights_are_one_dataset(self) -> None:
        embedding = nn.Embedding(50, 40)
        head = nn.Linear(40, 50, bias=False)
        head.weight = embedding.weight
        net = nn.ModuleDict({"embedding": embedding, "head": head})
        report = self.export(net.state_dict())
        self.assertEqual(report.tied, {"head.weight": "embedding.weight"})
        self.assertEqual(report.values, 2000)
        self.assertTrue(self.links("embedding.weight", "head.weight"))
        self.assertLess(self.path.stat().st_size, 2 * 2000 * 4)

    def test_three_names_nested_converted_and_compressed(self) -> None:
        weight = torch.randn(8, 8)
        entries = {"a.w": weight, "b.c.w": weight.view(8, 8), "d": weight.detach()}
        self.export(entries, nested=True, dtype="bfloat16", compression="gzip")
        self.assertTrue(self.links("a/w", "b/c/w", "d"))

    def test_other_views_of_one_storage_are_not_tied(self) -> None:
        weight = torch.arange(16.0).reshape(4, 4)
        entries = {"w": weight, "flat": weight.view(16), "t": weight.t(), "top": weight[:2],
                   "bottom": weight[2:], "copy": weight.clone()}
        report = self.export(entries)
        self.assertEqual(report.tied, {})
        with h5py.File(self.path, "r") as file:
            np.testing.assert_array_equal(file["t"][()], weight.t().numpy())
            np.testing.assert_array_equal(file["bottom"][()], weight[2:].numpy())

    def test_same_memory_with_another_type_is_not_tied(self) -> None:
        weight = torch.ones(4)
        self.assertEqual(self.export({"f": weight, "i": weight.view(torch.int32)}).tied, {})

    def test_empty_tensors_are_not_tied(self) -> None:
        self.assertEqual(self.export({"a": torch.zeros(0), "b": torch.zeros(0)}).tied, {})


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


class Conversion(ExportTest):
    def test_only_floats_are_converted(self) -> None:
        values = torch.randn(100)
        for name, dtype in export_hdf5.CONVERSIONS.items():
            with self.subTest(dtype=name):
                report = self.export({"w": values, "n": torch.tensor(5)}, dtype=name)
                self.assertEqual(report.converted, 0 if dtype == torch.float32 else 1)
                with h5py.File(self.path, "r") as file:
                    self.assertEqual(file["n"].dtype, np.int64)
                    if dtype == torch.bfloat16:
                        np.testing.assert_array_equal(stored_bits(file["w"]),
                                                      tensor_bits(values.bfloat16()))
                    else:
                        np.testing.assert_array_equal(file["w"][()], values.to(dtype).numpy())

    def test_overflow_is_refused(self) -> None:
        self.refuse({"w": torch.tensor([1.0, 1e6, -1e6])}, "'w'", "2 finite", dtype="float16")
        self.refuse({"w": torch.tensor([1e300], dtype=torch.float64)}, "'w'", dtype="float32")

    def test_infinities_that_were_there_stay(self) -> None:
        self.export({"w": torch.tensor([float("inf"), float("nan"), 1.0])}, dtype="float16")
        with h5py.File(self.path, "r") as file:
            np.testing.assert_array_equal(file["w"][()], [np.inf, np.nan, 1.0])

    @unittest.skipUnless(hasattr(torch, "float8_e4m3fn"), "this PyTorch has no 8-bit floats")
    def test_types_the_format_lacks_can_be_converted(self) -> None:
        self.export({"w": torch.tensor([0.5, -2.0]).to(torch.float8_e4m3fn)}, dtype="float32")
        with h5py.File(self.path, "r") as file:
            np.testing.assert_array_equal(file["w"][()], [0.5, -2.0])

    def test_filters(self) -> None:
        weight = torch.zeros(300, 300)
        plain = self.export({"w": weight}).file_bytes
        for compression in ("gzip", "lzf"):
            report = self.export({"w": weight}, compression=compression, shuffle=True,
                                 fletcher32=True)
            self.assertLess(report.file_bytes, plain / 4)
            with h5py.File(self.path, "r") as file:
                self.assertEqual(file["w"].compression, compression)
                self.assertTrue(file["w"].shuffle and file["w"].fletcher32)
                self.assertFalse(file["w"][()].any())


class Atomic(ExportTest):
    def test_replaces_and_keeps_permissions(self) -> None:
        self.export({"a": torch.zeros(1)})
        os.chmod(self.path, 0o640)
        self.export({"b": torch.zeros(1)})
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o640)
        with h5py.File(self.path, "r") as file:
            self.assertEqual(list(file), ["b"])
        self.assertEqual(list(self.folder.iterdir()), [self.path])

    def test_a_new_file_follows_the_umask(self) -> None:
        old = os.umask(0o027)
        try:
            self.export({"a": torch.zeros(1)})
        finally:
            os.umask(old)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o640)

    def test_a_failure_leaves_the_old_file(self) -> None:
        self.export({"a": torch.zeros(1)})
        before = self.path.read_bytes()
        for failure in (OSError("disk full"), KeyboardInterrupt()):
            with mock.patch.object(export_hdf5, "write_dataset", side_effect=failure):
                with self.assertRaises(type(failure)):
                    self.export({"b": torch.zeros(1)})
        with self.assertRaises(ExportError):
            self.export({"b": torch.tensor([1e9])}, dtype="float16")
        self.assertEqual(self.path.read_bytes(), before)
        self.assertEqual(list(self.folder.iterdir()), [self.path])

    def test_a_link_is_followed(self) -> None:
        real = self.folder / "real.h5"
        self.path.symlink_to(real)
        self.export({"a": torch.zeros(1)})
        self.assertTrue(self.path.is_symlink())
        self.assertTrue(h5py.is_hdf5(real))

    def test_bad_destinations(self) -> None:
        with self.assertRaisesRegex(ExportError, "is a folder"):
            export_state_dict({"a": torch.zeros(1)}, self.folder)
        with self.assertRaisesRegex(ExportError, "does not exist"):
            export_state_dict({"a": torch.zeros(1)}, self.folder / "no" / "w.h5")

    def test_strings_and_paths(self) -> None:
        export_state_dict({"a": torch.zeros(1)}, str(self.path))
        self.assertTrue(self.path.exists())


class CommandLine(ExportTest):
    def setUp(self) -> None:
        super().setUp()
        self.model = self.folder / "model.pt"

    def run_main(self, *arguments: object) -> tuple[int, str, str]:
        """main() in this process: (status, stdout, stderr)."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = export_hdf5.main([str(argument) for argument in arguments])
            except SystemExit as stop:
                status = stop.code
        return status, out.getvalue(), err.getvalue()

    def convert(self, checkpoint: object, *options: str) -> tuple[int, str, str]:
        torch.save(checkpoint, self.model)
        return self.run_main(self.model, self.path, *options)

    def fails(self, checkpoint: object, *expected: str, options: tuple = ()) -> str:
        status, out, err = self.convert(checkpoint, *options)
        self.assertEqual((status, out), (1, ""))
        self.assertTrue(err.startswith("export_hdf5.py: "), err)
        self.assertNotIn("Traceback", err)
        for part in expected:
            self.assertIn(part, err)
        self.assertFalse(self.path.exists())
        return err

    def names(self) -> list[str]:
        with h5py.File(self.path, "r") as file:
            return creation_order(file)

    def test_as_a_program(self) -> None:
        torch.save(nn.Conv2d(1, 2, 3).state_dict(), self.model)
        done = subprocess.run([sys.executable, str(TOOL), str(self.model), str(self.path)],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("2 tensors (2 float32), 20 values", done.stdout)
        self.assertEqual(self.names(), ["weight", "bias"])

    def test_a_program_that_fails_has_no_traceback(self) -> None:
        done = subprocess.run([sys.executable, str(TOOL), str(self.model), str(self.path)],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("does not exist", done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_the_exporter_runs_where_it_is_copied_to(self) -> None:
        torch.save({"w": torch.zeros(2)}, self.model)
        copy = self.folder / "copy"
        copy.mkdir()
        shutil.copy(TOOL, copy)
        command = [sys.executable, str(copy / TOOL.name), str(self.model), str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, "export_hdf5.py: the folder upconv_export is missing; "
                                      "it belongs beside export_hdf5.py\n")
        shutil.copytree(TOOL.parent / "upconv_export", copy / "upconv_export",
                        ignore=shutil.ignore_patterns("__pycache__"))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_full_disk(self) -> None:
        def small_files() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        torch.save({"w": torch.zeros(1_000_000)}, self.model)
        done = subprocess.run([sys.executable, str(TOOL), str(self.model), str(self.path)],
                              capture_output=True, text=True, check=False, preexec_fn=small_files)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertIn("cannot write", done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [self.model])

    def test_interrupted(self) -> None:
        torch.save({"w": torch.zeros(1)}, self.model)
        with mock.patch.object(export_hdf5, "write_dataset", side_effect=KeyboardInterrupt()):
            status, out, err = self.run_main(self.model, self.path)
        self.assertEqual((status, out), (130, ""))
        self.assertIn("interrupted", err)
        self.assertEqual(list(self.folder.iterdir()), [self.model])

    def test_all_options(self) -> None:
        weight = torch.randn(4, 4)
        status, out, err = self.convert(
            {"model": {"module.a.w": weight, "module.b.w": weight, "module.loss": "x"}},
            "--key", "model", "--exclude", "*.loss", "--prefix-strip", "module.", "--nested",
            "--dtype", "bfloat16", "--compression", "gzip", "--shuffle", "--fletcher32")
        self.assertEqual((status, err), (0, ""))
        for part in ("prefix removed from 2 of 2", "2 converted", "left out: module.loss",
                     "b.w is tied to a.w"):
            self.assertIn(part, out)
        with h5py.File(self.path, "r") as file:
            np.testing.assert_array_equal(stored_bits(file["b/w"]), tensor_bits(weight.bfloat16()))

    def test_quiet(self) -> None:
        self.assertEqual(self.convert({"w": torch.zeros(1)}, "--quiet"), (0, "", ""))

    def test_many_names_make_a_short_summary(self) -> None:
        weight = torch.zeros(2)
        entries = {f"layer{i}.weight": weight for i in range(300)}
        entries.update({f"old{i}": torch.zeros(1) for i in range(300)})
        _, out, _ = self.convert(entries, "--exclude", "old*")
        self.assertLess(len(out), 600)
        self.assertIn("left out: old0, old1, old2, old3 and 296 more", out)
        self.assertIn("layer1.weight is tied to layer0.weight", out)
        self.assertIn("and 295 more", out)
        _, out, _ = self.convert(entries, "--exclude", "old*", "--list")
        for name in entries:
            self.assertRegex(out, rf"\b{name}\b")

    def test_a_notebook_shows_a_short_summary(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            report = self.export({f"layer{i}.weight": torch.zeros(2) for i in range(1000)})
        self.assertEqual(out.getvalue(), "")
        self.assertEqual(repr(report), str(report))
        self.assertRegex(repr(report), r"^\S+weights.h5: 1000 tensors \(1000 float32\), 2,000 values, [\d,]+ bytes$")
        self.assertIn("layer999.weight", report.listing())

    def test_parameters_and_ordered_dicts_load(self) -> None:
        status, _, err = self.convert(OrderedDict(w=nn.Parameter(torch.zeros(2))))
        self.assertEqual((status, err), (0, ""))

    def test_the_old_checkpoint_format_loads(self) -> None:
        torch.save({"w": torch.ones(2)}, self.model, _use_new_zipfile_serialization=False)
        self.assertEqual(self.run_main(self.model, self.path, "--quiet"), (0, "", ""))

    def test_ties_survive_a_checkpoint(self) -> None:
        weight = torch.randn(5)
        _, out, _ = self.convert({"a": weight, "b": weight})
        self.assertIn("b is tied to a", out)

    def test_nested_checkpoint_needs_a_key(self) -> None:
        inner = {"w": torch.zeros(1), "b": torch.zeros(1)}
        checkpoint = {"epoch": 3, "state_dict": inner, "deep": {"ema": {"w": torch.zeros(1)}}}
        self.fails(checkpoint, "--key state_dict   (2 tensors)", "--key deep/ema   (1 tensors)")
        self.fails(checkpoint, "no key 'model'", "--key state_dict", options=("--key", "model"))
        self.fails(checkpoint, "'epoch' holds int", options=("--key", "epoch"))
        for key, names in (("state_dict", ["w", "b"]), ("deep/ema", ["w"])):
            status, _, err = self.convert(checkpoint, "--key", key)
            self.assertEqual((status, err), (0, ""))
            self.assertEqual(self.names(), names)

    def test_tensors_beside_a_nested_dict_are_not_guessed_about(self) -> None:
        self.fails({"mean": torch.zeros(3), "model": {"w": torch.zeros(1)}}, "beside",
                   "--key model")

    def test_exclude_comes_before_the_choice_of_the_key(self) -> None:
        w = torch.zeros(1)
        flat = {"w": w, "epoch": 3, "optimizer": {"state": {}}}
        self.fails(flat, "leave these out with --exclude")
        status, out, err = self.convert(flat, "--exclude", "optimizer", "--exclude", "epoch")
        self.assertEqual((status, err, self.names()), (0, "", ["w"]))
        self.assertIn("left out: optimizer, epoch", out)
        self.path.unlink()
        nested = {"model": {"w": w, "mean": w}, "optimizer": {"o": w}}
        self.fails(nested, "--key model", options=("--exclude", "w"))
        self.fails(nested, "--key model", options=("--exclude", "optimizer"))
        self.fails(nested, "no name matches the pattern 'x*'", "'w', 'mean'", options=("--key", "model", "--exclude", "x*"))
        for pattern in ("mean", "m*"):
            status, _, err = self.convert(nested, "--key", "model", "--exclude", pattern, "--exclude", "optim*")
            self.assertEqual((status, err, self.names()), (0, "", ["w"]))

    def test_a_checkpoint_that_refers_to_one_dictionary_many_times(self) -> None:
        inner: dict = {"w": torch.zeros(1)}
        for _ in range(4):
            inner = {f"k{i}": inner for i in range(1000)}
        self.fails(inner, "the state dict is nested", "--key k0/k0/k0/k0")

    def test_a_key_with_a_slash_in_it(self) -> None:
        status, _, _ = self.convert({"a/b": {"w": torch.zeros(1)}}, "--key", "a/b")
        self.assertEqual(status, 0)

    def test_things_that_are_no_state_dict(self) -> None:
        self.fails(torch.zeros(3), "holds Tensor")
        self.fails([torch.zeros(3)], "holds list")
        self.fails({"epoch": 3}, "'epoch'", "not a tensor but int")
        self.fails({}, "empty")

    def test_a_pickled_module_is_not_unpickled(self) -> None:
        self.fails(nn.Linear(2, 2), "more than tensors", "state_dict()")

    def test_torchscript_is_recognised(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(nn.Linear(2, 2)), str(self.model))
        status, _, err = self.run_main(self.model, self.path)
        self.assertEqual(status, 1)
        self.assertIn("TorchScript", err)

    def test_damaged_files(self) -> None:
        torch.save({"w": torch.zeros(1000)}, self.model)
        whole = self.model.read_bytes()
        for what, data in (("text", b"hello world"), ("cut", whole[:2000]), ("zeros", bytes(5000))):
            with self.subTest(what=what):
                self.model.write_bytes(data)
                status, _, err = self.run_main(self.model, self.path)
                self.assertEqual(status, 1)
                self.assertIn("damaged", err)
                self.assertEqual(len(err.strip().splitlines()), 1)

    def test_paths_that_do_not_work(self) -> None:
        torch.save({"w": torch.zeros(1)}, self.model)
        for arguments, expected in (((self.folder, self.path), "is a folder"),
                                    ((self.folder / "no.pt", self.path), "does not exist"),
                                    ((self.model, self.folder), "is a folder"),
                                    ((self.model, self.folder / "no" / "w.h5"), "does not exist"),
                                    ((self.model, self.model), "overwrite")):
            with self.subTest(expected=expected):
                status, _, err = self.run_main(*arguments)
                self.assertEqual(status, 1)
                self.assertIn(expected, err)

    def test_wrong_usage(self) -> None:
        for arguments in ((), ("a.pt",), ("a.pt", "b.h5", "--dtype", "int8"),
                          ("a.pt", "b.h5", "--compression", "zip")):
            self.assertEqual(self.run_main(*arguments)[0], 2)

    def test_help_and_version(self) -> None:
        status, out, _ = self.run_main("--help")
        self.assertEqual(status, 0)
        for option in ("--key", "--prefix-strip", "--exclude", "--dtype", "--nested",
                       "--compression", "--shuffle", "--fletcher32", "--no-fold", "--list", "--quiet"):
            self.assertIn(option, out)
        status, out, _ = self.run_main("--version")
        self.assertEqual((status, out.split()[1]), (0, export_hdf5.EXPORTER_VERSION))


if __name__ == "__main__":
    unittest.main()
