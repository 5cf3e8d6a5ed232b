"""The outcome of each fact in each version of Keras, as docs/keras-facts.md and for the README.

`python -m tests.testing.keras_facts.facts` prints docs/keras-facts.md, and with the argument
`readme` the table of the README.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from lossaudit.testing.keras_facts import FACTS, MODULES, Fact, Known
from lossaudit.testing.keras_facts.fact import shown

VERSIONS = ("3.1.1", "3.6.0", "3.8.0", "3.11.3", "3.14.1", "3.15.1")
_ALL, _TO_3_14, _TO_3_6, _FIRST = VERSIONS, VERSIONS[:5], VERSIONS[:2], VERSIONS[:1]

KNOWN_DEFECTS = {
    # Batches count alike until 3.2.
    **dict.fromkeys(
        [
            "batch-end-loss",
            "next-epoch-begins-anew",
            "epoch-end-loss",
            "history-loss",
            "history-val-loss",
            "test-batch-end-loss",
            "evaluate-loss",
            "evaluate-begins-anew",
            "validation-shares-the-mean",
            "float32-mean",
            "regularisers-are-in-both-losses",
            "loss-of-weighted-outputs",
            "sample-weights",
            "class-weights-only-in-training",
            "masks",
            "reduction-sum",
            "mixed-precision",
            "gradient-accumulation",
            "tensorboard-batch-loss",
            "tensorboard-epoch-loss",
            "tensorboard-validation-loss",
            "csv-loss",
        ],
        _FIRST,
    ),
    "steps-per-epoch-goes-on": _FIRST,
    **dict.fromkeys(["add-loss-is-summed", "gradient-accumulation-steps"], _FIRST),
    "type-of-train-on-batch": VERSIONS[:4],
    **dict.fromkeys(
        ["train-on-batch-loss", "test-on-batch-loss", "on-batch-after-evaluate"], _TO_3_14
    ),
    **dict.fromkeys(
        ["evaluate-in-a-batch-callback", "metric-named-loss", "losses-of-outputs"], _ALL
    ),
    "losses-of-outputs-eagerly": _TO_3_6,
    **dict.fromkeys(["raw-loss-of-an-epoch", "raw-loss-with-other-keys"], _ALL),
    **dict.fromkeys(
        ["end-of-an-execution", "steps-of-executions", "hooks-of-data-of-unknown-length"], _ALL
    ),
    **dict.fromkeys(
        ["loss-at-the-end-of-an-execution", "epoch-of-executions", "tensorboard-batch-steps"],
        _TO_3_6,
    ),
    "tensorboard-update-freq": _TO_3_14,
    "progress-bar-loss": _TO_3_14,
    "progress-bar-epoch-loss": VERSIONS[:3],
    "tensorboard-update-freq-of-epochs": ("3.15.1",),
    "replicas-batch-loss": ("3.1.1", "3.8.0"),
    # In 3.1 to 3.6 an epoch is right only if the replicas have equal losses.
    "replicas-epoch-loss": ("3.1.1", "3.6.0", "3.8.0"),
    "replicas-of-unequal-rows-batch-loss": _ALL,
    "replicas-reduction-none": _ALL,
    "replicas-reduction-sum": ("3.1.1", "3.6.0", "3.8.0"),
}
"""The tried versions in which a fact is a known defect on TensorFlow; in the others it holds."""

_TITLES = ("Means", "Contents", "Your own `train_step`", "Hooks", "Writers", "Two replicas")
_HEAD = """# What Keras logs

Does your Keras log the truth? `lossaudit verify` trains small models with the installed Keras,
TensorFlow and back end, and compares the logged numbers with a loop in plain Python. It takes
about a minute. The same facts run as tests:

```sh
pytest --pyargs lossaudit.testing.keras_facts
```

There, a known defect of the installed version is an expected failure.
`lossaudit verify --format json` is for programs. The exit status is 0 if every fact holds or is a
known defect, 1 if one differs, 2 if Keras cannot be imported. A fact about another back end, or
one that needs a package that is not installed, is skipped with the reason.

Unless a fact says otherwise, ten rows in batches of 4, 4 and 2 have the true losses 1, 2 and 9.
Their mean over the rows is 3.0; the unweighted mean of the batches is 4.0. The tables show Keras
on TensorFlow 2.21; a dot is the expected value. Every version was run.
`python -m tests.testing.keras_facts.facts` prints this page.
"""


def table(facts: list[Fact]) -> str:
    """Return a table of facts, expected values, and what each version logs instead."""
    lines = [f"| fact | expected | {' | '.join(VERSIONS)} |", f"|---|---|{'---|' * len(VERSIONS)}"]
    for one in facts:
        known = [one.known_of(version, "tensorflow") for version in VERSIONS]
        cells = ["·" if other is None else shown(other.seen) for other in known]
        lines.append(f"| {one.sentence} | {shown(one.expected)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def reasons() -> str:
    """Return every reason once, with its facts and public discussions."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in FACTS.values():
        for known in one.known:
            names = found.setdefault((known.why(), _linked(known)), [])
            names += [one.name] * (one.name not in names)
    return "\n".join(
        f"- {', '.join(f'`{name}`' for name in names)}: {why} {where}"
        for (why, where), names in found.items()
    )


def page() -> str:
    """Return the page docs/keras-facts.md."""
    parts = [_HEAD]
    for title, module in zip(_TITLES, MODULES, strict=True):
        facts = [one for one in FACTS.values() if one.see.__module__ == module.__name__]
        parts.append(f"## {title}\n\n{table(facts)}\n")
    return "\n".join([*parts, f"## Why\n\n{reasons()}\n"])


def _whole(seen: Any) -> Any:
    return seen


def _first(seen: Any) -> Any:
    return seen[0]


PERIODS = {
    "3.0, 3.1": _FIRST,
    "3.2 to 3.10": VERSIONS[1:3],
    "3.11 to 3.14": VERSIONS[3:5],
    "3.15": VERSIONS[5:],
}
"""The periods of the README's table, in which no number changes, with their tried versions."""

WHICH_LOSS: tuple[tuple[str, str, str, Callable[[Any], Any]], ...] = (
    (
        '`logs["loss"]` in `on_train_batch_end`',
        "mean of the epoch so far",
        "batch-end-loss",
        _whole,
    ),
    ('`logs["loss"]` in `on_epoch_end`', "mean of the epoch", "epoch-end-loss", _first),
    ('`History.history["loss"]`', "mean of the epoch", "history-loss", _first),
    ("column `loss` of `CSVLogger`", "mean of the epoch", "csv-loss", _first),
    ("`evaluate`", "mean of the data", "evaluate-loss", _whole),
    ("`train_on_batch`", "loss of the batch", "train-on-batch-loss", _whole),
    (
        "`train_on_batch` after `evaluate`",
        "loss of the batch",
        "on-batch-after-evaluate",
        lambda seen: seen[:3],
    ),
    (
        "TensorBoard `epoch_loss`",
        "mean of the epoch",
        "tensorboard-epoch-loss",
        lambda seen: seen[0][1],
    ),
    (
        "TensorBoard `batch_loss`",
        "mean of the epoch so far",
        "tensorboard-batch-loss",
        lambda seen: seen[:3],
    ),
    ("progress bar, after a batch", "mean of the epoch so far", "progress-bar-loss", _whole),
    ("progress bar, at the end", "mean of the epoch", "progress-bar-epoch-loss", _whole),
)
"""Place of a loss, its meaning in the newest Keras, its fact, and how to get the first epoch."""


def which_loss() -> str:
    """Return the table of the README: the loss at each place, by version.

    Raises:
        ValueError: the tried versions of a period log different numbers.
    """
    lines = [
        f"| number | is, since 3.15 | {' | '.join(PERIODS)} |",
        f"|---|---|{'---|' * len(PERIODS)}",
    ]
    for where, what, name, first_epoch in WHICH_LOSS:
        cells = [_seen_in(FACTS[name], versions, first_epoch) for versions in PERIODS.values()]
        lines.append(f"| {where} | {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _seen_in(one: Fact, versions: tuple[str, ...], first_epoch: Callable[[Any], Any]) -> str:
    known = [one.known_of(version, "tensorflow") for version in versions]
    cells = {
        shown(first_epoch(one.expected if other is None else other.seen)).strip("[]")
        for other in known
    }
    (cell,) = cells
    return cell


def _linked(known: Known) -> str:
    """Return the public discussions as links."""
    links = []
    for thread in known.where().split(", "):
        repository, number = thread.split("#") if "#" in thread else (thread, "")
        links.append(
            f"[{thread}](https://github.com/{repository}/issues/{number})" if number else thread
        )
    return f"({', '.join(links)})"


if __name__ == "__main__":
    sys.stdout.write(which_loss() + "\n" if sys.argv[1:] == ["readme"] else page())
