"""Tests of the files that tools/export_hdf5.py writes.

Run: /usr/bin/python3 -m unittest tests/python/test_export_hdf5.py
"""

from __future__ import annotations

import os
import stat
import sys
import unittest
from collections import OrderedDict
from unittest import mock

import h5py
import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(__file__))

from export_testing import ExportTest, creation_order, stored_bits, tensor_bits  # noqa: E402  (beside this)

import export_hdf5  # noqa: E402  (export_testing tells where)
from export_hdf5 import ExportError, export_state_dict  # noqa: E402


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


if __name__ == "__main__":
    unittest.main()
