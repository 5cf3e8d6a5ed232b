"""The pages of docs/rules: `python docs/write_rules.py` writes one for each rule, and their index.

Both programs of each example are played: the wrong one has to be found by its rule, and the page
shows the finding; the right one must not be.
"""

from __future__ import annotations

import math
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

import lossaudit
from lossaudit import Finding, Recorder, Recording, Report, Series, Verdict
from lossaudit.cli.rule_help import RuleHelp, help_of, programs, seen
from lossaudit.predictions.mistakes.mistake import Mistake
from lossaudit.recording.names import Covers
from lossaudit.rules.catalogue import RULES
from lossaudit.rules.examples import SETTINGS, Example

FOLDER = Path(__file__).parent / "rules"
ROWS = (4, 4, 2)
TRAIN = [[1.0, 2.0, 9.0], [0.7, 3.1, 4.3]]
"""True losses of the batches of two epochs, which then come again."""
VALIDATION = [[5.0, 6.5, 0.8], [2.6, 1.2, 3.3]]
PENALTY = 0.25

GROUPS = {
    "LA1": "How numbers are averaged",
    "LA2": "Where numbers stand, and what is missing",
    "LA3": "The numbers themselves",
    "LA4": "The training and the audit",
    "LA5": "Logs by themselves",
}

_HEAD = """# Rules

What an audit looks for. A finding carries the code of its rule, and its cause where a recomputation matched; each page
says why that happens and how to put it right. `lossaudit rule LA101` prints the same, but not the finding.
`--select` and `--ignore` take beginnings of codes: `--ignore LA2,LA302`.

*Severity* is that of a finding which says that the rule is broken. What the data cannot decide, and what rounding may
explain but hardly does, is a warning under any rule.

These pages are written by `python docs/write_rules.py`, which plays every example: the wrong program gives the finding
that its page shows, and the right one gives none by that rule.
"""


class Batches:
    """Data that is gone through once an epoch: x and y of each batch.

    Args:
        epochs: the losses of the batches of each epoch.
        split: the split that they are of.
        recorder: records the batches that are trained on.
    """

    def __init__(self, epochs: list[list[float]], split: str, recorder: Recorder) -> None:
        self.epochs, self.split, self.recorder = epochs, split, recorder
        self.passes = 0

    def __len__(self) -> int:
        return len(ROWS)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if self.split == "train" and self.passes:
            self.recorder.end_epoch()
        losses = np.float32(self.epochs[self.passes % len(self.epochs)]) * np.float32(
            1 / (1 + self.passes // 2)
        )
        self.passes += 1
        for rows, loss in zip(ROWS, losses, strict=True):
            yield np.zeros((rows, 1), np.float32), np.full((rows, 1), loss)

    def step(self, x: np.ndarray, y: np.ndarray, scale: float = 1.0, parts: bool = False) -> Any:
        """The loss of a batch, which is recorded; with `parts` also what regularization adds to
        it.
        """
        loss = float(np.float32(y[0, 0] * scale))
        self.recorder.batch(
            loss, weight=len(x), split=self.split, **({"regularization": PENALTY} if parts else {})
        )
        return (loss, PENALTY) if parts else loss


def finding_of(example: Example) -> Finding:
    """The finding of the wrong program.

    Raises:
        AssertionError: it has none by its rule, or the right one has one.
    """
    reports = {name: _report(example, code) for name, code in programs(example)}
    found = {
        name: [one for one in report.findings if one.code == example.code]
        for name, report in reports.items()
    }
    assert found["Wrong"], f"{example.code}: the wrong program is not found: {reports['Wrong']}"
    assert not found["Right"], f"{example.code}: the right program is found: {found['Right'][0]}"
    return found["Wrong"][0]


def _report(example: Example, code: str) -> Report:
    play = {
        "loop": _loop,
        "log": _loop,
        "fit": _fit,
        "accumulator": _accumulator,
        "callback": _callback,
    }
    return play[example.setting](example, code)


def _loop(example: Example, code: str) -> Report:
    """What is said of the numbers that a loop logged."""
    truth, claims = played(code)
    return lossaudit.audit(None if example.setting == "log" else truth, claims)


def played(code: str) -> tuple[Recording, Recording]:
    """What a loop was trained on, and what it logged."""
    logged: dict[str, list[tuple[float, int | None, int | None]]] = defaultdict(list)
    recorder = Recorder(rows=sum(ROWS))
    data, validation = (
        Batches(*one, recorder) for one in ((TRAIN, "train"), (VALIDATION, "validation"))
    )

    def log(name: str, number: float, step: int | None = None, rows: int | None = None) -> None:
        logged[name].append((float(number), step, rows))

    names = {
        "lossaudit": lossaudit,
        "np": np,
        "math": math,
        "data": data,
        "validation": validation,
        "log": log,
    }
    names |= {
        "train_step": data.step,
        "test_step": validation.step,
        "rows": sum(ROWS),
        "batch_size": ROWS[0],
    }
    exec(code, names)
    return recorder.recording, Recording(
        [_series(name, numbers) for name, numbers in logged.items()]
    )


def _series(name: str, numbers: list[tuple[float, int | None, int | None]]) -> Series:
    values, steps, rows = (list(column) for column in zip(*numbers, strict=True))
    covers: dict[str, Covers] = {"batch": "batch", "running": "epoch_so_far"}
    promised = covers.get(name.partition("_")[0], "epoch")
    axis = {} if None in steps else {"epochs" if promised == "epoch" else "steps": steps}
    weights = {} if None in rows else {"weights": rows}
    split = "validation" if name.startswith("val_") else "train"
    return Series(values, split=split, covers=promised, origin=name, **axis, **weights)


def _fit(example: Example, code: str) -> Report:
    """What `lossaudit run` says of a program that trains a small model."""
    import keras
    import tensorflow as tf

    from lossaudit.keras.scripts import every_fit_audited

    keras.utils.set_random_seed(0)
    y = np.repeat(np.float32([1, 2, 9]), ROWS)[:, None]
    x = np.ones_like(y)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(ROWS[0])
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")]
    )
    model.compile(keras.optimizers.SGD(0.0), "mae")
    names = {"keras": keras, "tf": tf, "np": np, "x": x, "y": y, "data": data, "model": model}
    with every_fit_audited() as reports, redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, names)
    return Report.joined(reports)


def _accumulator(example: Example, code: str) -> Report:
    """What the conformance suite says of the accumulator of a program."""
    from lossaudit.testing import run_checks

    names: dict[str, Any] = {"Mean": Mean}
    exec(code, names)
    return run_checks(names["Mine"], kind="accumulator", select=[example.code], seed=0)


def _callback(example: Example, code: str) -> Report:
    """What the check of the conformance suite says of the callback of a program, in one training."""
    import keras

    from lossaudit.testing import Subject, checks_of
    from lossaudit.testing.schedules import Schedule
    from lossaudit.testing.suites.violation import Violation

    names = {"keras": keras, "np": np}
    exec(code, names)
    subject = Subject(names["Mine"], kind="callback")
    check = next(one for one in checks_of(subject) if one.code_for(subject) == example.code)
    try:
        with redirect_stdout(StringIO()):
            check.judge(subject, Schedule(rows=10, batch_size=4, epochs=2, validation_rows=6))
    except Violation as violation:
        said = str(violation.headed(f"{subject.name} {check.name}: {check.expects}"))
        return Report(findings=(Finding(example.code, Verdict.WRONG, said),))
    return Report()


class Mean:
    """A right accumulator."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def update_state(self, value: float, sample_weight: int = 1) -> None:
        """Add a value with its weight."""
        self.total += value * sample_weight
        self.count += sample_weight

    def result(self) -> float:
        """The mean."""
        return self.total / self.count if self.count else 0.0

    def reset_state(self) -> None:
        """Forget everything."""
        self.total, self.count = 0.0, 0

    def merge_state(self, other: Mean) -> None:
        """Add what another one holds."""
        self.total += other.total
        self.count += other.count


def pages() -> dict[str, str]:
    """The text of each page by its name."""
    explanations = [help_of(code) for code in RULES]
    return {
        "README.md": index(explanations),
        **{f"{one.rule.code}.md": page(one) for one in explanations},
    }


def index(explanations: list[RuleHelp]) -> str:
    """The page that lists all rules."""
    parts = [_HEAD]
    for group, title in GROUPS.items():
        lines = [
            f"## {title}",
            "",
            "| code | name | severity | what is expected |",
            "|---|---|---|---|",
        ]
        rules = [one.rule for one in explanations if one.rule.code.startswith(group)]
        lines += [
            f"| [{one.code}]({one.code}.md) | {one.name} | {one.severity} | {one.expects} |"
            for one in rules
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def page(one: RuleHelp) -> str:
    """The page of a rule."""
    rule = one.rule
    parts = [
        f"# {rule.code}: {rule.name}",
        f"**{rule.expects}** Severity: {rule.severity}.",
        f"## Why it happens\n\n{rule.why}",
    ]
    if one.example:
        parts += _example(one.example)
    for title, told, mistakes in _causes(one):
        parts += [f"## {title}\n\n{told}", "\n".join(map(_listed, mistakes))] if mistakes else []
    return "\n\n".join([*parts, _FOOT.format(rule.code)]) + "\n"


_NAMED = "A finding names the cause that fits its numbers, or several where the data cannot tell them apart."
_NUMBERS = " It says the numbers of your log; here they are those of an epoch of 10 rows in batches of 4, 4 and 2."
_OF_KERAS = (
    "Numbers that Keras gets wrong in these versions; a finding says whether yours is one of them."
)
_FOOT = "`--ignore {}` leaves this rule out, `[tool.lossaudit]` does so for a project. [All rules](README.md)"


def _causes(one: RuleHelp) -> list[tuple[str, str, list[Mistake]]]:
    """Mistakes of programs and of Keras, each kind with a title and a sentence."""
    own = [mistake for mistake in one.mistakes if not mistake.seen]
    told = _NAMED + (_NUMBERS if any(mistake.predict for mistake in own) else "")
    keras = [mistake for mistake in one.mistakes if mistake.seen]
    return [("Causes", told, own), ("What Keras does by itself", _OF_KERAS, keras)]


def _example(example: Example) -> list[str]:
    """Both programs and the finding, with what they are played in."""
    said = str(finding_of(example))
    return [
        f"## Wrong\n\n{SETTINGS[example.setting]}",
        f"```python\n{example.wrong}\n```",
        f"```text\n{said}\n```",
        f"## Right\n\n```python\n{example.right}\n```",
    ]


def _listed(mistake: Mistake) -> str:
    links = [
        f", [{one}](https://github.com/{one.replace('#', '/issues/')})" for one in mistake.threads
    ]
    versions = f" ({seen(mistake)}{''.join(links)})" if mistake.seen else ""
    remedy = f" *Remedy:* {mistake.remedy}" if mistake.remedy else ""
    return f"- `{mistake.name}`{versions}: {mistake.explanation}{remedy}"


def main() -> None:
    """Write every page, and remove those of rules that are gone."""
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in written:
            old.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
