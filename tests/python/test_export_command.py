"""Tests of tools/export_hdf5.py as a program.

Run: /usr/bin/python3 -m unittest tests/python/test_export_command.py
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import subprocess
import sys
import unittest
import warnings
from collections import OrderedDict
from unittest import mock

import h5py
import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(__file__))

from export_testing import TOOL, ExportTest, creation_order, stored_bits, tensor_bits  # noqa: E402  (beside this)

import export_hdf5  # noqa: E402  (export_testing tells where)


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
        self.fails(nested, "no name matches the pattern 'x*'", "'w', 'mean'",
                   options=("--key", "model", "--exclude", "x*"))
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
