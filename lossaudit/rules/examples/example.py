"""Example: a program that breaks a rule, and the same program corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Setting = Literal["loop", "log", "fit", "accumulator", "callback"]
"""Where the programs of an example run; `SETTINGS` says what each setting provides."""

SETTINGS: dict[Setting, str] = {
    "loop": "`data` has 10 rows in batches of 4, 4 and 2. `train_step(x, y)` trains on one batch "
    "and returns its loss: 1, 2 and 9 in the first epoch. The numbers given to "
    "`log(name, number, step=…)` are compared with these losses.",
    "log": "`data` has 10 rows in batches of 4, 4 and 2. `train_step(x, y)` trains on one batch "
    "and returns its loss. The numbers given to `log(name, number, step=…)` are judged alone.",
    "fit": "`data` is a `tf.data.Dataset` of 10 rows `x` and `y` in batches of 4, with losses of "
    "1, 2 and 9. `model` is a compiled model. `lossaudit run` judges the program.",
    "accumulator": "`Mean` is a correct accumulator with the state `self.total` and `self.count`. "
    "`lossaudit.testing.run_checks` tests the last class.",
    "callback": "`lossaudit.testing.run_checks` tests the class.",
}


@dataclass(frozen=True)
class Example:
    """Two programs that differ in one mistake.

    Args:
        code: the rule that one of them breaks.
        setting: where both run.
        wrong: the program that breaks the rule.
        right: the program that does not.
    """

    code: str
    setting: Setting
    wrong: str
    right: str


EXAMPLES: dict[str, Example] = {}


def add_example(code: str, setting: Setting, *, wrong: str, right: str) -> None:
    """Register the example of a rule.

    Args:
        code: the rule that `wrong` breaks.
        setting: where both programs run.
        wrong: the source of the program that breaks the rule.
        right: the source of the same program without the mistake.

    Raises:
        ValueError: the rule has an example already.
    """
    if code in EXAMPLES:
        raise ValueError(f"code={code!r} has an example already")
    EXAMPLES[code] = Example(code, setting, wrong.strip(), right.strip())
