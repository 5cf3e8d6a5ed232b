"""Example: a program that breaks a rule, and the same program put right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Setting = Literal["loop", "log", "fit", "accumulator", "callback"]
"""What the programs of an example are played in; `SETTINGS` says what each has."""

SETTINGS: dict[Setting, str] = {
    "loop": "`data` has 10 rows in batches of 4, 4 and 2. `train_step(x, y)` trains on one batch and returns its loss, "
    "which is 1, 2 and 9 in the first epoch. What `log(name, number, step=…)` was given is judged "
    "by those losses.",
    "log": "`data` has 10 rows in batches of 4, 4 and 2, and `train_step(x, y)` returns the loss of one of them. What "
    "`log(name, number, step=…)` was given is judged by itself.",
    "fit": "`data` is a `tf.data.Dataset` of 10 rows `x` and `y` in batches of 4, and `model` is a compiled model; "
    "their losses are 1, 2 and 9. `lossaudit run` judges the program.",
    "accumulator": "`Mean` is a right accumulator, whose state is `self.total` and `self.count`. The last class is put "
    "to the test by `lossaudit.testing.run_checks`.",
    "callback": "The class is put to the test by `lossaudit.testing.run_checks`.",
}


@dataclass(frozen=True)
class Example:
    """Two programs that differ in one mistake.

    Args:
        code: the rule that one of them breaks.
        setting: what both are played in.
        wrong: the one that breaks it.
        right: the one that does not.
    """

    code: str
    setting: Setting
    wrong: str
    right: str


EXAMPLES: dict[str, Example] = {}


def add_example(code: str, setting: Setting, *, wrong: str, right: str) -> None:
    """Register the example of a rule.

    Raises:
        ValueError: the rule has one already.
    """
    if code in EXAMPLES:
        raise ValueError(f"code={code!r} has an example already")
    EXAMPLES[code] = Example(code, setting, wrong.strip(), right.strip())
