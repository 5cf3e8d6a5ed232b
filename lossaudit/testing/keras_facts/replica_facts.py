"""Facts about two replicas.

They train in a separate process, because devices must be configured before TensorFlow starts:
`python -m lossaudit.testing.keras_facts.replica_facts` prints their logs as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

from lossaudit.testing.keras_facts.fact import Known, fact
from lossaudit.testing.keras_facts.true_losses import (
    ALIKE_SO_FAR,
    LOSSES,
    MEAN,
    ROWS,
    SO_FAR,
    batches,
    losses,
    older_multiplied,
    so_far,
)

NAMES = (
    "on_replicas",
    "on_replicas_with_an_odd_row",
    "on_replicas_unreduced",
    "on_replicas_summed",
)


@cache
def begun() -> subprocess.Popen[str]:
    """Start the process that trains them, once; the caller need not wait for it."""
    program = [sys.executable, "-m", __name__]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@cache
def _played() -> dict[str, Any]:
    """Wait for the process; return the logs of each scenario on replicas."""
    output, errors = begun().communicate()
    if begun().returncode:
        raise RuntimeError(f"training on two replicas failed: {errors.strip()[-300:]}")
    # Libraries may print before the last line.
    logs: dict[str, Any] = json.loads(output.splitlines()[-1])
    return logs


_FIRST = [batch[: -(-len(batch) // 2)] for batch in batches()]
"""The rows of the first replica, which gets the larger half of an odd batch."""
_FIRST_LOSSES, _FIRST_ROWS = [losses(one)[0] for one in _FIRST], [len(one) for one in _FIRST]
_FIRST_SUMS = [float(sum(one)) for one in _FIRST]
_SUMS = [float(sum(one)) for one in batches()]
_ONES, _NAN = [1] * 3, float("nan")
# Nine rows: the last batch has one row, of loss 8, which only the first replica gets.
_UNEVEN = so_far([*LOSSES[:2], 8.0], [4, 4, 1])
_DOUBLED = ("3.7.0", "3.9.2")


def _epochs(value: float) -> list[float]:
    return [value] * 2


def _of_first(values: list[float]) -> tuple[Known, Known]:
    """Return the mean of the first replica alone; before 3.2 it counts batches alike."""
    defect = "first-replica-shown-as-epoch"
    return (
        Known(("3.0.0", "3.1.1"), _epochs(so_far(values, _ONES)[-1]), defect=defect),
        Known(("3.2.0", "3.6.0"), _epochs(so_far(values, _FIRST_ROWS)[-1]), defect=defect),
    )


def _doubled(values: list[float], rows: list[int]) -> list[float]:
    return older_multiplied(values, rows, 2)


@fact(
    "On two replicas, the loss after a batch is the mean over the rows of both.",
    SO_FAR,
    Known(
        ("3.0.0", "3.1.1"),
        [2 * one for one in ALIKE_SO_FAR],
        defect="replicas-summed-in-batch-logs",
    ),
    Known(("3.2.0", "3.2.1"), [2 * one for one in SO_FAR], defect="replicas-summed-in-batch-logs"),
    Known(_DOUBLED, _doubled(LOSSES, ROWS), defect="older-batches-multiplied-by-replicas"),
    backend="tensorflow",
)
def replicas_batch_loss() -> Any:
    return _played()["on_replicas"]["batches"][:3]


@fact(
    "On two replicas, the loss of an epoch is the mean over the rows of both.",
    _epochs(MEAN),
    *_of_first(_FIRST_LOSSES),
    Known(
        _DOUBLED,
        _epochs(_doubled(LOSSES, ROWS)[-1]),
        defect="older-batches-multiplied-by-replicas",
    ),
    backend="tensorflow",
)
def replicas_epoch_loss() -> Any:
    return _played()["on_replicas"]["loss"]


@fact(
    "On two replicas with unequal numbers of rows, the loss after a batch is the mean over the "
    "rows of both.",
    _UNEVEN,
    Known(("3.0.0", "3.2.1"), [2.0, 3.0, _NAN], defect="replicas-summed-in-batch-logs"),
    Known(("3.3.0", "3.6.0"), [1.0, 1.5, _NAN], defect="replicas-counted-alike-in-batch-logs"),
    Known(
        _DOUBLED,
        _doubled([1.0, 2.0, 8.0], [4, 4, 1]),
        defect="older-batches-multiplied-by-replicas",
    ),
    Known(
        ("3.10.0", None),
        [1.0, 1.5, (2.4 + 2.0) / 2],
        defect="replicas-counted-alike-in-batch-logs",
    ),
    backend="tensorflow",
)
def replicas_of_unequal_rows_batch_loss() -> Any:
    return _played()["on_replicas_with_an_odd_row"]["batches"][:3]


@fact(
    "On two replicas, an unreduced loss is logged as the mean over the rows of both.",
    _epochs(MEAN),
    Known(
        ("3.0.0", "3.6.0"),
        _epochs(so_far(_FIRST_LOSSES, _FIRST_ROWS)[-1]),
        defect="first-replica-shown-as-epoch",
    ),
    Known(
        _DOUBLED,
        _epochs(2 * _doubled(LOSSES, ROWS)[-1]),
        defect="older-batches-multiplied-by-replicas",
    ),
    Known(("3.10.0", None), _epochs(2 * MEAN), defect="unreduced-loss-multiplied-by-replicas"),
    backend="tensorflow",
)
def replicas_reduction_none() -> Any:
    return _played()["on_replicas_unreduced"]["loss"]


@fact(
    "On two replicas, batch sums are sums over the rows of both, and are averaged weighted by "
    "rows.",
    _epochs(so_far(_SUMS, ROWS)[-1]),
    *_of_first(_FIRST_SUMS),
    Known(
        _DOUBLED, _epochs(_doubled(_SUMS, ROWS)[-1]), defect="older-batches-multiplied-by-replicas"
    ),
    backend="tensorflow",
)
def replicas_reduction_sum() -> Any:
    return _played()["on_replicas_summed"]["loss"]


def main() -> None:
    """Run the scenarios on replicas, and print their logs as JSON."""
    from lossaudit.testing.scenarios import SCENARIOS, use_two_replicas

    use_two_replicas()
    print(json.dumps({name: SCENARIOS[name](None) for name in NAMES}))


if __name__ == "__main__":
    main()
