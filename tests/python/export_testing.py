"""What the tests of the exporter share."""

from __future__ import annotations

import sys
import tempfile
import unittest
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "export_hdf5.py"
sys.path.insert(0, str(TOOL.parent))

from export_hdf5 import ExportError, ExportReport, export_state_dict  # noqa: E402  (found through the path above)
from upconv_export.checkpoint import load_checkpoint  # noqa: E402


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

    def export(self, state_dict, **options) -> ExportReport:
        return export_state_dict(state_dict, self.path, **options)

    def refuse(self, state_dict, *expected: str, **options) -> str:
        """The export fails, its message has every part of `expected`, and no file appears."""
        with self.assertRaises(ExportError) as caught:
            self.export(state_dict, **options)
        for part in expected:
            self.assertIn(part, str(caught.exception))
        self.assertEqual(list(self.folder.iterdir()), [])
        return str(caught.exception)


class Calls:
    """Pickles as a call of `function`, which runs at an ordinary unpickler's."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


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
