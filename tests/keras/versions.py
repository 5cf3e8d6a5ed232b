"""What is found in each version of Keras: the table of the defects, and the program that tries it.

`PYTHONPATH=<another Keras> python -m tests.keras.versions` prints what is found, as JSON.
"""

from __future__ import annotations

import json
from typing import Any

from lossaudit import audit
from lossaudit.keras import LossAudit
from lossaudit.testing.scenarios import SCENARIOS, use_two_replicas

VERSIONS = ("3.1.1", "3.6.0", "3.8.0", "3.14.1", "3.15.1")
_FIRST, _OLDER = "LA101 first-replica-shown-as-epoch", "older-batches-multiplied-by-replicas"
_UNEVEN = "LA403 replicas-of-unequal-rows-counted-alike"
_SUMMED = "replicas-summed-in-batch-logs"
_SCALED = "loss-scaled-by-accumulation loss-scaled-by-replicas"
_ALIKE = [
    "LA101 batches-counted-alike",
    "LA103 batches-counted-alike short-last-batch-counted-as-full",
]


COMPARED = (
    "evaluate_in_a_batch_hook",
    "several_steps_per_execution",
    "on_replicas",
    "on_replicas_summed",
)
"""Scenarios that are played without a recorder, too, and must log the same."""


def _by_version(*findings: list[str]) -> dict[str, list[str]]:
    """What each version gives; the last one given holds for the versions after it."""
    return dict(
        zip(VERSIONS, [*findings, *[findings[-1]] * (len(VERSIONS) - len(findings))], strict=True)
    )


def _both(cause: str) -> list[str]:
    return [f"LA101 {cause}", f"LA103 {cause}"]


EXPECTED = {
    "plain_fit": _by_version(_ALIKE, []),
    "raw_train_step": _by_version(["LA101 untouched-tracker-shown-as-epoch"]),
    "raw_train_step_with_more_keys": _by_version(
        ["LA101 untouched-tracker-shown-as-epoch"], ["LA101 last-step-shown-as-epoch"]
    ),
    "raw_train_step_with_its_own_loss": _by_version(["LA401 untouched-tracker-shown-as-epoch"]),
    "two_outputs": _by_version(_ALIKE, ["LA406 output-losses-counted-alike"]),
    "evaluate_in_a_batch_hook": _by_version(_both("mean-overwritten-by-evaluate")),
    "evaluate_after_the_last_batch": _by_version(["LA101 mean-overwritten-by-evaluate"]),
    "metric_named_loss": _by_version(_both("total-replaced-by-metric")),
    "several_steps_per_execution": _by_version(*[["LA101 phantom-batch-counted"]] * 2, []),
    "unreduced_loss": _by_version([]),
    "on_replicas": _by_version(
        [
            _FIRST,
            f"LA103 {_SUMMED} short-last-batch-counted-as-full {_SCALED} state-reset-within-epoch",
        ],
        [_FIRST],
        _both(_OLDER),
        [],
    ),
    "on_replicas_with_an_odd_row": _by_version(
        [_FIRST, f"LA103 {_SUMMED} {_SCALED}"],
        [_FIRST, "LA103 replicas-counted-alike-in-batch-logs"],
        [*_both(_OLDER), _UNEVEN],
        ["LA103 replicas-counted-alike-in-batch-logs", _UNEVEN],
    ),
    "on_replicas_unreduced": _by_version(
        [_FIRST, f"LA103 {_SUMMED} {_SCALED}"],
        [_FIRST],
        _both(_OLDER),
        [
            "LA101 unreduced-loss-multiplied-by-replicas",
            f"LA103 unreduced-loss-multiplied-by-replicas {_SCALED}",
        ],
    ),
    "on_replicas_summed": _by_version(
        [_FIRST, f"LA103 batches-counted-alike {_SUMMED} short-last-batch-counted-as-full"],
        [_FIRST, f"LA103 replica-sums-averaged-in-batch-logs {_SCALED}"],
        _both(_OLDER),
        [],
    ),
    "on_replicas_for_long": _by_version(*[[_FIRST]] * 2, [f"LA101 {_OLDER}"], []),
    "tensorboard_every_second_batch": _by_version(
        ["LA101 batches-counted-alike"], *[[]] * 3, ["LA407 epoch-loss-dropped-by-update-freq"]
    ),
}
"""Code and causes of the findings of each scenario, by version; "LA1xx" of History, "LA103" of
what a callback got.
"""


def found_in(name: str, recorder: Any) -> list[str]:
    """Code and causes of every finding of a scenario, sorted, each once."""
    logs = SCENARIOS[name](recorder)
    event_file = logs.get("event_file")
    report = recorder.report if event_file is None else audit(recorder.recording, event_file)
    return sorted(
        {
            " ".join([one.code, *(one.causes or filter(None, [one.cause]))])
            for one in report.findings
        }
    )


def main() -> None:
    """Try every scenario."""
    import keras

    use_two_replicas()
    found = {name: found_in(name, LossAudit("ignore")) for name in SCENARIOS}
    changed = [
        name for name in COMPARED if SCENARIOS[name](LossAudit("ignore")) != SCENARIOS[name](None)
    ]
    print(json.dumps({"keras": keras.__version__, "found": found, "changed": changed}))


if __name__ == "__main__":
    main()
