"""Whether the conformance suite catches faulty programs and passes correct ones, for many seeds.

    python -m benchmarks.teeth [--seeds N] [--only NAME]

The programs of `tests/testing/suites` run with each seed at default settings. Each faulty one must
fail the right check; each correct one must pass. With twenty seeds this takes half an hour.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from lossaudit.testing import run_checks
from lossaudit.testing.suites import suite
from tests.testing.suites.programs import FAULTY, RIGHT, right_program


def caught(kind: str, factory: object, checks: tuple[str, ...], claims: dict, seed: int) -> bool:
    report = run_checks(factory, kind=kind, select=checks, seed=seed, **claims)
    return [finding.origin for finding in report.findings] == list(checks)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument(
        "--only", default="", help="run only programs whose line contains this, e.g. 'faulty loop'"
    )
    options = parser.parse_args()
    # Failing examples are not simplified, because each further example is a training.
    suite.SHRINKING = 0
    for param in FAULTY:
        label = f"faulty {param.values[0]} {param.id}"
        if options.only in label:
            found = sum(caught(*param.values, seed) for seed in range(options.seeds))
            print(f"{label}: caught in {found} of {options.seeds} seeds", flush=True)
    for name in RIGHT:
        label = f"right {RIGHT[name][0]} {name}"
        if options.only in label:
            with tempfile.TemporaryDirectory() as folder:
                passed = sum(
                    right_program(name, Path(folder), seed).ok for seed in range(options.seeds)
                )
            print(f"{label}: passed in {passed} of {options.seeds} seeds", flush=True)


if __name__ == "__main__":
    main()
