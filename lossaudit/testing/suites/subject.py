"""Subject: what is tested, and what it claims; Check: one expectation of it."""

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
Held = Literal["weighted_mean", "mean", "sum"]


@dataclass(frozen=True, eq=False)
class Subject:
    """A callback, an accumulator or a loop, and what it claims.

    Args:
        factory: makes a new callback or accumulator; or the loop itself, `loop(model, data,
            epochs)`, which returns what it reports, and takes `callbacks=` if it calls any.
        kind: which of the three.
        read: of a callback, or of what a loop returns, the numbers that were recorded: a list, a
            Series, a Recording, or a mapping as `History.history` is.
        covers: what each number speaks of: a `"batch"`, the `"epoch_so_far"`, or an `"epoch"`;
            None where `read` gives Series that say so themselves.
        xfail: checks that are known to fail, with the reason of each.
        budget: seconds that the hooks of a callback may take for a batch.
        adds: keys that a callback adds to the logs on purpose.
        holds: what an accumulator holds: the `"weighted_mean"`, the `"mean"` of its updates, or
            the weighted `"sum"`; None for the weighted mean, or the mean where its update takes no
            weight.
        nan: what an accumulator makes of NaN and infinities: `"propagate"`, `"ignore"` or
            `"raise"`.
        dtype: the float type whose accuracy an accumulator claims.
        update: name of the method that adds a value and its weight.
        result: name of the method, or the attribute, that gives the result.
        reset: name of the method that forgets everything.
        merge: name of the method that adds what another accumulator holds.
        state: names of the methods that save and restore; None to look for usual ones, and to
            pickle.

    Raises:
        ValueError: a name is not one of those above, or `covers` is given without `read`.
        TypeError: `factory` cannot be called.
    """

    factory: Callable[..., Any]
    kind: Kind = field(kw_only=True)
    read: Callable[[Any], Any] | None = field(default=None, kw_only=True)
    covers: Covers | None = field(default=None, kw_only=True)
    xfail: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    budget: float | None = field(default=None, kw_only=True)
    adds: tuple[str, ...] = field(default=(), kw_only=True)
    holds: Held | None = field(default=None, kw_only=True)
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
            ("holds", Held),
        ):
            value, names = getattr(self, name), get_args(allowed)
            if value not in names and not (value is None and name in ("covers", "holds")):
                raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, names))}")
        if self.kind == "callback" and self.covers is not None and self.read is None:
            raise ValueError(
                f"covers={self.covers!r} needs read=, a function of the callback that gives its "
                "numbers"
            )

    @property
    def name(self) -> str:
        """What is tested, as its author calls it."""
        return str(getattr(self.factory, "__name__", type(self.factory).__name__))


@dataclass(frozen=True, eq=False)
class Check:
    """One expectation of a subject.

    Args:
        name: what is expected, as the name of a test.
        code: the rule that it holds the subject to; a function of the subject where that depends
            on its claim.
        expects: the expectation as a sentence.
        judge: raises Violation where the expectation is broken; given the subject and what was
            drawn.
        draws: makes the strategy of what is drawn; None where nothing is.
        lacks: why a subject cannot be held to it; None where it can.
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
        """A check by a rule, which expects what the rule does unless something else is said."""
        return cls(name, rule.code, expects or rule.expects, judge, draws, **others)

    def code_for(self, subject: Subject) -> str:
        """The rule that the subject is held to."""
        return self.code if isinstance(self.code, str) else self.code(subject)


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function takes an argument of this name."""
    parameters = inspect.signature(function).parameters.values()
    return any(one.name == name or one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
