"""How many planted mistakes are found and named, and how many correct logs are called wrong.

    python -m benchmarks.detection [--seeds N] [--clean N] [--simulated N]

Every fault of `lossaudit.testing.faults` is planted on every recorded Keras run that can have it.
A fault counts if it moves a logged number, or changes one beyond its bound: it must be found and
named. The clean runs log correct numbers in several correct ways: they must have no finding.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from lossaudit import Recording, Report, Series, audit
from lossaudit.arithmetic.replay import replay_keras_mean
from lossaudit.keras import LossRecorder
from lossaudit.report.progress import tracked
from lossaudit.testing.faults import FAULTS, Fault

Run = tuple[str, Recording]


def dense(frozen: bool = False, **compiled: Any) -> Any:
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)]
    )
    model.trainable = not frozen
    model.compile(keras.optimizers.SGD(0.02), "mse", **compiled)
    return model


def two_outputs() -> Any:
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(8, kernel_regularizer="l2")(inputs)
    model = keras.Model(inputs, {name: keras.layers.Dense(1, name=name)(hidden) for name in "ab"})
    model.compile(
        keras.optimizers.SGD(0.02), {"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 0.3}
    )
    return model


def masked() -> Any:
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Embedding(20, 4, mask_zero=True),
            keras.layers.Dense(1, activation="tanh"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.02), "mse")
    return model


def data(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = random.normal(size=(rows, 4)).astype(np.float32)
    return x, (x.sum(1, keepdims=True) + random.normal(size=(rows, 1))).astype(np.float32)


def recorded(model: Any, *arguments: Any, **training: Any) -> Recording:
    recorder = LossRecorder(components=True)
    model.fit(*arguments, verbose=0, callbacks=[recorder], **training)
    return recorder.recording


def plain(seed: int) -> Recording:
    random = np.random.default_rng(seed)
    size = int(random.integers(7, 40))
    x, y = data(random, size * int(random.integers(8, 14)) + int(random.integers(1, size)))
    held_out = data(random, size * 4 + int(random.integers(1, size)))
    return recorded(dense(), x, y, batch_size=size, epochs=4, validation_data=held_out)


def of_parts(seed: int) -> Recording:
    x, y = data(np.random.default_rng(seed), 331)
    return recorded(two_outputs(), x, {"a": y, "b": y}, batch_size=32, epochs=4)


def weighted(seed: int) -> Recording:
    random = np.random.default_rng(seed)
    x, y = data(random, 331)
    return recorded(
        dense(), x, y, sample_weight=random.uniform(0.1, 2, 331), batch_size=32, epochs=4
    )


def of_tokens(seed: int) -> Recording:
    random = np.random.default_rng(seed)
    x = random.integers(1, 20, size=(331, 6)) * (
        np.arange(6) < random.integers(2, 7, size=(331, 1))
    )
    return recorded(masked(), x, random.normal(size=(331, 6, 1)), batch_size=32, epochs=4)


def on_two_replicas(seed: int) -> Recording:
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = dense()
    x, y = data(np.random.default_rng(seed), 331)
    return recorded(model, x, y, batch_size=32, epochs=4)


def diverged(seed: int) -> Recording:
    random = np.random.default_rng(seed)
    x, y = data(random, 331)
    y[[40, 300], 0] = np.nan, np.inf
    # A model that trains would have NaN weights, and no finite loss, after the first NaN.
    model = dense(frozen=True)
    return recorded(model, x, y, batch_size=32, epochs=4)


def of_one_batch(seed: int) -> Recording:
    x, y = data(np.random.default_rng(seed), 64)
    return recorded(dense(), x, y, batch_size=64, epochs=9)


def of_unequal_epochs(seed: int) -> Recording:
    x, y = data(np.random.default_rng(seed), 331)
    # 14 batches: epochs of 10 and of the 4 that are left.
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(24)
    return recorded(dense(), batches, steps_per_epoch=10, epochs=4)


RUNS: dict[str, Callable[[int], Recording]] = {
    one.__name__: one
    for one in (
        plain,
        of_parts,
        weighted,
        of_tokens,
        on_two_replicas,
        diverged,
        of_one_batch,
        of_unequal_epochs,
    )
}


def planted(runs: list[Run]) -> Iterator[tuple[str, Fault, Recording, Series]]:
    for name, recording in runs:
        for fault in FAULTS.values():
            try:
                log = fault.plant(recording)
            # The run has too few batches for the mistake.
            except ZeroDivisionError:
                continue
            if log is not None and len(log) and _is_wrong(log, recording):
                yield name, fault, recording, log


def _is_wrong(log: Series, recording: Recording) -> bool:
    """Whether the mistake moved a number, or changed one beyond its bound."""
    from lossaudit.auditing.alignment import in_place
    from lossaudit.predictions.quantities import expected_of
    from lossaudit.predictions.truth import truth_about

    truth = truth_about(recording, "loss", log.split, "float32")
    expected = expected_of(truth, log.covers) if truth else None
    if expected is None:
        return False
    placed = next(in_place(log, expected), None)
    if placed is None or not placed.placed.all():
        return True
    return not expected.take(placed.rows).matches(log.values).all()


def verdict(fault: Fault, report: Report) -> str:
    """Classify the audit of a planted mistake."""
    named = {name for finding in report.findings for name in finding.causes}
    if report.ok:
        return "missed"
    if not named:
        return "undecidable" if report.status == 2 else "unexplained"
    if named == set(fault.causes):
        return "named alone"
    if set(fault.causes) <= named:
        return "named in a set"
    alone = all(len(finding.causes) == 1 for finding in report.findings)
    return "wrong name alone" if alone else "not in the set"


def measure(runs: list[Run]) -> tuple[Counter[str], dict[tuple[str, ...], Counter[str]]]:
    """Count the outcomes of all planted mistakes, and the names that each got."""
    outcomes: Counter[str] = Counter()
    confusion: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for name, fault, recording, log in tracked(list(planted(runs)), "planted mistakes"):
        report = audit(recording, log)
        outcome = verdict(fault, report)
        outcomes[outcome] += 1
        confusion[fault.causes].update(
            {one for finding in report.findings for one in finding.causes} or [outcome]
        )
        if not outcome.startswith("named"):
            print(
                f"{outcome}: {fault.name} on {name}: "
                f"{sorted({c for f in report.findings for c in f.causes})}"
            )
    return outcomes, confusion


SETUPS: list[dict[str, Any]] = [
    {},
    {"jit_compile": True},
    {"run_eagerly": True},
    {"steps_per_execution": 3},
]


def clean(number: int) -> Iterator[tuple[str, Report]]:
    """Audit correct logs of trainings with random schedules."""
    random = np.random.default_rng(0)
    models = [dense(**setup) for setup in SETUPS]
    for index in tracked(range(number), "clean runs"):
        which = int(random.choice([0, 0, 0, 1, 1, 2, 3]))
        size = int(random.integers(1, 30))
        x, y = data(random, int(random.integers(1, 8 * size + 1)))
        held_out = (
            data(random, int(random.integers(1, 3 * size + 1))) if random.random() < 0.5 else None
        )
        model, recorder = models[which], LossRecorder()
        scale = np.float32(10.0 ** random.integers(-3, 4))
        history = model.fit(
            x,
            y * scale if random.random() < 0.7 else np.zeros_like(y),
            batch_size=size,
            epochs=int(random.integers(1, 4)),
            validation_data=held_out,
            verbose=0,
            callbacks=[recorder],
        )
        yield (
            f"clean run {index}",
            audit(recorder.recording, logs_of(recorder.recording, history.history)),
        )


def simulated(number: int) -> Iterator[tuple[str, Report]]:
    """Audit correct logs of simulated runs: losses of any size and sign, any schedule."""
    random = np.random.default_rng(1)
    for index in tracked(range(number), "simulated runs"):
        size, epochs = int(random.integers(1, 65)), int(random.integers(1, 6))
        sizes = [size] * int(random.integers(1, 40)) + [int(random.integers(1, size + 1))]
        losses = random.lognormal(sigma=random.choice([0, 0.1, 1]), size=len(sizes) * epochs)
        losses = np.float32(losses * 10.0 ** random.integers(-4, 5) * random.choice([1, 1, 1, -1]))
        epoch = np.repeat(np.arange(epochs), len(sizes))
        run = Recording(
            [Series(losses, weights=sizes * epochs, epochs=epoch, steps=range(len(losses)))]
        )
        means = [replay_keras_mean(losses[epoch == e], sizes).mean[-1] for e in range(epochs)]
        logs = logs_of(run, {"loss": means})
        if random.random() < 0.3:
            logs = {"float64 batch_losses": Series(np.float64(losses), dtype="float64"), **logs}
        yield f"simulated run {index}", audit(run, logs)


def logs_of(recording: Recording, history: dict[str, list[float]]) -> dict[str, Any]:
    """Return the logs of Keras, and of correct loops in Python, numpy and single precision."""
    train = recording.find(tag="loss", split="train", covers="batch")
    assert train.weights is not None
    assert train.epochs is not None
    epochs = [
        (train.values[train.epochs == e], train.weights[train.epochs == e])
        for e in np.unique(train.epochs)
    ]
    single = [[np.float32(column) for column in epoch] for epoch in epochs]
    running = [np.cumsum(losses * rows) / np.cumsum(rows) for losses, rows in epochs]
    return {
        **history,
        "batch_losses": train.values,
        "batch losses by step": Series(train.values, steps=train.steps),
        "python epoch_loss": [
            sum(loss * n for loss, n in zip(*epoch, strict=True)) / sum(epoch[1])
            for epoch in epochs
        ],
        "numpy epoch_loss": [np.average(losses, weights=rows) for losses, rows in epochs],
        "single epoch_loss": [
            float(np.sum(losses * rows) / np.sum(rows)) for losses, rows in single
        ],
        "running mean": Series(np.concatenate(running), covers="epoch_so_far"),
        "printed epoch_loss": Series(
            [round(float(one[-1]), 4) for one in running], covers="epoch", decimals=4
        ),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="runs of each kind to plant mistakes on"
    )
    parser.add_argument(
        "--clean", type=int, default=1000, help="clean trainings, at least a second each"
    )
    parser.add_argument(
        "--simulated", type=int, default=1000, help="clean runs without a training"
    )
    return parser.parse_args()


def main() -> None:
    options = _options()
    # Two devices for the runs on two replicas; they must exist before TensorFlow first computes.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    runs = [
        (f"{name} {seed}", make(seed))
        for name, make in RUNS.items()
        for seed in range(options.seeds)
    ]
    outcomes, confusion = measure(runs)
    show(confusion)
    summarise(outcomes, len(runs))
    false_alarms("clean", clean(options.clean))
    false_alarms("simulated", simulated(options.simulated))


def summarise(outcomes: Counter[str], runs: int) -> None:
    """Print how many planted mistakes were found and named."""
    total = sum(outcomes.values())
    found = total - outcomes["missed"] - outcomes["undecidable"]
    named = outcomes["named alone"] + outcomes["named in a set"]
    causes = {name for fault in FAULTS.values() for name in fault.causes}
    print(f"{len(FAULTS)} faults of {len(causes)} causes, planted {total} times on {runs} runs")
    print(
        f"found {found} of {total} ({found / total:.1%}); "
        + ", ".join(f"{k} {n}" for k, n in outcomes.most_common())
    )
    print(
        f"named alone or in a stated set: {named / total:.1%}; only a wrong name: "
        f"{outcomes['wrong name alone']}"
    )


def false_alarms(kind: str, reports: Iterator[tuple[str, Report]]) -> None:
    """Print how many findings the correct logs got."""
    runs = wrong = undecided = claims = 0
    for name, report in reports:
        runs += 1
        claims += len(report.verdicts)
        undecided += sum(one.verdict == "undecidable" for one in report.verdicts)
        for finding in report.findings:
            if finding.severity == "error" or finding.verdict == "suspect":
                wrong += 1
                print(f"false alarm: {name}: {finding}")
    print(
        f"{runs} {kind} runs, {claims} correct logs: {wrong} false alarms, {undecided} undecidable"
    )


def show(confusion: dict[tuple[str, ...], Counter[str]]) -> None:
    """Print a table of planted causes and the names that they got."""
    table = Table("planted", "named", title="names that planted mistakes got")
    for causes, names in sorted(confusion.items()):
        table.add_row(
            " and ".join(causes), ", ".join(f"{name} {n}" for name, n in names.most_common(6))
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
