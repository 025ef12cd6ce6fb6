#!/usr/bin/env python3
"""Says why tests skipped, and fails if one skipped for a reason that is not allowed.

    ctest --output-junit tests.xml --test-output-size-passed 1000000
    python3 tools/check_skips.py tests.xml

Reasons are read from what tests print: GoogleTest's GTEST_SKIP, unittest's skips (those inside a test that passed, too)
and a line "SKIPPED: why" of a script. Prints how many skipped for each reason. Exit status: 0 if all may, else 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from typing import Iterator, NamedTuple
from xml.etree import ElementTree

# What a test may say when this machine has no GPU, or not one of the kind it needs.
NO_GPU = re.compile(r"^no CUDA device here$|^no GPU of compute capability|^needs a GPU|^needs \d+ GB of GPU memory$")
ONE_GPU = re.compile(r"^fewer than two CUDA devices here$|^the devices differ$")
# What a build, a kernel or a version of a library cannot do, wherever it runs.
NOT_APPLICABLE = (
    re.compile(r"^this build's malloc cannot be counted$"),  # a sanitizer's
    re.compile(r"^this build holds no code for sm_90a$"),
    re.compile(r"^[\w.]+ supports none of these cases$|^the row does not support every layer$"),
    re.compile(r"^this PyTorch has no "),
    re.compile(r"^there is a GPU here$"),  # a test of machines without
)

GTEST = re.compile(r"^.*: Skipped\n(.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
UNITTEST = re.compile(r"\.\.\. skipped (['\"])(.*)\1$", re.MULTILINE)
SCRIPT = re.compile(r"^SKIPPED: *(.*)$", re.MULTILINE)


class Skip(NamedTuple):
    test: str
    reason: str


def reasons_in(output: str) -> list[str]:
    """Why parts of a test skipped, in its own words."""
    found = [match.group(1) for match in GTEST.finditer(output)]
    found += [match.group(2) for match in UNITTEST.finditer(output)]
    found += [match.group(1) for match in SCRIPT.finditer(output)]
    return [" ".join(reason.split()) for reason in found]


def read_skips(path: str) -> Iterator[Skip]:
    """Every skip of a JUnit file that ctest wrote."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        reasons = reasons_in(case.findtext("system-out") or "")
        skipped = case.find("skipped") is not None or case.get("status") in ("notrun", "disabled")
        if skipped and not reasons and case.get("status") != "fail":
            reasons = ["disabled" if case.get("status") == "disabled" else "gave no reason"]
        for reason in dict.fromkeys(reasons):
            yield Skip(case.get("name", "?"), reason)


def is_allowed(reason: str, lacking: set[str], gpus: int) -> bool:
    """Whether a test may skip for this reason here: `lacking` are packages that this distribution has not."""
    if NO_GPU.search(reason):
        return gpus == 0
    if ONE_GPU.search(reason):
        return gpus < 2
    if any(pattern.search(reason) for pattern in NOT_APPLICABLE):
        return True
    return bool(lacking & set(re.findall(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+]", reason)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("junit", help="the file that ctest --output-junit wrote")
    parser.add_argument("--lacking", default="", metavar="PACKAGES",
                        help="packages that this distribution lacks: a reason that names one is allowed")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs of this machine: with one, its tests must run")
    arguments = parser.parse_args()

    tests_by_reason: dict[str, list[str]] = defaultdict(list)
    for skip in read_skips(arguments.junit):
        tests_by_reason[skip.reason].append(skip.test)
    refused = {reason: tests for reason, tests in tests_by_reason.items()
               if not is_allowed(reason, set(arguments.lacking.split()), arguments.gpus)}
    print(f"skipped: {sum(map(len, tests_by_reason.values()))} tests")
    for reason, tests in sorted(tests_by_reason.items(), key=lambda item: -len(item[1])):
        print(f"{len(tests):6}  {reason}{'  <- not allowed' if reason in refused else ''}")
    for reason, tests in refused.items():
        names = ", ".join(tests[:5]) + (f" and {len(tests) - 5} more" if len(tests) > 5 else "")
        print(f"skipped, but must run here ({reason}): {names}")
    if refused:
        print("Mend what kept them from running, or allow the reason in tools/check_skips.py.")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
