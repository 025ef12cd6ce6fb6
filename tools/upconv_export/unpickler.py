"""An unpickler that runs nothing of what a pickle names.

A pickle is a program: it names functions, and Python's own unpickler calls them. This one interprets the same
instructions, but imports nothing. A name from the file is only text that is looked up in the tables below. Of what
it builds, tensors and plain containers are real; every other harmless object becomes an `Unread`, which says what it
would have been. Names outside the tables are collected, so that the caller can refuse the file with all of them.

Source: pickletools documents the instructions, torch/_utils.py how tensors are rebuilt.
"""

from __future__ import annotations

import pickle
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING  # Python 2's names, which protocols 0 to 2 are written with
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable

import torch


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names, as text: "collections.OrderedDict"."""

    text: str


class Unread:
    """Stands for a harmless object that the exporter has no use for."""

    def __init__(self, what: str, why: str | None = None) -> None:
        self.what = what  # "argparse.Namespace"
        self.why = why  # why it cannot be exported and what to do, where that is known


@dataclass
class Storage:
    """The memory of tensors, as bytes; several tensors may share it."""

    data: torch.Tensor  # uint8 [bytes]
    dtype: torch.dtype


DTYPES = {f"torch.{name}": value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}

_STORAGES = {"Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16,
             "Bool": torch.bool, "Byte": torch.uint8, "Char": torch.int8, "Short": torch.int16, "Int": torch.int32,
             "Long": torch.int64, "ComplexFloat": torch.complex64, "ComplexDouble": torch.complex128,
             "QInt8": torch.qint8, "QUInt8": torch.quint8, "QInt32": torch.qint32, "QUInt4x2": torch.quint4x2,
             "QUInt2x4": torch.quint2x4}
QUANTIZED = {dtype for name, dtype in _STORAGES.items() if name.startswith("Q")}
STORAGES = {f"{module}.{name}Storage": dtype for name, dtype in _STORAGES.items() for module in ("torch", "torch.cuda")}
STORAGES.update({f"{module}.{name}": torch.uint8 for module in ("torch", "torch.storage", "torch.cuda")
                 for name in ("UntypedStorage", "_UntypedStorage")})

_NUMPY_SCALARS = ("bool", "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "intc",
                  "uintc", "longlong", "ulonglong", "float16", "float32", "float64", "longdouble", "complex64",
                  "complex128", "str_", "bytes_")
_NUMPY_DTYPES = ("Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float16",
                 "Float32", "Float64", "Complex64", "Complex128", "Str", "Bytes", "Object")

# Harmless, and of no use here.
HARMLESS = {
    "_codecs.encode", "copyreg._reconstructor", "argparse.Namespace", "types.SimpleNamespace", "collections.deque",
    "torch.device", "torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer",
    "torch.serialization._get_layout",
    *(f"builtins.{name}" for name in ("object", "bool", "int", "float", "complex", "str", "bytes", "bytearray", "list",
                                      "tuple", "set", "frozenset", "range", "slice")),
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"{module}.{name}" for module in ("pathlib", "pathlib._local") for name in
      ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")),
    "numpy.ndarray", "numpy.dtype", *(f"numpy.{name}" for name in _NUMPY_SCALARS),
    *(f"numpy.dtypes.{name}DType" for name in _NUMPY_DTYPES),
    *(f"numpy.{core}.{name}" for core in ("core", "_core") for name in
      ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")),
    *(f"torch.{name}" for name in ("per_tensor_affine", "per_channel_affine", "per_tensor_symmetric",
                                   "per_channel_symmetric", "per_channel_affine_float_qparams")),
}

# Tensors that an HDF5 file for upconv cannot hold. They may stand in a checkpoint, but not be exported.
UNSTORABLE = {
    "torch._utils._rebuild_sparse_tensor": ("a sparse tensor", "is sparse; call to_dense() before torch.save"),
    "torch._utils._rebuild_sparse_csr_tensor": ("a sparse tensor", "is sparse; call to_dense() before torch.save"),
    "torch._utils._rebuild_qtensor": ("a quantized tensor", "is quantized; call dequantize() before torch.save"),
    "torch._utils._rebuild_meta_tensor_no_storage": ("a meta tensor", "is on the meta device and has no data"),
    "torch._utils._rebuild_nested_tensor": ("a nested tensor", "is a nested tensor"),
    "torch._utils._rebuild_device_tensor_from_numpy": ("a tensor of another device",
                                                       "is on a device of its own; call cpu() before torch.save"),
}


def tensor_of(storage: Any, offset: Any, size: Any, stride: Any, dtype: torch.dtype | None = None,
              metadata: Any = None) -> torch.Tensor | Unread:
    """The view of a storage that a tensor is. Raises ValueError where it would leave the storage."""
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    dtype = dtype or storage.dtype
    if dtype in QUANTIZED:
        return Unread("a quantized tensor", "is quantized; call dequantize() before torch.save")
    numbers = [offset, *size, *stride]
    if any(type(number) is not int or number < 0 for number in numbers) or len(size) != len(stride):
        raise ValueError("a tensor with an impossible shape")
    itemsize = torch.empty(0, dtype=dtype).element_size()
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if 0 not in size and (last + 1) * itemsize > storage.data.numel():
        raise ValueError("a tensor that is larger than its storage")
    whole = storage.data.numel() // itemsize * itemsize
    tensor = storage.data[:whole].view(dtype).as_strided(tuple(size), tuple(stride), offset if 0 not in size else 0)
    if isinstance(metadata, dict) and metadata.get("neg"):
        tensor = torch._neg_view(tensor)  # noqa: SLF001  (what torch.load itself calls)
    return tensor


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = None,
            metadata: Any = None) -> Any:
    return tensor_of(storage, offset, size, stride, metadata=metadata)


def _tensor_of_dtype(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any,
                     dtype: Any, metadata: Any = None) -> Any:
    if not isinstance(dtype, torch.dtype):
        raise ValueError("a tensor without a dtype")
    return tensor_of(storage, offset, size, stride, dtype, metadata)


def _parameter(data: Any, *ignored: Any) -> Any:
    return data


def _typed(function: Any, kind: Any, arguments: Any, *state: Any) -> Any:
    """A tensor with attributes of its own, which are left out."""
    if not isinstance(function, Name) or not function.text.startswith("torch._utils._rebuild_"):
        raise ValueError("a tensor that is not rebuilt by PyTorch")
    return build(function, arguments)


def _dict(source: Any = ()) -> dict:
    return dict(source) if isinstance(source, dict) else {key_of(key): value for key, value in source}


# What is really built: a function of the arguments in the file.
BUILDERS: dict[str, Callable[..., Any]] = {
    "builtins.dict": _dict,
    "collections.OrderedDict": _dict,
    "collections.Counter": _dict,
    "collections.defaultdict": lambda factory=None, source=(): _dict(source),
    "torch.Size": lambda sizes=(): tuple(sizes),
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _typed,
}

_KNOWN = HARMLESS | set(UNSTORABLE) | set(BUILDERS) | set(STORAGES)


def build(function: Any, arguments: Any) -> Any:
    """What calling a named function gives; nothing outside BUILDERS is ever called."""
    if not isinstance(function, Name):
        raise ValueError("a call of something that is not a name")
    if not isinstance(arguments, tuple):
        raise ValueError("a call without arguments")
    if function.text in BUILDERS:
        return BUILDERS[function.text](*arguments)
    if function.text in UNSTORABLE:
        return Unread(*UNSTORABLE[function.text])
    return Unread(function.text)


def key_of(key: Any) -> Any:
    """`key`, or a stand-in where a dictionary could not or should not hash it."""
    plain = (str, int, float, bool, bytes, type(None))
    if type(key) in plain or (type(key) is tuple and all(type(part) in plain for part in key)):
        return key
    return Unread(f"a key of type {type(key).__name__}")


class Unpickler:
    """Reads one pickle of protocol 0 to 5 from `file`, which is left behind its end.

    `storage` gives the Storage that a persistent id of torch.save names. Afterwards `unknown` holds the names that
    are not in the tables, in the order they came; what was made of them is an Unread.
    Raises ValueError and whatever else a damaged pickle leads to.
    """

    def __init__(self, file: BinaryIO, storage: Callable[[Any], Storage] | None = None) -> None:
        self.file = file
        self.storage = storage
        self.unknown: dict[str, None] = {}
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []  # the stacks below each mark
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:
        for opcode, argument, _ in pickletools.genops(self.file):
            if opcode.name == "STOP":
                return self.stack.pop()
            if opcode.name in _STRINGS:
                self.stack.append(argument.encode("latin-1").decode("utf-8", "replace"))
            elif opcode.name in _VALUES:
                self.stack.append(argument)
            else:
                handler = getattr(self, "do_" + opcode.name.lower(), None)
                if handler is None:
                    raise ValueError(f"the instruction {opcode.name}, which torch.save does not write")
                handler(argument)
        raise ValueError("a pickle without an end")

    def name(self, module: Any, name: Any) -> Any:
        """What stands for a class or function."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name that is not text")
        module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        text = f"{module}.{name}"
        if text in DTYPES:
            return DTYPES[text]
        if text not in _KNOWN:
            self.unknown[text] = None
        return Name(text)

    def items(self) -> list[Any]:
        """What lies above the last mark, taken off with the mark."""
        items = self.stack
        self.stack = self.marked.pop()
        return items

    def pairs(self, items: list[Any]) -> list[tuple[Any, Any]]:
        if len(items) % 2:
            raise ValueError("a dictionary with a key that has no value")
        return [(key_of(key), value) for key, value in zip(items[::2], items[1::2])]

    # --- the instructions, named as in pickletools

    def do_proto(self, version: int) -> None:
        if version > pickle.HIGHEST_PROTOCOL:
            raise ValueError(f"version {version} of pickles")

    def do_frame(self, _: Any) -> None: ...

    def do_mark(self, _: Any) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def do_pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.items()

    def do_pop_mark(self, _: Any) -> None:
        self.items()

    def do_dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def do_none(self, _: Any) -> None:
        self.stack.append(None)

    def do_newtrue(self, _: Any) -> None:
        self.stack.append(True)

    def do_newfalse(self, _: Any) -> None:
        self.stack.append(False)

    def do_empty_list(self, _: Any) -> None:
        self.stack.append([])

    def do_list(self, _: Any) -> None:
        items = self.items()
        self.stack.append(items)

    def do_append(self, _: Any) -> None:
        self.extend([self.stack.pop()])

    def do_appends(self, _: Any) -> None:
        self.extend(self.items())

    def extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def do_empty_tuple(self, _: Any) -> None:
        self.stack.append(())

    def do_tuple(self, _: Any) -> None:
        items = self.items()
        self.stack.append(tuple(items))

    def do_tuple1(self, _: Any) -> None:
        self.stack[-1:] = [(self.stack[-1],)]

    def do_tuple2(self, _: Any) -> None:
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def do_tuple3(self, _: Any) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def do_empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def do_dict(self, _: Any) -> None:
        items = self.items()
        self.stack.append(dict(self.pairs(items)))

    def do_setitem(self, _: Any) -> None:
        value = self.stack.pop()
        self.update([self.stack.pop(), value])

    def do_setitems(self, _: Any) -> None:
        self.update(self.items())

    def update(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update(self.pairs(items))

    def do_empty_set(self, _: Any) -> None:
        self.stack.append(Unread("set"))

    def do_additems(self, _: Any) -> None:
        self.items()

    def do_frozenset(self, _: Any) -> None:
        self.items()
        self.stack.append(Unread("frozenset"))

    def do_get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    do_binget = do_long_binget = do_get

    def do_put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    do_binput = do_long_binput = do_put

    def do_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def do_global(self, text: str) -> None:
        module, _, name = text.partition(" ")
        self.stack.append(self.name(module, name))

    def do_stack_global(self, _: Any) -> None:
        name = self.stack.pop()
        self.stack.append(self.name(self.stack.pop(), name))

    def do_reduce(self, _: Any) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = build(self.stack[-1], arguments)

    do_newobj = do_reduce

    def do_newobj_ex(self, _: Any) -> None:
        self.stack.pop()  # keyword arguments, which no class in BUILDERS is pickled with
        self.do_reduce(None)

    def do_inst(self, text: str) -> None:
        items = self.items()
        self.do_global(text)
        self.stack[-1] = build(self.stack[-1], tuple(items))

    def do_obj(self, _: Any) -> None:
        kind, *arguments = self.items()
        self.stack.append(build(kind, tuple(arguments)))

    def do_build(self, _: Any) -> None:
        self.stack.pop()  # the object's attributes: nothing here has any

    def extension(self, code: int) -> None:
        self.stack.append(self.name("copyreg", f"extension {code}"))

    do_ext1 = do_ext2 = do_ext4 = extension

    def do_binpersid(self, _: Any) -> None:
        if self.storage is None:
            raise ValueError("a reference to something outside the pickle")
        self.stack.append(self.storage(self.stack.pop()))


_STRINGS = {"STRING", "BINSTRING", "SHORT_BINSTRING"}  # Python 2's, as bytes
_VALUES = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE",
           "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
