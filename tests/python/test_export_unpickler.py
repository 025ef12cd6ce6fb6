"""Tests that a checkpoint may hold harmless things beside its weights, and that hostile ones run nothing.

Run: /usr/bin/python3 -m unittest tests/python/test_export_unpickler.py
"""

from __future__ import annotations

import argparse
import collections
import copyreg
import io
import os
import pathlib
import pickle
import subprocess
import sys
import types
import unittest

import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(__file__))

from export_testing import Calls, CheckpointTest  # noqa: E402  (beside this)

from upconv_export import ExportError  # noqa: E402  (export_testing tells where)
from upconv_export.checkpoint import load_checkpoint  # noqa: E402
from upconv_export.choose import choose_entries  # noqa: E402
from upconv_export.unpickler import Unpickler, Unread  # noqa: E402


PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)  # torch.save writes no lower ones


class Config:
    """A class of a user's own."""

    def __init__(self) -> None:
        self.depth = 3


class Harmless(CheckpointTest):
    values = {
        "int": 3, "big": 10**30, "negative": -70000, "float": 0.25, "text": "größe", "bytes": b"\x00\xff",
        "none": None,
        "flags": [True, False], "nested": {"a": [(1, 2.5), ("x",)]}, "complex": 1 + 2j, "set": {1, 2},
        "frozen": frozenset([1]), "array": bytearray(b"x"), "range": range(3), "slice": slice(1, 2),
        "ordered": collections.OrderedDict(a=1), "default": collections.defaultdict(list, a=[1]),
        "default_dict": collections.defaultdict(dict), "counter": collections.Counter("aab"),
        "deque": collections.deque([1, 2]), "posix": pathlib.PosixPath("/a/b"), "pure": pathlib.PurePosixPath("a"),
        "windows": pathlib.PureWindowsPath("C:/a"), "namespace": argparse.Namespace(lr=0.1, name="x"),
        "simple": types.SimpleNamespace(lr=0.1), "size": torch.Size([2, 3]), "dtype": torch.float16,
        "device": torch.device("cuda", 1), "layout": torch.strided, "scalar": np.float32(1.5), "count": np.int64(3),
        "truth": np.bool_(True), "ndarray": np.arange(6.0).reshape(2, 3), "np_type": np.float32,
        "np_dtype": np.dtype("<f4"),
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
                             ("torch._utils", "_rebuild_tensor_v2.__globals__"),
                             ("collections", "OrderedDict.fromkeys"),
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
                     b"pathlib\nPosixPath", b"numpy\nndarray", b"numpy\ndtype", b"torch\nFloatStorage",
                     b"torch\nfloat32",
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
        for data in (b"\x80\x02K\x03)R.", b"\x80\x02}(K\x01)Rs.", b"\x80\x02X\x01\x00\x00\x00a)\x81.",
                     b"\x80\x02(K\x01o.",
                     b"\x80\x02ctorch\nfloat32\n)R."):
            self.archive(data)
            self.refuse("damaged")

    def test_nonsense(self) -> None:
        for data in (b".", b"\x80\x02.", b"N", b"0.", b"1.", b"(.", b"2.", b"s.", b"u.", b"a.", b"e.", b"R.", b"b.",
                     b"\x93.",
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
            self.save({"w": torch.arange(6.0), "b": nn.Parameter(torch.zeros(2)), "n": 3.5,
                       "o": collections.OrderedDict(a=1)},
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


if __name__ == "__main__":
    unittest.main()
