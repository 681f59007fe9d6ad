#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The coverage gate: every status that the contract has for an operation must have been seen in the
tests that ran since the list of what was seen was begun (build/test-results/api-seen.txt).

  tests/api/coverage.py           what is missing; fails when anything is
  tests/api/coverage.py --begin   forgets what was seen
"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools/generate")]

from api_client import SEEN, contract  # noqa: E402
from bundle import operations  # noqa: E402


def missing():
    """(operationId, statuses never seen) of each operation that lacks some."""
    seen = set(SEEN.read_text(encoding="utf-8").splitlines()) if SEEN.exists() else set()
    for _, _, op in operations(contract()):
        lacks = [status for status in op["responses"] if f"{op['operationId']} {status}" not in seen]
        if lacks:
            yield op["operationId"], lacks


def main():
    if "--begin" in sys.argv[1:]:
        SEEN.unlink(missing_ok=True)
        return 0
    lacking = list(missing())
    for name, lacks in lacking:
        print(f"{name:24} {' '.join(lacks)}")
    total = sum(len(op["responses"]) for _, _, op in operations(contract()))
    print(f"coverage: {total - sum(len(lacks) for _, lacks in lacking)} of {total} answers of the contract were seen")
    return bool(lacking)


if __name__ == "__main__":
    sys.exit(main())
