"""Plants tests of one name and a shared fixture, and expects tools/check_test_names.py to name them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKER = Path(__file__).resolve().parents[2] / "tools" / "check_test_names.py"


class CheckTestNames(unittest.TestCase):
    def check(self, **trees: str) -> tuple[int, str]:
        """Exit status and output of the checker for build trees that hold these tests."""
        with tempfile.TemporaryDirectory() as root:
            for name, tests in trees.items():
                (Path(root) / name).mkdir()
                (Path(root) / name / "CTestTestfile.cmake").write_text(tests, encoding="utf-8")
            subdirs = "".join(f"subdirs({name})\n" for name in trees)
            (Path(root) / "CTestTestfile.cmake").write_text(subdirs, encoding="utf-8")
            result = subprocess.run([sys.executable, CHECKER, root], capture_output=True, text=True)
            return result.returncode, result.stdout + result.stderr

    def test_unique_names_pass(self) -> None:
        self.assertEqual(self.check(release='add_test(a true)\n', asan='add_test(asan.a true)\n'), (0, ""))

    def test_a_name_in_two_trees_is_refused(self) -> None:
        status, output = self.check(release='add_test(a true)\n', asan='add_test(a true)\n')
        self.assertEqual(status, 1)
        self.assertEqual(output, "2 tests have the name a: put ${UPCONV_TEST_PREFIX} before it\n")

    def test_a_fixture_of_two_trees_is_refused(self) -> None:
        test = 'add_test({0}a true)\nset_tests_properties({0}a PROPERTIES FIXTURES_SETUP files)\n'
        status, output = self.check(release=test.format(""), asan=test.format("asan."))
        self.assertEqual(status, 1)
        self.assertEqual(output,
                         "2 tests share the fixture files (FIXTURES_SETUP): put ${UPCONV_TEST_PREFIX} before it\n")

    def test_help(self) -> None:
        result = subprocess.run([sys.executable, CHECKER, "--help"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertIn("Names must be unique", result.stdout)


if __name__ == "__main__":
    unittest.main()
