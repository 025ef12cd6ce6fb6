"""Runs tools/test.sh over build trees that a stand-in for cmake makes, and looks at how it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"

SETUP = """#!/bin/sh
[ "$1" != --lacking ] || echo python3-torch
"""

# cmake --preset NAME, cmake --build --preset NAME: the tests of a configuration are those of tests.cmake, with a prefix.
CMAKE = """#!/bin/sh
[ "$1" = --preset ] || exit 0
prefix=$2.
[ $2 = release ] && prefix=
mkdir -p build/$2
sed "s/@/$prefix/g" tests.cmake >build/$2/CTestTestfile.cmake
"""

# The tests for Arm are a run of ctest inside the other.
AARCH64 = """set -e
cd "$(dirname "$0")/.."
mkdir -p build/aarch64
sed s/@/aarch64./g tests.cmake >build/aarch64/CTestTestfile.cmake
ctest --test-dir build/aarch64 "$@"
"""

PASSES = 'add_test(@passes true)\n'
SKIPS = """add_test(@skips sh -c "echo SKIPPED: %s; exit 77")
set_tests_properties(@skips PROPERTIES SKIP_RETURN_CODE 77)
"""


class TestScript(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        (self.root / "tools").mkdir()
        for name in ("test.sh", "check_skips.py", "check_test_names.py"):
            shutil.copy(TOOLS / name, self.root / "tools")
        self.write("tools/setup.sh", SETUP)
        self.write("tools/test_aarch64.sh", AARCH64)
        self.write("bin/cmake", CMAKE)
        self.write("bin/nvidia-smi", "#!/bin/sh\nexit 9\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def run_tests(self, tests: str, *arguments: str) -> tuple[int, str]:
        self.write("tests.cmake", tests)
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        result = subprocess.run(["bash", self.root / "tools" / "test.sh", *arguments], text=True,
                                env={**os.environ, "PATH": path}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return result.returncode, result.stdout

    def test_ends_with_the_closing_line_of_ctest(self) -> None:
        status, output = self.run_tests(PASSES)
        self.assertEqual(status, 0, textwrap.indent(output, '  '))
        self.assertIn("skipped: 0 tests\n", output)
        closing = [line for line in output.splitlines() if line][-2]
        self.assertRegex(closing, "^100% tests passed, 0 tests failed out of [1-9]")
        self.assertIn("asan.passes", output)

    def test_counts_what_may_skip(self) -> None:
        status, output = self.run_tests(PASSES + SKIPS % "needs python3-torch", "--quick")
        self.assertEqual(status, 0, textwrap.indent(output, '  '))
        self.assertIn("     1  needs python3-torch\n", output)
        self.assertIn("100% tests passed, 0 tests failed out of 2\n", output)

    def test_counts_what_skips_on_arm(self) -> None:
        status, output = self.run_tests(PASSES + SKIPS % "needs python3-torch")
        self.assertEqual(status, 0, textwrap.indent(output, '  '))
        self.assertIn("     5  needs python3-torch\n", output)
        status, output = self.run_tests(PASSES + SKIPS % "out of coffee", "--", "-R", "aarch64|passes")
        self.assertEqual(status, 1, textwrap.indent(output, '  '))
        self.assertIn("skipped, but must run here (out of coffee): aarch64.skips\n", output)

    def test_fails_if_something_else_skips(self) -> None:
        status, output = self.run_tests(PASSES + SKIPS % "the exporter wrote no files", "--quick")
        self.assertEqual(status, 1, textwrap.indent(output, '  '))
        self.assertIn("skipped, but must run here (the exporter wrote no files): skips\n", output)
        self.assertEqual(output.splitlines()[-1],
                         "test: FAILED: tests skipped that must run here; see above")

    def test_fails_if_a_test_fails(self) -> None:
        status, output = self.run_tests(PASSES + "add_test(@fails false)\n", "--quick")
        self.assertNotEqual(status, 0, textwrap.indent(output, '  '))
        self.assertIn("50% tests passed, 1 tests failed out of 2\n", output)
        self.assertIn("fails (Failed)\n", output)

    def test_fails_if_configurations_share_a_name(self) -> None:
        status, output = self.run_tests("add_test(same true)\n")
        self.assertEqual(status, 1, textwrap.indent(output, '  '))
        self.assertIn("tests have the name same: put ${UPCONV_TEST_PREFIX} before it\n", output)

    def test_passes_arguments_to_ctest(self) -> None:
        status, output = self.run_tests(PASSES + "add_test(@fails false)\n", "--quick", "--", "-R", "passes")
        self.assertEqual(status, 0, textwrap.indent(output, '  '))
        self.assertIn("100% tests passed, 0 tests failed out of 1\n", output)


if __name__ == "__main__":
    unittest.main()
