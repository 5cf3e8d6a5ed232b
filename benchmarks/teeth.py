"""Whether the conformance suite catches what is wrong, and passes what is right, whatever the seed.

    python -m benchmarks.teeth [--seeds N] [--only NAME]

The faulty programs and the right ones of `tests/conformance`, each tried with so many seeds at default settings: the
faulty ones are to be caught by the right check, the right ones to pass. With twenty seeds that takes an hour or two.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from lossaudit.testing import run_checks
from tests.conformance.test_teeth import FAULTY, RIGHT, right_program


def caught(kind: str, factory: object, checks: tuple[str, ...], claims: dict, seed: int) -> bool:
    report = run_checks(factory, kind=kind, select=checks, seed=seed, **claims)
    return [finding.origin for finding in report.findings] == list(checks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", default="", help="programs whose name contains this")
    options = parser.parse_args()
    for param in FAULTY:
        if options.only in str(param.id):
            found = sum(caught(*param.values, seed) for seed in range(options.seeds))
            print(f"faulty {param.values[0]} {param.id}: caught in {found} of {options.seeds} seeds", flush=True)
    for name in RIGHT:
        if options.only in name:
            with tempfile.TemporaryDirectory() as folder:
                passed = sum(right_program(name, Path(folder), seed).ok for seed in range(options.seeds))
            print(f"right {RIGHT[name][0]} {name}: passed in {passed} of {options.seeds} seeds", flush=True)


if __name__ == "__main__":
    main()
