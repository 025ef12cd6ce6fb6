"""Every script in tools/ helps, and refuses options that it does not know."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
NEED_PACKAGES = {"export_hdf5.py", "make_golden.py", "train_restorer.py", "train_upscaler.py"}  # have tests of their own
IMPORTED = {"degradation.py", "golden_cases.py", "golden_cunet.py", "golden_functions.py", "golden_movement.py",
            "golden_nested.py", "golden_networks.py", "golden_padding.py", "golden_resizing.py",
            "golden_segmenters.py", "golden_upscalers.py", "golden_values.py", "photographs.py", "restorer_network.py"}  # no programs


def run(script: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    program = "bash" if script.suffix == ".sh" else sys.executable
    return subprocess.run([program, script, *arguments], capture_output=True, text=True, timeout=60, **options)


def scripts() -> list[Path]:
    found = sorted([*TOOLS.glob("*.sh"), *TOOLS.glob("*.py")])
    return [script for script in found if script.name not in NEED_PACKAGES | IMPORTED]


class Scripts(unittest.TestCase):
    def test_help(self) -> None:
        for script in scripts():
            with self.subTest(script.name):
                result = run(script, "--help")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(script.name, result.stdout)
                self.assertNotIn("set -", result.stdout)

    def test_unknown_options_are_refused(self) -> None:
        for script in scripts():
            with self.subTest(script.name):
                result = run(script, "--no-such-option")
                self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
                self.assertIn(script.name.split(".")[0], result.stdout + result.stderr)


class GpuArchitectures(unittest.TestCase):
    def architectures(self, nvidia_smi: str) -> str:
        """What the script prints where `nvidia_smi` is the text of that program."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "nvidia-smi"
            program.write_text(f"#!/bin/sh\n{nvidia_smi}\n", encoding="utf-8")
            program.chmod(0o755)
            result = run(TOOLS / "gpu_architectures.sh", env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stdout.strip()

    def test_one_gpu(self) -> None:
        self.assertEqual(self.architectures("echo 8.6"), "86-real")

    def test_hopper_has_instructions_of_its_own(self) -> None:
        self.assertEqual(self.architectures("echo 9.0"), "90a-real")

    def test_each_kind_of_several_gpus_once(self) -> None:
        self.assertEqual(self.architectures("printf '12.0\\n8.0\\n9.0\\n8.0\\n'"), "80-real;90a-real;120-real")

    def test_gpus_that_upconv_cannot_use(self) -> None:
        self.assertEqual(self.architectures("echo 7.5"), "")

    def test_a_driver_that_does_not_answer(self) -> None:
        self.assertEqual(self.architectures("echo 'NVIDIA-SMI has failed'; exit 9"), "")
        self.assertEqual(self.architectures("echo '[N/A]'"), "")


class Demo(unittest.TestCase):
    def test_a_picture_that_is_not_there(self) -> None:
        result = run(TOOLS / "demo.sh", "no_such_picture.png")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr, "demo: there is no file no_such_picture.png\n")


if __name__ == "__main__":
    unittest.main()
