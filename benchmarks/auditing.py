"""How long an audit takes: a run file of many batches with ten right and wrong logs.

python -m benchmarks.auditing [--batches N] [--epochs N]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import lossaudit
from lossaudit import Recording, Series
from lossaudit.arithmetic.replay import replay_keras_mean


def recorded(batches: int, epochs: int, rows: int = 32, last: int = 17) -> Recording:
    """Return a run of float32 losses; the last batch of each epoch is short."""
    losses = np.random.default_rng(0).lognormal(-1, 0.5, batches).astype(np.float32)
    weights = np.full(batches, float(rows))
    weights[batches // epochs - 1 :: batches // epochs] = last
    epoch = np.repeat(np.arange(epochs), batches // epochs)
    return Recording([Series(losses, weights=weights, epochs=epoch, steps=range(batches))])


def logs(run: Recording, epochs: int) -> dict[str, Series]:
    """Return ten logs: of Keras, of callbacks and loops, and with five mistakes."""
    train = run.find()
    assert train.weights is not None
    parts = [part.reshape(epochs, -1) for part in (train.values, train.weights)]
    running = np.concatenate(
        [replay_keras_mean(*epoch).mean for epoch in zip(*parts, strict=True)]
    )
    ends = np.arange(1, epochs + 1) * (len(train) // epochs) - 1
    return {
        "History": Series(running[ends], covers="epoch"),
        "loop over rows": Series(np.average(parts[0], axis=1, weights=parts[1]), covers="epoch"),
        "batch losses": Series(train.values),
        "batch losses by step": Series(train.values, steps=train.steps),
        "progress bar": Series(running, covers="epoch_so_far"),
        "batch hook": Series(running),
        "one step late": Series(train.values, steps=np.arange(1, len(train) + 1)),
        "last batch": Series(train.values[ends], covers="epoch"),
        "sum": Series(parts[0].sum(axis=1), covers="epoch"),
        "scaled": Series(train.values / 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=10**6)
    parser.add_argument("--epochs", type=int, default=100)
    options = parser.parse_args()
    run = recorded(options.batches, options.epochs)
    claims = logs(run, options.epochs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.lossaudit")
        run.save(path)
        start = time.perf_counter()
        report = lossaudit.audit(lossaudit.read(path), claims)
        seconds = time.perf_counter() - start
    for judgement in report.verdicts:
        print(judgement)
    for finding in report.findings:
        print(finding.code, finding.origin, ", ".join(finding.causes))
    print(
        f"{options.batches} batches in {options.epochs} epochs, {len(claims)} logs, from the run "
        f"file: {seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
