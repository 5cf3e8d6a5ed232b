"""Subject: the tested program with its claims. Check: one expectation of a subject."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from lossaudit.recording.names import Covers
from lossaudit.rules.rule import Rule

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Kind = Literal["callback", "accumulator", "loop"]
NanPolicy = Literal["propagate", "ignore", "raise"]
Reduction = Literal["weighted_mean", "mean", "sum"]


# Compared and hashed by identity, because caches of the suites are keyed by the subject.
@dataclass(frozen=True, eq=False)
class Subject:
    """A callback, an accumulator or a loop, with its claims.

    Args:
        factory: makes a new callback or accumulator; or the loop itself, `loop(model, data,
            epochs)`, which returns the losses it reports, and accepts `callbacks=` if it calls
            any.
        kind: `"callback"`, `"accumulator"` or `"loop"`.
        read: takes the callback, or the return value of the loop, and returns the recorded
            numbers: a list, a Series, a Recording, or a mapping like `History.history`.
        covers: what each number covers: a `"batch"`, the `"epoch_so_far"`, or an `"epoch"`;
            None if `read` returns Series, which say so themselves.
        xfail: names of checks that are known to fail, each with its reason.
        budget: seconds that the hooks of a callback may take for each batch.
        adds: keys that a callback adds to the logs on purpose.
        holds: the result of an accumulator: the `"weighted_mean"`, the `"mean"` of its updates,
            or the weighted `"sum"`; None means the weighted mean, or the mean if its update
            accepts no weight.
        nan: how an accumulator treats NaN and infinities: `"propagate"`, `"ignore"` or
            `"raise"`.
        dtype: the float type whose accuracy an accumulator claims.
        update: name of the method that adds a value with its weight.
        result: name of the method or attribute that gives the result.
        reset: name of the method that resets the accumulator.
        merge: name of the method that merges another accumulator into this one.
        state: names of the methods that save and restore the state; None tries the usual names,
            then pickle.

    Raises:
        ValueError: an argument is not one of the allowed names, or `covers` is given without
            `read`.
        TypeError: `factory` is not callable.
    """

    factory: Callable[..., Any]
    kind: Kind = field(kw_only=True)
    read: Callable[[Any], Any] | None = field(default=None, kw_only=True)
    covers: Covers | None = field(default=None, kw_only=True)
    xfail: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    budget: float | None = field(default=None, kw_only=True)
    adds: tuple[str, ...] = field(default=(), kw_only=True)
    holds: Reduction | None = field(default=None, kw_only=True)
    nan: NanPolicy = field(default="propagate", kw_only=True)
    dtype: str = field(default="float32", kw_only=True)
    update: str = field(default="update_state", kw_only=True)
    result: str = field(default="result", kw_only=True)
    reset: str = field(default="reset_state", kw_only=True)
    merge: str = field(default="merge_state", kw_only=True)
    state: tuple[str, str] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not callable(self.factory):
            raise TypeError(f"factory={self.factory!r:.80} must be callable")
        for name, allowed in (
            ("kind", Kind),
            ("nan", NanPolicy),
            ("covers", Covers),
            ("holds", Reduction),
        ):
            value, names = getattr(self, name), get_args(allowed)
            if value not in names and not (value is None and name in ("covers", "holds")):
                raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, names))}")
        if self.kind == "callback" and self.covers is not None and self.read is None:
            raise ValueError(
                f"covers={self.covers!r} needs read=, a function that returns the numbers of the "
                "callback"
            )

    @property
    def name(self) -> str:
        """The name of the factory."""
        return str(getattr(self.factory, "__name__", type(self.factory).__name__))


@dataclass(frozen=True, eq=False)
class Check:
    """One expectation of a subject.

    Args:
        name: the name of the test.
        code: code of the rule that it checks; a function of the subject if the code depends on
            its claims.
        expects: the expectation as a sentence.
        judge: takes the subject and the drawn example; raises Violation if the expectation is
            broken.
        draws: makes the Hypothesis strategy of the examples; None if the check needs none.
        lacks: returns why a subject cannot be checked; None if it can.
        examples: how many examples are tried.
    """

    name: str
    code: str | Callable[[Subject], str]
    expects: str
    judge: Callable[..., None]
    draws: Callable[[], SearchStrategy[Any]] | None
    lacks: Callable[[Subject], str | None] = lambda subject: None
    examples: int = 10

    @classmethod
    def by(
        cls,
        rule: Rule,
        name: str,
        judge: Callable[..., None],
        draws: Any,
        expects: str = "",
        **others: Any,
    ) -> Self:
        """Make a check of a rule; its expectation is that of the rule unless one is given."""
        return cls(name, rule.code, expects or rule.expects, judge, draws, **others)

    def code_for(self, subject: Subject) -> str:
        """The code of the rule that is checked."""
        return self.code if isinstance(self.code, str) else self.code(subject)


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function accepts an argument of this name."""
    parameters = inspect.signature(function).parameters.values()
    return any(one.name == name or one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
