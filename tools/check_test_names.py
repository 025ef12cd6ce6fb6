#!/usr/bin/env python3
"""Checks that the tests of several build trees can run as one: `check_test_names.py BUILD_DIRECTORY`.

Names must be unique, or a report does not say which test failed; and a fixture must be set up by one test, or tests of
one build tree wait for what another one prepares. Prints what is wrong and exits with 1, or nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter


def faults(tests: list[dict]) -> list[str]:
    """What is wrong with `tests`, as ctest --show-only=json-v1 lists them."""
    names = Counter(test["name"] for test in tests)
    fixtures = Counter()
    for test in tests:
        for entry in test.get("properties", []):
            if entry["name"] in ("FIXTURES_SETUP", "FIXTURES_CLEANUP"):
                fixtures.update(f"{fixture} ({entry['name']})" for fixture in entry["value"])
    remedy = "put ${UPCONV_TEST_PREFIX} before it"
    return [f"{count} tests have the name {name}: {remedy}" for name, count in names.items() if count > 1] + \
        [f"{count} tests share the fixture {name}: {remedy}" for name, count in fixtures.items() if count > 1]


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 0 if sys.argv[1:] == ["--help"] else 2
    listing = subprocess.run(["ctest", "--test-dir", sys.argv[1], "--show-only=json-v1"], check=True,
                             stdout=subprocess.PIPE)
    found = faults(json.loads(listing.stdout)["tests"])
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
