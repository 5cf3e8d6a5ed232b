"""What each version of Keras makes of each fact, and the page that says so.

`python -m tests.keras.facts` prints docs/keras-facts.md.
"""

from __future__ import annotations

import sys

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
    **dict.fromkeys(["train-on-batch-loss", "test-on-batch-loss", "on-batch-after-evaluate"], _TO_3_14),
    **dict.fromkeys(["evaluate-in-a-batch-callback", "metric-named-loss", "losses-of-outputs"], _ALL),
    "losses-of-outputs-eagerly": _TO_3_6,
    **dict.fromkeys(["raw-loss-of-an-epoch", "raw-loss-beside-other-keys"], _ALL),
    **dict.fromkeys(["end-of-an-execution", "steps-of-executions", "hooks-of-data-of-unknown-length"], _ALL),
    **dict.fromkeys(["loss-at-the-end-of-an-execution", "epoch-of-executions", "tensorboard-batch-steps"], _TO_3_6),
    "tensorboard-update-freq": _TO_3_14,
    "tensorboard-update-freq-of-epochs": ("3.15.1",),
    "replicas-batch-loss": ("3.1.1", "3.8.0"),
    # The table of facts said that epochs were right in 3.1 to 3.6. They are where the replicas have equal losses.
    "replicas-epoch-loss": ("3.1.1", "3.6.0", "3.8.0"),
    "replicas-of-unequal-rows-batch-loss": _ALL,
    "replicas-reduction-none": _ALL,
    "replicas-reduction-sum": ("3.1.1", "3.6.0", "3.8.0"),
}
"""The versions in which a fact is a known defect on TensorFlow, of those that are tried; in the others it holds."""

_TITLES = ("Means", "Contents", "A `train_step` of one's own", "Hooks", "Writers", "Two replicas")
_HEAD = """# What Keras logs

Is your Keras telling the truth? `lossaudit verify` trains a small model in many ways with the Keras, TensorFlow and
back end that are installed, looks at what is logged, and compares it with a loop in plain Python. It takes about a
minute. So does

```sh
pytest --pyargs lossaudit.testing.keras_facts
```

in which a known defect of the installed version is an expected failure. `lossaudit verify --format json` is for
programs. The exit status is 0 if nothing unknown differs, 1 if something does, 2 if Keras cannot be imported. A fact
that is about another back end, or needs a package that is not installed, is skipped, and the table says so.

Unless a fact says otherwise, ten rows in batches of 4, 4 and 2 have the true losses 1, 2 and 9: their mean is 3.0, and
counting batches alike gives 4.0. The tables are of Keras on TensorFlow 2.21, and are printed by
`python -m tests.keras.facts`; a dot stands for what is expected. Each version was tried.
"""


def table(facts: list[Fact]) -> str:
    """Facts, what is expected, and what each version logs instead."""
    lines = [f"| fact | expected | {' | '.join(VERSIONS)} |", f"|---|---|{'---|' * len(VERSIONS)}"]
    for one in facts:
        known = [one.known_of(version, "tensorflow") for version in VERSIONS]
        cells = ["·" if other is None else shown(other.seen) for other in known]
        lines.append(f"| {one.sentence} | {shown(one.expected)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def reasons() -> str:
    """Every reason, with its facts and its thread, each once."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in FACTS.values():
        for known in one.known:
            names = found.setdefault((known.why(), _linked(known)), [])
            names += [one.name] * (one.name not in names)
    return "\n".join(
        f"- {', '.join(f'`{name}`' for name in names)}: {why} {where}" for (why, where), names in found.items()
    )


def page() -> str:
    """The page."""
    parts = [_HEAD]
    for title, module in zip(_TITLES, MODULES, strict=True):
        facts = [one for one in FACTS.values() if one.see.__module__ == module.__name__]
        parts.append(f"## {title}\n\n{table(facts)}\n")
    return "\n".join([*parts, f"## Why\n\n{reasons()}\n"])


def _linked(known: Known) -> str:
    """The threads as links."""
    links = []
    for thread in known.where().split(", "):
        repository, number = thread.split("#") if "#" in thread else (thread, "")
        links.append(f"[{thread}](https://github.com/{repository}/issues/{number})" if number else thread)
    return f"({', '.join(links)})"


if __name__ == "__main__":
    sys.stdout.write(page())
