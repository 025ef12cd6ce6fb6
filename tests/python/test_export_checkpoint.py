"""Tests of what tools/export_hdf5.py reads: checkpoints of every age, hostile pickles, files of other kinds.

Run: /usr/bin/python3 -m unittest tests/python/test_export_checkpoint.py
"""

from __future__ import annotations

import argparse
import collections
import copyreg
import io
import json
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import tarfile
import tempfile
import types
import unittest
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from upconv_export import ExportError  # noqa: E402  (found through the path above)
from upconv_export.checkpoint import load_checkpoint  # noqa: E402
from upconv_export.choose import choose_entries  # noqa: E402
from upconv_export.unpickler import Unpickler, Unread  # noqa: E402

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)  # torch.save writes no lower ones


class Calls:
    """Pickles as a call of `function`, which runs at an ordinary unpickler's."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


class Config:
    """A class of a user's own."""

    def __init__(self) -> None:
        self.depth = 3


class CheckpointTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.path = self.folder / "model.pt"
        torch.manual_seed(0)

    def save(self, value: object, **options: object) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.save(value, self.path, **options)

    def saved_and_loaded(self, value: object, **options: object) -> object:
        self.save(value, **options)
        return load_checkpoint(self.path)

    def archive(self, data: bytes, **records: bytes) -> None:
        """A checkpoint with this pickle."""
        with zipfile.ZipFile(self.path, "w") as file:
            file.writestr("archive/data.pkl", data)
            for name, content in records.items():
                file.writestr(f"archive/{name}", content)

    def refuse(self, *expected: str) -> str:
        with self.assertRaises(ExportError) as caught:
            load_checkpoint(self.path)
        message = str(caught.exception)
        for part in expected:
            self.assertIn(part, message)
        self.assertIn(str(self.path), message)
        return message


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
                        loaded = self.saved_and_loaded({"w": tensor, "s": tensor[1, 2], "none": torch.zeros(2, 0).to(dtype)},
                                                       pickle_protocol=protocol,
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
        checkpoint = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
                      "lr": 0.125, "loss": np.float64(0.5), "rng": np.random.get_state(), "torch_rng": torch.get_rng_state()}
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


class Harmless(CheckpointTest):
    values = {
        "int": 3, "big": 10**30, "negative": -70000, "float": 0.25, "text": "größe", "bytes": b"\x00\xff", "none": None,
        "flags": [True, False], "nested": {"a": [(1, 2.5), ("x",)]}, "complex": 1 + 2j, "set": {1, 2},
        "frozen": frozenset([1]), "array": bytearray(b"x"), "range": range(3), "slice": slice(1, 2),
        "ordered": collections.OrderedDict(a=1), "default": collections.defaultdict(list, a=[1]),
        "default_dict": collections.defaultdict(dict), "counter": collections.Counter("aab"),
        "deque": collections.deque([1, 2]), "posix": pathlib.PosixPath("/a/b"), "pure": pathlib.PurePosixPath("a"),
        "windows": pathlib.PureWindowsPath("C:/a"), "namespace": argparse.Namespace(lr=0.1, name="x"),
        "simple": types.SimpleNamespace(lr=0.1), "size": torch.Size([2, 3]), "dtype": torch.float16,
        "device": torch.device("cuda", 1), "layout": torch.strided, "scalar": np.float32(1.5), "count": np.int64(3),
        "truth": np.bool_(True), "ndarray": np.arange(6.0).reshape(2, 3), "np_type": np.float32, "np_dtype": np.dtype("<f4"),
        "structured": np.zeros(2, dtype=[("a", "<f4"), ("b", "<i8")]), "np_text": np.str_("x"),
        "keys": {1: "a", None: "b", (1, "x"): "c", 2.5: "d"}, "type": int, "storage": torch.ones(2).storage(),
    }

    def test_stand_beside_weights(self) -> None:
        for old in (False, True):
            for protocol in PROTOCOLS:
                for name, value in self.values.items():
                    with self.subTest(name=name, old=old, protocol=protocol):
                        loaded = self.saved_and_loaded({"w": torch.ones(2), name: value}, pickle_protocol=protocol,
                                                       _use_new_zipfile_serialization=not old)
                        self.assertEqual(loaded["w"].tolist(), [1, 1])

    def test_all_protocols_without_tensors(self) -> None:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            for name in ("int", "big", "negative", "float", "text", "none", "flags", "nested", "ordered", "keys"):
                with self.subTest(name=name, protocol=protocol):
                    self.archive(pickle.dumps({name: self.values[name]}, protocol))
                    self.assertEqual(load_checkpoint(self.path), {name: self.values[name]})
            for name in set(self.values) - {"storage", "layout"}:
                with self.subTest(name=name, protocol=protocol):
                    data = pickle.dumps(self.values[name], protocol)
                    unpickler = Unpickler(io.BytesIO(data))
                    unpickler.load()
                    self.assertEqual(list(unpickler.unknown), [])

    def test_names_of_other_versions_and_systems(self) -> None:
        for name in ("pathlib WindowsPath", "pathlib._local PosixPath", "pathlib._local WindowsPath", "pathlib Path",
                     "numpy.core.multiarray scalar", "numpy._core.multiarray scalar", "numpy._core.numeric _frombuffer",
                     "numpy._core.multiarray _reconstruct", "numpy.dtypes Float64DType", "__builtin__ set",
                     "torch.storage UntypedStorage", "torch.cuda FloatStorage", "datetime datetime"):
            with self.subTest(name=name):
                self.archive(b"\x80\x02}X\x01\x00\x00\x00xc" + name.replace(" ", "\n").encode() + b"\n)Rs.")
                self.assertIsInstance(load_checkpoint(self.path)["x"], Unread)

    def test_python_2(self) -> None:
        self.archive(b"(dp0\nS'weight'\np1\nI3\nsS'list'\n(lp2\nI1\naF0.5\nas.")
        self.assertEqual(load_checkpoint(self.path), {"weight": 3, "list": [1, 0.5]})
        self.archive(b"\x80\x02}q\x00U\x06gr\xc3\xb6\xc3\x9fq\x01K\x01s.")
        self.assertEqual(load_checkpoint(self.path), {"größ": 1})

    def test_said_what_they_are(self) -> None:
        self.save({"w": argparse.Namespace(a=1), "n": np.zeros(2)})
        loaded = load_checkpoint(self.path)
        self.assertEqual((loaded["w"].what, loaded["n"].what),
                         ("argparse.Namespace", np.zeros(2).__reduce__()[0].__module__ + "._reconstruct"))
        self.save(argparse.Namespace(a=1))
        with self.assertRaisesRegex(ExportError, "holds argparse.Namespace, not a state dict"):
            choose_entries(load_checkpoint(self.path), None, [])


class Hostile(CheckpointTest):
    """Nothing that a pickle names runs, whatever the pickle says."""

    def setUp(self) -> None:
        super().setUp()
        self.trace = self.folder / "it_ran"

    def check(self, data: bytes, *expected: str) -> None:
        for where in ("zip", "plain", "legacy"):
            with self.subTest(where=where):
                if where == "zip":
                    self.archive(data)
                else:
                    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
                    self.path.write_bytes(data if where == "plain" else head + data)
                self.refuse(*(expected if where != "plain" else ()))
                self.assertFalse(self.trace.exists())

    def test_calls(self) -> None:
        touch = f"touch {self.trace}"
        open_it = f"open({str(self.trace)!r}, 'w')"
        for function, arguments, name in (
                (os.system, (touch,), "'posix.system'"), (eval, (open_it,), "'builtins.eval'"),
                (exec, (open_it,), "'builtins.exec'"), (open, (str(self.trace), "w"), "'io.open'"),
                (getattr, (os, "system"), "'builtins.getattr'"), (__import__, ("os",), "'builtins.__import__'"),
                (subprocess.check_call, (["touch", str(self.trace)],), "'subprocess.check_call'"),
                (torch.load, (str(self.trace),), "'torch.serialization.load'"),
                (pickle.loads, (b"",), "loads'"), (Config, (), "Config'"),
                (copyreg.__newobj__, (Config,), "'copyreg.__newobj__'")):
            if function is getattr:
                arguments = (Config, "__init__")
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                with self.subTest(name=name, protocol=protocol):
                    try:
                        data = pickle.dumps({"w": Calls(function, *arguments)}, protocol)
                    except pickle.PicklingError:  # no protocol writes copyreg.__newobj__ as a call
                        continue
                    if function is copyreg.__newobj__:
                        self.check(data, "more than tensors")
                    else:
                        self.check(data, "more than tensors", name)

    def test_names(self) -> None:
        for module, name in (("torch.hub", "load"), ("torch", "hub.load"), ("os", "system"), ("nt", "system"),
                             ("builtins", "getattr"), ("builtins", "type"), ("operator", "attrgetter"),
                             ("torch._utils", "_rebuild_tensor_v2.__globals__"), ("collections", "OrderedDict.fromkeys"),
                             ("torch.storage", "_load_from_bytes"), ("functools", "partial"), ("numpy", "load"),
                             ("numpy", "memmap"), ("numpy.f2py.crackfortran", "myeval"), ("numpy.lib.npyio", "load"),
                             ("pathlib", "Path.unlink"), ("pathlib", "Path.write_text"), ("torch.jit", "load"),
                             ("", ""), ("argparse", "FileType"), ("builtins", "print"), ("types", "FunctionType"),
                             ("types", "CodeType"), ("weakref", "finalize"), ("threading", "Thread")):
            text = module.encode() + b"\n" + name.encode() + b"\n"
            short = [b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name)]
            for data in (b"\x80\x02c" + text + b"X\x01\x00\x00\x00a\x85R.", b"\x80\x02(i" + text + b".",
                         b"\x80\x04" + short[0] + short[1] + b"\x93)\x81.", b"\x80\x02(c" + text + b"o.",
                         b"\x80\x04" + short[0] + short[1] + b"\x93)}\x92.", b"\x80\x02c" + text + b"."):
                if data.startswith(b"\x80\x02(i"):
                    data = b"(i" + text + b"."
                self.check(data, "more than tensors", repr(f"{module}.{name}"))

    def test_attributes_are_never_set(self) -> None:
        state = b"}X\x08\x00\x00\x00__init__K\x01s"
        for name in (b"argparse\nNamespace", b"types\nSimpleNamespace", b"collections\nOrderedDict", b"torch\nSize",
                     b"pathlib\nPosixPath", b"numpy\nndarray", b"numpy\ndtype", b"torch\nFloatStorage", b"torch\nfloat32",
                     b"torch._utils\n_rebuild_tensor_v2", b"builtins\ndict", b"torch.nn.parameter\nParameter"):
            for target in (b")\x81", b")R", b""):  # an instance in two ways, and the class or function itself
                for given in (state, b"N" + state + b"\x86"):  # attributes, and slots
                    with self.subTest(name=name, target=target):
                        self.archive(b"\x80\x02c" + name + b"\n" + target + given + b"b.")
                        try:
                            load_checkpoint(self.path)
                        except ExportError as error:
                            self.assertIn("damaged", str(error))  # such a call has too few arguments
        self.assertEqual(argparse.Namespace(a=1), argparse.Namespace(a=1))
        self.assertEqual(types.SimpleNamespace(a=1).a, 1)
        self.assertIn("state_dict", dir(nn.Linear(1, 1)))
        tensor = self.saved_and_loaded({"w": torch.ones(1)})["w"]
        self.assertNotIn("__init__", vars(tensor))

    def test_allowed_names_with_odd_arguments(self) -> None:
        for function, arguments in ((collections.OrderedDict, (3,)), (collections.OrderedDict, ("ab",)),
                                    (collections.defaultdict, (os.getcwd,)), (torch.Size, (3,)),
                                    (torch._utils._rebuild_tensor_v2, (1, 2, 3)),
                                    (torch._utils._rebuild_tensor_v2, (None, 0, (1,), (1,), False, None)),
                                    (torch._utils._rebuild_parameter, ()),
                                    (torch._tensor._rebuild_from_type_v2, (os.system, torch.Tensor, ("x",), {})),
                                    (torch._tensor._rebuild_from_type_v2, (torch.Size, torch.Tensor, ((1,),), {}))):
            with self.subTest(function=str(function), arguments=str(arguments)):
                self.archive(pickle.dumps({"w": Calls(function, *arguments)}, 2))
                self.refuse(str(self.path))
        self.archive(pickle.dumps({"w": Calls(pathlib.PurePosixPath, 3, {}, None)}, 2))
        self.assertEqual(load_checkpoint(self.path)["w"].what, "pathlib.PurePosixPath")

    def test_values_are_never_called(self) -> None:
        for data in (b"\x80\x02K\x03)R.", b"\x80\x02}(K\x01)Rs.", b"\x80\x02X\x01\x00\x00\x00a)\x81.", b"\x80\x02(K\x01o.",
                     b"\x80\x02ctorch\nfloat32\n)R."):
            self.archive(data)
            self.refuse("damaged")

    def test_nonsense(self) -> None:
        for data in (b".", b"\x80\x02.", b"N", b"0.", b"1.", b"(.", b"2.", b"s.", b"u.", b"a.", b"e.", b"R.", b"b.", b"\x93.",
                     b"j\xff\xff\xff\x7f.", b"Nr\xff\xff\xff\x7f", b"\x82\x01.", b"\x97.", b"\x98.", b"P3\n.", b"NQ.",
                     b"\x80\x02}(K\x01u.", b"X\xff\xff\xff\x7fa.", b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.", b"\xff",
                     b"\x80\x09N.", b"L12x\n.", b"Fone\n.", b"I" + b"9" * 10000 + b"\n.", b"\x85" * 10, b"\x86."):
            with self.subTest(data=data[:20]):
                self.archive(data)
                self.refuse("")

    def test_deep_and_odd_keys(self) -> None:
        deep = b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"K\x01s."  # hashing such a key would overflow the C stack
        self.archive(deep)
        self.assertEqual(len(load_checkpoint(self.path)), 1)
        self.archive(b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".")
        with self.assertRaisesRegex(ExportError, "holds list"):
            choose_entries(load_checkpoint(self.path), None, [])
        self.archive(b"\x80\x02}q\x00(X\x01\x00\x00\x00ah\x00u.")  # a dictionary in itself
        with self.assertRaises(ExportError):
            choose_entries(load_checkpoint(self.path), None, [])

    def test_many_unknown_names_are_cut(self) -> None:
        data = b"(" + b"".join(b"cmodels\nNet%d\n" % i for i in range(1000)) + b"l."
        self.archive(data)
        message = self.refuse("'models.Net0'", "'models.Net4' and 995 more", "weights_only=False",
                              "export_state_dict(model.state_dict()")
        self.assertLess(len(message), 900)
        self.archive(b"c" + b"x" * 5000 + b"\n\x1b[31m\n.")
        message = self.refuse("more than tensors")
        self.assertLess(len(message), 900)
        self.assertNotIn("\x1b", message)

    def test_whole_modules_and_classes_of_ones_own(self) -> None:
        for old in (False, True):
            for protocol in PROTOCOLS:
                self.save({"state_dict": {"w": torch.ones(1)}, "config": Config()}, pickle_protocol=protocol,
                          _use_new_zipfile_serialization=not old)
                self.refuse("more than tensors", "Config'", "If you trust the file")
                self.save(nn.Linear(2, 2), pickle_protocol=protocol, _use_new_zipfile_serialization=not old)
                self.refuse("'torch.nn.modules.linear.Linear'")

    def test_damaged_checkpoints_do_nothing_worse_than_fail(self) -> None:
        generator = np.random.default_rng(0)
        for old in (False, True):
            self.save({"w": torch.arange(6.0), "b": nn.Parameter(torch.zeros(2)), "n": 3.5, "o": collections.OrderedDict(a=1)},
                      _use_new_zipfile_serialization=not old)
            whole = self.path.read_bytes()
            intact = load_checkpoint(self.path)
            for _ in range(400):
                data = bytearray(whole)
                for at in generator.integers(0, len(data), generator.integers(1, 4)):
                    data[at] = generator.integers(0, 256)
                self.path.write_bytes(data[:generator.integers(1, len(data))] if generator.random() < 0.2 else data)
                try:
                    loaded = load_checkpoint(self.path)
                except ExportError:
                    continue
                if not old and isinstance(loaded, dict):  # checksums hold the values
                    self.assertEqual(loaded["w"].tolist(), intact["w"].tolist())


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
            b"<?xml version='1.0'?><Error>": "XML", b'{"error": "not found"}': "JSON", b'{\n  "weight_map": {}}': "JSON",
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
        self.write(bytes.fromhex("0807120770796 7466f7263681a06312e31332e303a".replace(" ", "")) + bytes(200))
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
                   np.arange(4, dtype="<f4").tobytes() + half.view(torch.int16).numpy().tobytes() + struct.pack("<q", 7))
        loaded = load_checkpoint(self.path)
        self.assertEqual(list(loaded), ["a.w", "h", "n", "none"])
        self.assertEqual(loaded["a.w"].tolist(), [[0, 1], [2, 3]])
        self.assertTrue(torch.equal(loaded["h"], half))
        self.assertEqual((loaded["n"].item(), loaded["n"].dtype, loaded["none"].shape), (7, torch.int64, (0, 3)))

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
