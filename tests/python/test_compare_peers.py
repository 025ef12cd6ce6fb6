"""Tests of what bench/compare_peers_cpu.py makes of a recorded run, and of the definition that it checks outputs with.

They need no peer; those of the definition need numpy. Run: python3 -m unittest tests/python/test_compare_peers.py
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "bench/compare_peers_cpu.py"
sys.path.insert(0, str(ROOT / "bench"))

import compare_peers_cpu as compare  # noqa: E402
from conv_problem import ConvProblem  # noqa: E402

try:
    import numpy as np
except ImportError:
    np = None


def times(milliseconds: float) -> dict:
    return {"call": {"median": milliseconds, "min": milliseconds, "max": 1.2 * milliseconds, "spread": 0.2}}


def make_run() -> dict:
    rows = [{"name": "large", "problem": "p1", "chart": True, "flops": 2e9, "kernel": "cpu.direct", "failed": {},
             "errors": {"upconv": 2e-7}, "times": {"upconv": times(10), "fast": times(20), "slow": times(40)}},
            {"name": "small", "problem": "p2", "chart": False, "flops": 1e6, "kernel": "cpu.direct",
             "failed": {"slow": "has no such layer"}, "errors": {"upconv": 3e-7},
             "times": {"upconv": times(0.02), "fast": times(0.01)}}]
    return {"cpu": "a CPU", "threads": 2, "rounds": 9, "commit": "abc", "date": "2026-01-01",
            "command": "bench/compare_peers_cpu.py --suite",
            "versions": {"upconv": "abc", "fast": "1.0", "slow": "2.0"}, "rows": rows}


class Report(unittest.TestCase):
    def test_a_line_for_the_terminal(self) -> None:
        text = compare.line(make_run()["rows"][1], ("fast", "slow"))
        self.assertRegex(text, r"^small +50\.0 GFLOP/s +0\.50x  upconv 0\.0200, fast 0\.0100, slow failed$")

    def test_summary(self) -> None:
        self.assertEqual(compare.summary(make_run()), "Geometric mean of upconv's speed-ups: 1.00x against fast, "
                                                      "4.00x against slow, 1.00x against the best of them")

    def test_markdown(self) -> None:
        text = compare.markdown(make_run())
        self.assertIn("a CPU, 2 threads; upconv abc, fast 1.0, slow 2.0; commit abc, 2026-01-01", text)
        self.assertIn("| large | 10.00 | 200.0 | **20.00** | 40.00 | 2.00 | 20% | `cpu.direct` | `p1` |", text)
        self.assertIn("| small | 0.0200 | 50.0 | **0.0100** | - | 0.50 | 20% | `cpu.direct` | `p2` |", text)
        self.assertIn("- small: slow has no such layer", text)

    def test_the_suite_is_readable(self) -> None:
        names = [name for _, name, _ in compare.SUITE]
        self.assertEqual(len(names), len(set(names)))
        for _, _, text in compare.SUITE:
            ConvProblem.parse(text)

    def test_a_recorded_run_is_reported_again(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            recorded, written = Path(folder) / "run.json", Path(folder) / "run.md"
            recorded.write_text(json.dumps(make_run()))
            result = subprocess.run([sys.executable, PROGRAM, "--from-json", recorded, "--markdown", written],
                                    capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("against the best of them", result.stdout)
            self.assertEqual(written.read_text(), compare.markdown(make_run()))

    def test_what_cannot_be_used_is_refused_without_a_traceback(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.json"
            path.write_text("[]")
            for arguments, message in ((["--from-json", path], "is not a run that --json recorded"),
                                       (["--runner", Path(folder) / "none"], "build it (-D UPCONV_BUILD_BENCH=ON"),
                                       (["--runner", sys.executable, "n1ci2"], "not a problem string")):
                if "--runner" in arguments and np is None:
                    continue
                result = subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True)
                self.assertEqual(result.returncode, 1)
                self.assertIn(message, result.stderr)
                self.assertNotIn("Traceback", result.stderr)


@unittest.skipIf(np is None, "needs numpy")
class Definition(unittest.TestCase):
    def test_every_product_has_its_place(self) -> None:
        for text in ("n2ci4ih3iw5co6kh3kw2_s2x3_p1x0_op1x2_d2x1_g2", "n1ci2ih4iw4co2kh3kw3_s1x1_p2x2_op0x0_d1x1_g1",
                     "n2ci4ih9iw7co6kh3kw2_s2x3_p1x0_zeros_d2x1_g2", "n1ci3ih4iw5co3kh5kw5_s3x1_p3x2_zeros_d1x1_g3"):
            with self.subTest(text):
                self.check(text)

    def check(self, text: str) -> None:
        from cpu_peers import Operands

        p = ConvProblem.parse(text)
        operands = Operands(p)
        wanted = np.zeros(p.y_shape) + operands.bias[None, :, None, None].astype(np.float64)
        ci, co = p.ci // p.groups, p.co // p.groups
        rows, columns = (p.ih, p.iw) if p.transposed else (p.oh, p.ow)
        for n, i, o, kh, kw, r, c in itertools.product(range(p.n), range(p.ci), range(co), range(p.kh), range(p.kw),
                                                       range(rows), range(columns)):
            out = i // ci * co + o
            h = r * p.stride_h - p.pad_h + kh * p.dilation_h
            w = c * p.stride_w - p.pad_w + kw * p.dilation_w
            large = p.y_shape if p.transposed else p.x_shape
            if not (0 <= h < large[2] and 0 <= w < large[3]):
                continue
            if p.transposed:
                wanted[n, out, h, w] += float(operands.x[n, i, r, c]) * float(operands.weight[i, o, kh, kw])
            else:
                wanted[n, out, r, c] += float(operands.x[n, i, h, w]) * float(operands.weight[out, i % ci, kh, kw])
        np.testing.assert_allclose(operands.exact(), wanted, rtol=1e-12, atol=1e-12)


if __name__ == "__main__":
    unittest.main()
