"""Tests of what bench/compare_pytorch.py makes of a recorded run; they need neither a GPU nor PyTorch.

Run: python3 -m unittest tests/python/test_compare_pytorch.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import comparison_report as report  # noqa: E402
from conv_problem import FLAGSHIP, ConvProblem, error_bound  # noqa: E402

STRIDED = "n2ci8ih9iw11co6kh3kw5_s2x3_p1x2_op1x0_d1x2_g2"


def times(milliseconds: float) -> dict:
    return {kind: {"median": milliseconds * slower, "min": milliseconds * slower, "max": 1.1 * milliseconds * slower,
                   "spread": 0.1}
            for kind, slower in (("graph", 1.0), ("eager", 1.25))}


def make_row(text: str, mode: str, upconv: float, peers: dict[str, float], failed: str = "") -> dict:
    problem = ConvProblem.parse(text)
    return {
        "name": "flagship" if text == FLAGSHIP else "strided", "problem": text, "mode": mode, "kernel": "cuda.fast",
        "flops": problem.flops, "bytes": problem.bytes_moved(mode), "failed": failed, "rounding_error": 1e-4,
        "bound": 3e-4, "errors": {"upconv": 2.96e-4, **{peer: 2.9e-4 for peer in peers}},
        "times": {} if failed else {"upconv": times(upconv), **{peer: times(value) for peer, value in peers.items()}},
    }


def make_run() -> dict:
    rates = {"fp32": 50e12, "tf32": 400e12, "f16": 800e12, "bf16": 800e12}
    return {
        "gpu": "a GPU", "driver": "1.2", "cuda": "13.0", "torch": "2.11", "cudnn": "9.19", "commit": "abc", "rounds": 9,
        "date": "2026-01-01", "command": "bench/compare_pytorch.py --suite",
        "ceilings": {"bytes_per_second": 4e12, "matrix_flops_per_second": rates, "flops_per_second": rates},
        "rows": [make_row(FLAGSHIP, "tf32", 0.5, {"NCHW": 2.0, "channels_last": 1.75, "conv2d NCHW": 1.25,
                                                  "NCHW (default)": 2.5, "channels_last (default)": 1.5}),
                 make_row(STRIDED, "tf32", 0.01, {"NCHW": 0.02, "channels_last": 0.03}),
                 make_row(STRIDED, "f16", 0.0, {}, failed="its error is too large")],
    }


class Problems(unittest.TestCase):
    def test_the_flagship(self) -> None:
        problem = ConvProblem.parse(FLAGSHIP)
        self.assertEqual(problem.y_shape, (8, 32, 512, 1024))
        self.assertEqual(problem.flops, 180_388_626_432)
        self.assertEqual(problem.bytes_moved("tf32"), 2 * 536_870_912 + 86_016)
        self.assertEqual(problem.bytes_moved("f16"), 536_870_912 + 43_008)
        self.assertTrue(problem.is_dense)

    def test_every_number_has_its_place(self) -> None:
        problem = ConvProblem.parse(STRIDED)
        self.assertEqual(problem.x_shape, (2, 8, 9, 11))
        self.assertEqual(problem.weight_shape, (8, 3, 3, 5))
        self.assertEqual(problem.y_shape, (2, 6, 18, 35))
        self.assertEqual(problem.products, 4 * 15 / 6)
        self.assertFalse(problem.is_dense)

    def test_an_ordinary_convolution(self) -> None:
        problem = ConvProblem.parse("n2ci8ih9iw12co6kh3kw5_s2x3_p1x2_zeros_d1x2_g2")
        self.assertFalse(problem.transposed)
        self.assertEqual(problem.weight_shape, (6, 4, 3, 5))
        self.assertEqual(problem.y_shape, (2, 6, 5, 3))
        self.assertEqual(problem.flops, 2 * 2 * 5 * 3 * 4 * 6 * 15)
        self.assertEqual(problem.products, 4 * 15)

    def test_other_text_is_refused(self) -> None:
        for text in ("", FLAGSHIP + "_f32", FLAGSHIP.replace("op0x0", "reflect")):
            with self.assertRaisesRegex(ValueError, "not a problem string"):
                ConvProblem.parse(text)

    def test_error_bounds(self) -> None:
        flagship, strided = ConvProblem.parse(FLAGSHIP), ConvProblem.parse(STRIDED)
        self.assertEqual(error_bound(flagship, "fp32", 0), 4.7e-7)
        self.assertEqual(error_bound(flagship, "tf32", 0), 3.0e-4)
        self.assertAlmostEqual(error_bound(flagship, "bf16", 1e-3), 1.1e-3)
        self.assertEqual(error_bound(strided, "fp32", 0), 2 * 4.7e-7)


class Report(unittest.TestCase):
    def test_figures_of_a_row(self) -> None:
        run = make_run()
        row, ceilings = run["rows"][0], run["ceilings"]
        self.assertEqual(report.best_peer(row), 1.25)
        self.assertEqual(report.speedup(row), 2.5)
        self.assertEqual([report.best_peer(row, peers=peers) for peers in report.RIVALS.values()], [2.5, 2.0, 1.5])
        self.assertEqual([report.speedup(row, peers=peers) for peers in report.RIVALS.values()], [5.0, 4.0, 3.0])
        self.assertAlmostEqual(report.tflops(row), 360.78, places=2)
        self.assertAlmostEqual(report.roof_share(row, ceilings), 0.902, places=3)
        self.assertAlmostEqual(report.memory_share(row, ceilings), 0.537, places=3)
        self.assertAlmostEqual(report.spread(row), 0.1)
        self.assertEqual(report.flagship_share(row, run["rows"]), 1)
        self.assertIsNone(report.tflops(run["rows"][2]))

    def test_lines_for_the_terminal(self) -> None:
        run = make_run()
        lines = [report.line(row, run["ceilings"]) for row in run["rows"]]
        self.assertEqual(lines[0].split(), ["flagship", "tf32", "0.500", "2.500", "2.000", "1.500", "5.00x", "4.00x",
                                            "3.00x", "360.8", "90%", "10.0%", "2.96e-04", "cuda.fast"])
        self.assertRegex(lines[1], r"^strided +tf32 +0\.0100 +- +0\.0200 +0\.0300 +- +2\.00x +3\.00x")
        self.assertEqual(len(lines[0]) - len("cuda.fast"), len(report.COLUMNS) - len("kernel"))
        self.assertEqual(lines[2].split(None, 2)[2], "FAILED: its error is too large")
        self.assertEqual(report.summary(run["rows"][0]),
                         "tf32  upconv  0.500 ms, PyTorch NCHW default 2.500 (5.00x), NCHW tuned 2.000 (4.00x), "
                         "best channels_last 1.500 (3.00x), error 2.96e-04 of 3.00e-04")

    def test_markdown(self) -> None:
        text = report.markdown(make_run())
        self.assertIn("| flagship | tf32 | 0.500 (0.625) | 2.500 (3.125) | 2.000 (2.500) | 1.500 (1.875) | "
                      "5.00 (5.00) | 4.00 (4.00) | 3.00 (3.00) |", text)
        self.assertIn("| flagship | tf32 | 2.000 (2.500) | 1.750 (2.188) | 1.250 (1.562) |  | 2.500 (3.125) | "
                      "1.500 (1.875) |  |  | 2.50 (2.50) |", text)
        self.assertIn("| strided | tf32 | 0.0100 (0.0125) |  | 0.0200 (0.0250) | 0.0300 (0.0375) |  | 2.00 (2.00) | "
                      "3.00 (3.00) |", text)
        self.assertIn("| strided | f16 | failed: its error is too large |", text)
        self.assertIn("tf32 400", text)
        self.assertIn(f"| strided | `{STRIDED}` |", text)
        tables = [line for line in text.splitlines() if line.startswith("|")]
        for before, after in zip(tables, tables[1:]):
            if before.startswith("| layer"):
                self.assertRegex(after, r"^\|(---:?\|)+$")
                self.assertEqual(after.count("|"), before.count("|"))

    def test_the_program_reports_a_recorded_run(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            recorded, written = Path(folder) / "run.json", Path(folder) / "run.md"
            recorded.write_text(json.dumps(make_run()))
            result = subprocess.run(
                [sys.executable, ROOT / "bench/compare_pytorch.py", "--from-json", recorded, "--markdown", written],
                capture_output=True, text=True)
            self.assertEqual(result.returncode, 1, result.stderr)  # a row failed
            self.assertEqual(result.stderr, "")
            self.assertEqual(len(result.stdout.splitlines()), 7)
            self.assertEqual(written.read_text(), report.markdown(make_run()))

    def test_what_is_no_recorded_run_is_refused_without_a_traceback(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.json"
            for content in ("", "[]", "{}"):
                path.write_text(content)
                result = subprocess.run([sys.executable, ROOT / "bench/compare_pytorch.py", "--from-json", path],
                                        capture_output=True, text=True)
                self.assertEqual(result.returncode, 1)
                self.assertIn("is not a run that --json recorded", result.stderr)
                self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
