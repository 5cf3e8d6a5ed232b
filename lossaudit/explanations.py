"""Explanation: all that is known of a rule, for `lossaudit rule` and for its page in docs/rules."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lossaudit.causes import CAUSES
from lossaudit.checks import RULES
from lossaudit.checks.values import VALUE_RULES, rule_broken_by
from lossaudit.corrections import CORRECTIONS, SETTINGS, Correction
from lossaudit.defects import DEFECTS, Defect
from lossaudit.findings import Rule

WORDS = {
    "batches": "3",
    "rows": "10",
    "full": "4",
    "last": "2",
    "split": "train",
    "every": "N",
    "first": "K",
    "window": "N",
    "reset": "N",
    "replica": "N",
    "missing": "N",
    "decimals": "N",
    "decay": "a share",
    "other": "other",
    "component": "one of its parts",
    "regularization": "0.25",
    "scaled": "times or divided by N",
    "function": "logarithm (to base e, 10 or 2) of",
    "counted": "another count (of tokens or sample weights)",
    "divided": "a different one",
    "again": "its batches or its rows",
    "instead": "another number",
    "rounded": "rounded or cut",
}
"""What explanations say in general of an epoch of 4, 4 and 2 rows, and of a penalty of 0.25; a finding says the numbers
of its log."""

_STAGES = ("mean", "batches", "number")
"""The order in which mistakes are listed: people make those in the mean most often."""
_UNTOUCHED, _OUTPUTS = "untouched-tracker-shown-as-epoch", "output-losses-counted-alike"
_ELSEWHERE = {"LA401": (_UNTOUCHED,), "LA406": (_OUTPUTS,)}
"""Defects that break another rule than that of the value they are about."""

_NAMED = {
    "LA111": {"state-not-reset": "what was added before the reset is in the result after it"},
    "LA116": {"state-shared-by-instances": "what a second accumulator was given is in the result of the first"},
    "LA201": {
        "steps-shifted": "each number stands some places later or earlier than it was measured",
        "steps-restarted": "the steps begin anew in every epoch",
        "executions-counted-for-batches": "the steps count the calls of a hook, one for several batches",
        "epochs-counted-of-equal-length": "the steps are computed as if every epoch had as many batches as the first",
        "loss-after-update": "each number is the loss of the same batch after its update",
    },
    "LA202": {"batches-missing": "batches or epochs are not in the log: the last, the first, or all but one in N"},
    "LA203": {"numbers-without-truth": "the first numbers are older than what was recorded"},
    "LA204": {
        "rows-not-trained-on-once": "an epoch trained on fewer rows, or more, than the recorder was told there are",
        "replicas-trained-on-the-same-rows": "all replicas have the same loss in every batch",
    },
    "LA205": {"batches-repeated": "batches or epochs stand in the log more than once"},
    "LA301": {"missing-key-recorded-as-nan": "NaN or None was recorded, for a key that the logs did not have"},
    "LA302": {"accumulator-drifted": "the mean as float32 holds it, which has lost as much as a whole batch"},
    "LA401": {"losses-not-captured": 'no mean called "loss" was updated in training'},
    "LA402": {"audit-failed": "an error inside the audit"},
    "LA403": {
        "replicas-of-unequal-rows-counted-alike": "the mean over rows was logged, and the mean over replicas minimised"
    },
    "LA404": {
        "loss-averaged-wrongly": "more of the difference remains than rounding explains",
        "gap-not-measured": "the data cannot be read again, or the way of training cannot be repeated",
    },
    "LA407": {"epoch-loss-dropped-by-update-freq": "just those epochs are missing that `update_freq` does not divide"},
    "LA411": {
        "logs-changed": "numbers of the logs were changed or removed by a hook",
        "logs-extended": "a hook added keys to the logs",
    },
    "LA412": {"training-disturbed": "a logged number, the weights or another state is not that of the training alone"},
    "LA413": {"budget-exceeded": "the hooks of a batch take longer than the callback was granted"},
    "LA414": {
        "weights-never-updated": "the weights are those from before the training",
        "called-without-training": "the model was never called with `training=True`",
        "regularizers-left-out": "the weights are those of a loss without its regularizers",
        "steps-missing": "the model was called with `training=True` for fewer steps than `fit` takes",
        "steps-repeated": "the model was called with `training=True` for more steps than `fit` takes",
    },
    "LA415": {"hooks-unlike-fit": "a hook is missing, comes at another place, or has other arguments than `fit` gives"},
    "LA501": {
        "running-mean-read-as-batch-loss": "the batch values are the mean of the epoch so far",
        "last-batch-shown-as-epoch": "the value of the epoch is the loss of its last batch",
    },
    "LA502": {
        "short-last-batch-counted-as-full": "the value of the epoch is the unweighted mean of its batch values",
        "batch-loss-read-as-running-mean": "what is called a running mean are losses of batches",
    },
    "LA503": {
        "epochs-dropped-by-update-freq": "just those epochs are there that `update_freq` divides",
        "epochs-missing": "epochs are missing between others, at regular or irregular places",
    },
    "LA504": {
        "steps-restarted": "the steps begin anew: another run, or another `fit`, in the same log",
        "steps-repeated-after-resume": "some steps were trained again, with other values",
        "steps-out-of-order": "no step stands there twice, but they are not in order",
        "log-appended-twice": "the same numbers stand there twice",
    },
    "LA505": {
        "two-runs-in-one-log": "the epochs begin anew, with other values",
        "epochs-repeated-after-resume": "some epochs were trained again, with other values",
        "epochs-out-of-order": "no epoch stands there twice, but they are not in order",
        "log-appended-twice": "the same numbers stand there twice",
    },
    "LA506": {"validation-is-train": "all numbers of the validation are those of the training"},
    "LA507": {
        "parts-logged-times-their-weights": "the total is the plain sum of the parts, although they have weights",
        "total-is-not-the-sum-of-its-parts": "parts and total are not means over the same rows, or of the same losses",
    },
    "LA508": {"sum-stalled-at-power-of-two": "a sum that grew stands still at a power of two"},
    "LA509": {"log-read-through-a-sampler": "there are just as many numbers as a known reader keeps"},
    "LA510": {
        "nan-dropped-from-mean": "a mean is finite although one of its batches is NaN",
        "nan-between-numbers": "NaN stands in a block, with numbers before and after it",
    },
    "LA511": {
        "steps-not-counted": "all numbers stand at one step",
        "several-numbers-at-one-step": "some numbers stand at the step of the number before",
    },
    "LA512": {"phantom-batch-counted": "one step is skipped after the batches of every epoch"},
}
"""What a check finds itself, without a prediction, by its rule."""


@dataclass(frozen=True)
class Mistake:
    """What can be behind a finding of a rule.

    Args:
        name: what findings carry as their cause.
        explanation: what the numbers are instead, or what happened.
        remedy: what to do; empty where only the finding says it.
        seen: the versions of Keras that do it by themselves; empty where it is the program's own mistake.
        threads: where that is discussed in public, such as `"keras-team/keras#19363"`.
    """

    name: str
    explanation: str
    remedy: str = ""
    seen: str = ""
    threads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """A rule with all that can break it, and how to put it right."""

    rule: Rule
    mistakes: tuple[Mistake, ...] = ()
    correction: Correction | None = None

    def __str__(self) -> str:
        parts = [f"{self.rule.code} {self.rule.name} ({self.rule.severity})", self.rule.expects, self.rule.why]
        if self.correction:
            parts += [textwrap.fill(SETTINGS[self.correction.setting], 100, **_WHOLE)]
            parts += [f"{name}:\n\n{textwrap.indent(code, '    ')}" for name, code in programs(self.correction)]
        if self.mistakes:
            parts += ["Causes:", *map(_listed, self.mistakes)]
        return "\n\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """The explanation as JSON values."""
        correction = {name.lower(): code for name, code in programs(self.correction)} if self.correction else {}
        return {**vars(self.rule), "causes": [vars(one) for one in self.mistakes], **correction}


def explained(code: str) -> Explanation:
    """All that is known of a rule.

    >>> explained("LA202").mistakes[0].name
    'batches-missing'
    """
    return Explanation(RULES[code], tuple(_mistakes(code)), CORRECTIONS.get(code))


def programs(correction: Correction) -> tuple[tuple[str, str], tuple[str, str]]:
    """The two programs, each with its heading."""
    return ("Wrong", correction.wrong), ("Right", correction.right)


def _mistakes(code: str) -> Iterator[Mistake]:
    """What a rule's own check names, what a recomputation names, and what Keras does by itself."""
    for name, explanation in _NAMED.get(code, {}).items():
        yield Mistake(name, f"{explanation[0].upper()}{explanation[1:]}.")
    for cause in sorted(CAUSES.values(), key=lambda one: _STAGES.index(one.stage)):
        if code in {rule_broken_by(cause, covers).code for covers in cause.covers}:
            yield Mistake(cause.name, f"It is {_in_general(cause.explanation)}", _in_general(cause.remedy))
    for defect in DEFECTS.values():
        if code in {VALUE_RULES[covers].code for covers in defect.breaks} or defect.name in _ELSEWHERE.get(code, ()):
            yield _of_keras(defect)


def _in_general(text: str) -> str:
    """An explanation or a remedy with words in the place of the numbers of a log."""
    return re.sub(r"\{(\w+)(!r)?\}", lambda found: f"{WORDS[found[1]]!r}" if found[2] else WORDS[found[1]], text)


def _of_keras(defect: Defect) -> Mistake:
    seen = f"Keras {defect.seen[0]} to {defect.seen[1]}"
    threads = tuple(defect.thread.split(", ")) if defect.thread else ()
    return Mistake(defect.name, f"It is {defect.explanation}", defect.remedy, seen, threads)


def _listed(mistake: Mistake) -> str:
    """A mistake for the terminal."""
    told = f" Remedy: {mistake.remedy}" if mistake.remedy else ""
    threads = f" ({', '.join(mistake.threads)})" if mistake.threads else ""
    seen = f" Seen in {mistake.seen}{threads}." if mistake.seen else ""
    return f"  {mistake.name}\n" + textwrap.fill(f"{mistake.explanation}{seen}{told}", 100, **_INDENTED)


_WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
_INDENTED = {"initial_indent": "    ", "subsequent_indent": "    ", **_WHOLE}
