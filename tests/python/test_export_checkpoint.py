"""Tests of what tools/export_hdf5.py reads: checkpoints of every age, files of other kinds.

Run: /usr/bin/python3 -m unittest tests/python/test_export_checkpoint.py
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import tarfile
import unittest
import warnings
import zipfile

import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(__file__))

from export_testing import Calls, CheckpointTest  # noqa: E402  (beside this)

from upconv_export import ExportError  # noqa: E402  (export_testing tells where)
from upconv_export.checkpoint import load_checkpoint  # noqa: E402


PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)  # torch.save writes no lower ones


def dtypes() -> list[torch.dtype]:
    names = ("float16", "bfloat16", "float32", "float64", "bool", "uint8", "int8", "int16", "int32", "int64",
             "complex64", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2")
    return [getattr(torch, name) for name in names if hasattr(torch, name)]


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.dim() else bits(tensor.reshape(1))


class Tensors(CheckpointTest):
    def test_every_dtype_and_protocol_and_both_formats(self) -> None:
        for dtype in dtypes():
            for old in (False, True):
                for protocol in PROTOCOLS:
                    with self.subTest(dtype=str(dtype), old=old, protocol=protocol):
                        tensor = (torch.rand(3, 5) * 100).to(dtype)
                        saved = {"w": tensor, "s": tensor[1, 2], "none": torch.zeros(2, 0).to(dtype)}
                        loaded = self.saved_and_loaded(saved, pickle_protocol=protocol,
                                                       _use_new_zipfile_serialization=not old)
                        self.assertEqual((loaded["w"].dtype, loaded["w"].shape), (dtype, (3, 5)))
                        self.assertEqual(bits(loaded["w"]), bits(tensor))
                        self.assertEqual(bits(loaded["s"]), bits(tensor[1, 2]))
                        self.assertEqual(tuple(loaded["none"].shape), (2, 0))

    def test_views_and_ties(self) -> None:
        base = torch.arange(24.0).reshape(4, 6)
        views = {"w": base, "t": base.t(), "strided": base[1::2, ::3], "expanded": base[:1].expand(3, 6),
                 "negated": torch.complex(base, base).conj().imag, "twin": base}
        for old in (False, True):
            loaded = self.saved_and_loaded(views, _use_new_zipfile_serialization=not old)
            theirs = torch.load(self.path)  # PyTorch 1.13 loses the sign of a negated view when it saves it
            for name in views:
                self.assertEqual(loaded[name].resolve_neg().tolist(), theirs[name].resolve_neg().tolist(), name)
                self.assertEqual(loaded[name].stride(), theirs[name].stride(), name)
            self.assertEqual(loaded["w"].data_ptr(), loaded["twin"].data_ptr())

    def test_parameters_buffers_and_attributes(self) -> None:
        parameter, tensor = nn.Parameter(torch.ones(3)), torch.ones(2)
        parameter.note, tensor.note = "attribute", "attribute"
        for old in (False, True):
            loaded = self.saved_and_loaded({"p": parameter, "t": tensor, "plain": nn.Parameter(torch.zeros(1))},
                                           _use_new_zipfile_serialization=not old)
            self.assertEqual([value.tolist() for value in loaded.values()], [[1, 1, 1], [1, 1], [0]])
            self.assertFalse(hasattr(loaded["p"], "note"))
            self.assertEqual({type(value) for value in loaded.values()}, {torch.Tensor})

    def test_a_whole_training_checkpoint(self) -> None:
        net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.125)
        net(torch.ones(1, 2, 5, 5)).sum().backward()
        optimizer.step()
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [10, 20])
        checkpoint = {"model": net.state_dict(), "optimizer": optimizer.state_dict(),
                      "schedule": schedule.state_dict(), "lr": 0.125, "loss": np.float64(0.5),
                      "rng": np.random.get_state(), "torch_rng": torch.get_rng_state()}
        for old in (False, True):
            for protocol in PROTOCOLS:
                loaded = self.saved_and_loaded(checkpoint, pickle_protocol=protocol,
                                               _use_new_zipfile_serialization=not old)
                state = loaded["model"]
                self.assertEqual(list(state), list(net.state_dict()))
                for name, value in net.state_dict().items():
                    self.assertTrue(torch.equal(state[name], value), name)
                self.assertEqual((loaded["lr"], loaded["optimizer"]["param_groups"][0]["lr"]), (0.125, 0.125))

    def test_checkpoints_without_checksums(self) -> None:
        if not hasattr(torch.serialization, "set_crc32_options"):
            self.skipTest("this PyTorch has no set_crc32_options")
        torch.serialization.set_crc32_options(False)
        self.addCleanup(torch.serialization.set_crc32_options, True)
        self.assertEqual(self.saved_and_loaded({"w": torch.ones(2)})["w"].tolist(), [1, 1])

    def test_tensors_that_cannot_be_exported_stand_aside(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            odd = {"sparse": (torch.eye(3).to_sparse(), "is sparse; call to_dense()"),
                   "csr": (torch.eye(3).to_sparse_csr(), "is sparse; call to_dense()"),
                   "quantized": (torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8),
                                 "is quantized; call dequantize()"),
                   "quantized32": (torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint32), "is quantized"),
                   "meta": (torch.empty(2, device="meta"), "is on the meta device")}
        for old in (False, True):
            for kind, (tensor, why) in odd.items():
                with self.subTest(kind=kind, old=old):
                    loaded = self.saved_and_loaded({"w": torch.ones(2), kind: tensor},
                                                   _use_new_zipfile_serialization=not old)
                    self.assertEqual(loaded["w"].tolist(), [1, 1])
                    self.assertIn(why, loaded[kind].why)

    def test_tensors_that_leave_their_storage_are_refused(self) -> None:
        rebuild = torch._utils._rebuild_tensor_v2

        class Pickler(pickle.Pickler):
            def persistent_id(self, value: object) -> object:
                return ("storage", torch.FloatStorage, "0", "cpu", 4) if value == "STORAGE" else None

        for offset, size, stride in ((0, (5,), (1,)), (1, (4,), (1,)), (0, (2, 2), (3, 1)), (-1, (1,), (1,)),
                                     (0, (-1,), (1,)), (0, (2,), (-1,)), (0, (2,), (1, 1)), (2**63, (1,), (1,)),
                                     (0, (2**40,), (2**40,)), (0, ("x",), (1,)), (0, (True,), (1,))):
            with self.subTest(offset=offset, size=size, stride=stride):
                data = io.BytesIO()
                Pickler(data, 2).dump({"w": Calls(rebuild, "STORAGE", offset, size, stride, False, None)})
                self.archive(data.getvalue(), **{"data/0": bytes(16)})
                self.refuse("damaged")
        data = io.BytesIO()
        Pickler(data, 2).dump({"w": Calls(rebuild, "STORAGE", 0, (4,), (1,), False, None)})
        self.archive(data.getvalue(), **{"data/0": bytes(12)})
        self.refuse("shorter than its size says")
        self.archive(data.getvalue())
        self.refuse("the values of storage '0' are missing")
        self.archive(data.getvalue(), **{"data/0": bytes(16), "byteorder": b"big"})
        self.refuse("big-endian", "torch.load")
        self.archive(data.getvalue(), **{"data/0": bytes(16), "byteorder": b"little"})
        self.assertEqual(load_checkpoint(self.path)["w"].tolist(), [0, 0, 0, 0])


class OtherFiles(CheckpointTest):
    def write(self, data: bytes) -> None:
        self.path.write_bytes(data)

    def test_are_named_for_what_they_are(self) -> None:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("storages"))
            tar.addfile(tarfile.TarInfo("tensors"))
        cases = {
            b"": "is empty", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n": "git lfs pull",
            b"<!DOCTYPE html><html><body>": "web page", b"\xef\xbb\xbf\n <html lang=en>": "web page",
            b"<?xml version='1.0'?><Error>": "XML", b'{"error": "not found"}': "JSON",
            b'{\n  "weight_map": {}}': "JSON",
            b"\x89HDF\r\n\x1a\n" + bytes(100): "HDF5 file already", b"\x93NUMPY\x01\x00": ".npy",
            b"\x1f\x8b\x08\x00": "gzip", b"BZh91AY": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd",
            b"GGUF\x03\x00": "GGUF", b"\x1c\x00\x00\x00TFL3": "TensorFlow Lite", plain.getvalue(): "tar archive",
            b"\x08\x07\x12\x07pytorch\x1a\x051.13.": "ONNX", b"\x08\x08:\xff\x01": "ONNX",
            pickle.dumps({"w": np.zeros(2)}): "a pickle that torch.save did not write",
            pickle.dumps([1, 2], 0): "a pickle that torch.save did not write",
            b"hello world": "not a PyTorch checkpoint", bytes(3000): "not a PyTorch checkpoint",
        }
        for data, expected in cases.items():
            with self.subTest(expected=expected):
                self.write(data)
                message = self.refuse(expected)
                self.assertLess(len(message), 500)

    def test_archives(self) -> None:
        def archive(*names: str) -> None:
            with zipfile.ZipFile(self.path, "w") as file:
                for name in names:
                    file.writestr(name, b"x")

        np.savez(self.folder / "w.npz", w=np.zeros(2))
        self.path.write_bytes((self.folder / "w.npz").read_bytes())
        message = self.refuse("NumPy archive (.npz)", "torch.from_numpy")
        self.assertNotIn("checkpoint", message)
        for names, expected in ((("a/model.pth",), "unpack it"), (("config.json", "model.weights.h5"), "Keras"),
                                (("a.txt",), "not one of torch.save"), ((), "not one of torch.save"),
                                (("m/code/x.py", "m/constants.pkl", "m/data.pkl"), "TorchScript")):
            with self.subTest(expected=expected):
                archive(*names)
                if not names:
                    self.path.write_bytes(b"PK\x03\x04" + self.path.read_bytes())
                self.refuse(expected)

    def test_torchscript(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(nn.Linear(2, 2)), str(self.path))
        self.refuse("TorchScript archive", "torch.jit.load")

    def test_an_exported_onnx_model(self) -> None:
        """The head of a file that torch.onnx.export of PyTorch 1.13 wrote."""
        self.write(bytes.fromhex("08071207707974 6f7263681a06312e31332e303a") + bytes(200))
        self.refuse("ONNX")

    def test_cut_off(self) -> None:
        for old in (False, True):
            self.save({"w": torch.randn(1000), "b": torch.randn(10)}, _use_new_zipfile_serialization=not old)
            whole = self.path.read_bytes()
            for end in range(1, len(whole), 97):
                with self.subTest(end=end, old=old):
                    self.write(whole[:end])
                    self.refuse("damaged")
            self.write(whole[:len(whole) // 2])
            self.refuse("damaged or cut off", "download it again")

    def test_changed_values(self) -> None:
        self.save({"w": torch.zeros(1000)})
        data = bytearray(self.path.read_bytes())
        data[len(data) // 2] = 1
        self.write(bytes(data))
        self.refuse("not those that were saved")

    def test_compressed_entries(self) -> None:
        with zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("archive/data.pkl", bytes(10_000_000))
        self.refuse("compressed")


class Safetensors(CheckpointTest):
    def write(self, header: object, values: bytes = b"") -> None:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        self.path.write_bytes(struct.pack("<Q", len(text)) + text + values)

    def test_are_read(self) -> None:
        half = torch.tensor([[1.5], [-2.0]], dtype=torch.bfloat16)
        self.write({"__metadata__": {"format": "pt"},
                    "a.w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
                    "h": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [16, 20]},
                    "n": {"dtype": "I64", "shape": [], "data_offsets": [20, 28]},
                    "none": {"dtype": "F16", "shape": [0, 3], "data_offsets": [28, 28]}},
                   np.arange(4, dtype="<f4").tobytes() + half.view(torch.int16).numpy().tobytes()
                   + struct.pack("<q", 7))
        loaded = load_checkpoint(self.path)
        self.assertEqual(list(loaded), ["a.w", "h", "n", "none"])
        self.assertEqual(loaded["a.w"].tolist(), [[0, 1], [2, 3]])
        self.assertTrue(torch.equal(loaded["h"], half))
        self.assertEqual((loaded["n"].item(), loaded["n"].dtype, loaded["none"].shape), (7, torch.int64, (0, 3)))

    def test_headers_whose_length_looks_like_another_file(self) -> None:
        for length in (0x8B1F, 0x5B, 0x12_07_08, 0x02_80, 0x04_03_4B_50 % 2**20, 0x7B22):
            entry = {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
            self.write(json.dumps(entry).encode().ljust(length), struct.pack("<f", 2))
            self.assertEqual(load_checkpoint(self.path)["w"].tolist(), [2], hex(length))

    def test_damage(self) -> None:
        def entry(**changes: object) -> dict:
            return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}

        self.write(entry(), bytes(8))
        self.assertEqual(load_checkpoint(self.path)["w"].tolist(), [0, 0])
        for header, values, expected in (
                (entry(), bytes(7), "are missing"), (entry(shape=[3]), bytes(12), "size that its shape says"),
                (entry(shape=[-2]), bytes(8), "damaged"), (entry(shape=[2**40, 2**40]), bytes(8), "size"),
                (entry(data_offsets=[8, 0]), bytes(8), "damaged"), (entry(data_offsets=[-8, 0]), bytes(8), "damaged"),
                (entry(dtype="F4"), bytes(8), "'F4'"), (entry(shape="2"), bytes(8), "damaged"), ([], b"", "damaged"),
                (b"{nonsense", b"", "damaged"), ({"w": 3}, b"", "damaged")):
            with self.subTest(header=header):
                self.write(header, values)
                with self.assertRaises(ExportError) as caught:
                    load_checkpoint(self.path)
                self.assertIn(expected, str(caught.exception))
        self.path.write_bytes(struct.pack("<Q", 10**6) + b"{" + bytes(100))
        self.refuse("its header is longer than the file")


if __name__ == "__main__":
    unittest.main()
