"""Runs small test suites through ctest and expects tools/check_skips.py to tell which skips are in order."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKER = Path(__file__).resolve().parents[2] / "tools" / "check_skips.py"

GTEST_SKIP = """[ RUN      ] Gpu.Runs
/src/gpu_test.cpp:21: Skipped
no CUDA device here

[  SKIPPED ] Gpu.Runs (0 ms)
"""


class CheckSkips(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.tests: list[str] = []

    def add(self, name: str, output: str, status: int = 0, **properties: object) -> None:
        """A test that prints `output` and ends with `status`."""
        printed = self.root / f"{name}.txt"
        printed.write_text(output, encoding="utf-8")
        self.tests.append(f'add_test("{name}" sh -c "cat {printed}; exit {status}")')
        pairs = " ".join(f'{key} "{value}"' for key, value in properties.items())
        if pairs:
            self.tests.append(f'set_tests_properties("{name}" PROPERTIES {pairs})')

    def check(self, *options: str) -> tuple[int, str]:
        """Exit status and output of the checker, after ctest has run what was added."""
        (self.root / "CTestTestfile.cmake").write_text("\n".join(self.tests), encoding="utf-8")
        junit = self.root / "tests.xml"
        subprocess.run(["ctest", "--output-junit", junit, "--test-output-size-passed", "1000000"], cwd=self.root,
                       capture_output=True)
        result = subprocess.run([sys.executable, CHECKER, junit, *options], capture_output=True, text=True)
        return result.returncode, result.stdout + result.stderr

    def test_nothing_skips(self) -> None:
        self.add("passes", "all is well\n")
        self.assertEqual(self.check(), (0, "skipped: 0 tests\n"))

    def test_counts_by_reason(self) -> None:
        for number in range(3):
            self.add(f"gpu{number}", GTEST_SKIP, SKIP_REGULAR_EXPRESSION=r"\\[  SKIPPED \\]")
        self.add("malloc", GTEST_SKIP.replace("no CUDA device here", "this build's malloc cannot be counted"),
                 SKIP_REGULAR_EXPRESSION=r"\\[  SKIPPED \\]")
        status, output = self.check()
        self.assertEqual(output, "skipped: 4 tests\n     3  no CUDA device here\n"
                                 "     1  this build's malloc cannot be counted\n")
        self.assertEqual(status, 0)

    def test_gpu_tests_must_run_where_there_is_a_gpu(self) -> None:
        self.add("gpu", GTEST_SKIP, SKIP_REGULAR_EXPRESSION=r"\\[  SKIPPED \\]")
        status, output = self.check("--gpus", "1")
        self.assertEqual(status, 1)
        self.assertIn("skipped, but must run here (no CUDA device here): gpu\n", output)

    def test_a_second_gpu_is_no_matter_where_there_is_one(self) -> None:
        self.add("two", GTEST_SKIP.replace("no CUDA device", "fewer than two CUDA devices"),
                 SKIP_REGULAR_EXPRESSION=r"\\[  SKIPPED \\]")
        self.assertEqual(self.check("--gpus", "1")[0], 0)
        self.assertEqual(self.check("--gpus", "2")[0], 1)

    def test_packages_that_the_distribution_lacks(self) -> None:
        self.add("torch", "SKIPPED: needs python3-h5py and python3-torch\n", 77, SKIP_RETURN_CODE=77)
        self.assertEqual(self.check("--lacking", "libomp-14-dev python3-torch")[0], 0)
        self.assertEqual(self.check("--lacking", "libomp-14-dev")[0], 1)
        self.assertEqual(self.check()[0], 1)

    def test_other_reasons_are_refused(self) -> None:
        self.add("files", GTEST_SKIP.replace("no CUDA device here", "the exporter wrote no files"),
                 SKIP_REGULAR_EXPRESSION=r"\\[  SKIPPED \\]")
        status, output = self.check()
        self.assertEqual(status, 1)
        self.assertIn("     1  the exporter wrote no files  <- not allowed\n", output)
        self.assertIn("skipped, but must run here (the exporter wrote no files): files\n", output)

    def test_skips_inside_a_test_that_passes_are_seen(self) -> None:
        self.add("python", "test_a (x.A) ... ok\ntest_b (x.A) ... skipped 'needs a printer'\n\nOK (skipped=1)\n")
        self.add("two_in_one", GTEST_SKIP + GTEST_SKIP.replace("no CUDA device here", "no floppy disk"))
        status, output = self.check()
        self.assertEqual(status, 1)
        self.assertIn("(needs a printer): python\n", output)
        self.assertIn("(no floppy disk): two_in_one\n", output)
        self.assertNotIn("(no CUDA device here)", output)

    def test_a_long_output_hides_no_reason(self) -> None:
        self.add("long", "noise\n" * 20000 + "test_b (x.A) ... skipped 'needs a printer'\n" + "noise\n" * 20000)
        self.assertIn("(needs a printer): long\n", self.check()[1])

    def test_a_skip_without_a_reason_is_refused(self) -> None:
        self.add("silent", "", 77, SKIP_RETURN_CODE=77)
        self.add("disabled", "", DISABLED="TRUE")
        status, output = self.check()
        self.assertEqual(status, 1)
        self.assertIn("(gave no reason): silent\n", output)
        self.assertIn("(disabled): disabled\n", output)

    def test_many_names_are_cut_short(self) -> None:
        for number in range(8):
            self.add(f"t{number}", "SKIPPED: out of coffee\n", 77, SKIP_RETURN_CODE=77)
        self.assertIn("(out of coffee): t0, t1, t2, t3, t4 and 3 more\n", self.check()[1])

    def test_a_failure_is_not_a_skip(self) -> None:
        self.add("fails", "wrong\n", 1)
        self.assertEqual(self.check(), (0, "skipped: 0 tests\n"))

    def test_help(self) -> None:
        result = subprocess.run([sys.executable, CHECKER, "--help"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertIn("Says why tests skipped", result.stdout)


if __name__ == "__main__":
    unittest.main()
