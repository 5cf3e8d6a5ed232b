"""Write the pages of docs/rules, their index, and the table of rules in docs/logs-alone.md.

Run it as `python docs/write_rules.py`. It runs both programs of each example: the wrong one must
give a finding by its rule, which the page shows, and the right one must not.
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
LOGS_ALONE = Path(__file__).parent / "logs-alone.md"
ROWS = (4, 4, 2)
TRAIN = [[1.0, 2.0, 9.0], [0.7, 3.1, 4.3]]
"""True losses of the batches of two epochs, which then repeat."""
VALIDATION = [[5.0, 6.5, 0.8], [2.6, 1.2, 3.3]]
PENALTY = 0.25

GROUPS = {
    "LA1": "How numbers are averaged",
    "LA2": "Steps, order and missing numbers",
    "LA3": "The numbers themselves",
    "LA4": "The training and the audit",
    "LA5": "Logs alone",
}

_HEAD = """# Rules

These are the expectations that an audit checks. A finding has the code of its rule, and a cause
if a recomputation matched. Each page says how that happens and how to correct it.
`lossaudit rule LA101` prints the same without the finding. `--select` and `--ignore` take
beginnings of codes: `--ignore LA2,LA302`.

*Severity* is that of a finding that proves the rule broken. Findings that are suspect or
undecidable are warnings under every rule.

`python docs/write_rules.py` writes these pages and runs every example: the wrong program gives the
finding that its page shows, and the right one gives none by that rule.
"""

TABLE_BEGINS = "<!-- Written by `python docs/write_rules.py`. -->"
TABLE_ENDS = "<!-- End of the written part. -->"


class Batches:
    """Data that yields x and y of each batch, once for each epoch.

    Args:
        epochs: the losses of the batches of each epoch.
        split: the split of the data.
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
        """Record and return the loss of a batch; with `parts`, also its regularization."""
        loss = float(np.float32(y[0, 0] * scale))
        self.recorder.batch(
            loss, weight=len(x), split=self.split, **({"regularization": PENALTY} if parts else {})
        )
        return (loss, PENALTY) if parts else loss


def finding_of(example: Example) -> Finding:
    """The finding about the wrong program.

    Raises:
        AssertionError: there is none by its rule, or there is one about the right program.
    """
    reports = {name: _report(example, code) for name, code in programs(example)}
    found = {
        name: [one for one in report.findings if one.code == example.code]
        for name, report in reports.items()
    }
    assert found["Wrong"], f"{example.code}: no finding: {reports['Wrong']}"
    assert not found["Right"], f"{example.code}: the right program has one: {found['Right'][0]}"
    return found["Wrong"][0]


def _report(example: Example, code: str) -> Report:
    judged_in = {
        "loop": _loop,
        "log": _loop,
        "fit": _fit,
        "accumulator": _accumulator,
        "callback": _callback,
    }
    return judged_in[example.setting](example, code)


def _loop(example: Example, code: str) -> Report:
    """The report on the numbers that a loop logged."""
    truth, claims = played(code)
    return lossaudit.audit(None if example.setting == "log" else truth, claims)


def played(code: str) -> tuple[Recording, Recording]:
    """Run a loop: the recording of its true losses, and what it logged."""
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
    """The report of `lossaudit run` on a program that trains a small model."""
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
    """The report of the conformance suite on the accumulator of a program."""
    from lossaudit.testing import run_checks

    names: dict[str, Any] = {"Mean": Mean}
    exec(code, names)
    return run_checks(names["Mine"], kind="accumulator", select=[example.code], seed=0)


def _callback(example: Example, code: str) -> Report:
    """The report of one check of the conformance suite on the callback of a program."""
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
        message = str(violation.headed(f"{subject.name} {check.name}: {check.expects}"))
        return Report(findings=(Finding(example.code, Verdict.WRONG, message),))
    return Report()


class Mean:
    """A correct accumulator."""

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
        """Add the state of another one."""
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
            "| code | name | severity | expectation |",
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
    for title, intro, mistakes in _causes(one):
        parts += [f"## {title}\n\n{intro}", "\n".join(map(_listed, mistakes))] if mistakes else []
    return "\n\n".join([*parts, _FOOT.format(rule.code)]) + "\n"


_NAMED = (
    "A finding names the cause that fits its numbers, or several if the data cannot tell them "
    "apart."
)
_NUMBERS = (
    " It uses the numbers of your log; here they are those of an epoch of 10 rows in batches of "
    "4, 4 and 2."
)
_OF_KERAS = (
    "These versions of Keras log wrong numbers; a finding tells whether yours is one of them."
)
_FOOT = (
    "`--ignore {}` turns this rule off, and so does `ignore` in `[tool.lossaudit]` for a project. "
    "[All rules](README.md)"
)


def _causes(one: RuleHelp) -> list[tuple[str, str, list[Mistake]]]:
    """Mistakes of programs and of Keras, each kind with a title and a sentence."""
    own = [mistake for mistake in one.mistakes if not mistake.seen]
    intro = _NAMED + (_NUMBERS if any(mistake.predict for mistake in own) else "")
    keras = [mistake for mistake in one.mistakes if mistake.seen]
    return [("Causes", intro, own), ("Mistakes of Keras", _OF_KERAS, keras)]


def _example(example: Example) -> list[str]:
    """Both programs and the finding, with the setting that they run in."""
    finding = str(finding_of(example))
    return [
        f"## Wrong\n\n{SETTINGS[example.setting]}",
        f"```python\n{example.wrong}\n```",
        f"```text\n{finding}\n```",
        f"## Right\n\n```python\n{example.right}\n```",
    ]


def _listed(mistake: Mistake) -> str:
    links = [
        f", [{one}](https://github.com/{one.replace('#', '/issues/')})" for one in mistake.threads
    ]
    versions = f" ({seen(mistake)}{''.join(links)})" if mistake.seen else ""
    remedy = f" *Remedy:* {mistake.remedy}" if mistake.remedy else ""
    return f"- `{mistake.name}`{versions}: {mistake.explanation}{remedy}"


def log_table() -> str:
    """The table of rules for logs alone, with the marks around it."""
    rows = [
        f"| {rule.code} | {rule.expects} | {rule.verdicts} |"
        for code, rule in RULES.items()
        if code.startswith("LA5")
    ]
    head = ["| rule | expectation | verdict if broken |", "|---|---|---|"]
    return "\n".join([TABLE_BEGINS, "", *head, *rows, "", TABLE_ENDS])


def with_log_table(text: str) -> str:
    """The text of docs/logs-alone.md with the table of today's rules between the marks.

    Raises:
        ValueError: the marks are missing.
    """
    before, begins, rest = text.partition(TABLE_BEGINS)
    _, ends, after = rest.partition(TABLE_ENDS)
    if not begins or not ends:
        raise ValueError(f"{TABLE_BEGINS!r} and {TABLE_ENDS!r} must be in {LOGS_ALONE.name}")
    return before + log_table() + after


def main() -> None:
    """Write every page and the table, and remove pages of rules that no longer exist."""
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in written:
            old.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, "utf-8")
    LOGS_ALONE.write_text(with_log_table(LOGS_ALONE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
