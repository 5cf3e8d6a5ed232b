"""The demo: trains on real digits with mistakes that tutorials teach, and audits them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sklearn.datasets import load_digits

from lossaudit.auditing.audits import audit
from lossaudit.errors import CaptureError
from lossaudit.keras import LossRecorder
from lossaudit.predictions.quantities import EXPECTED
from lossaudit.predictions.truth import truth_about
from lossaudit.recording.names import Covers, Split
from lossaudit.recording.recorder import Recorder
from lossaudit.recording.recording import Recording
from lossaudit.recording.series import Series
from lossaudit.report.progress import tracked
from lossaudit.report.report import Report
from lossaudit.report.text import console_on, finding_text, styled
from lossaudit.report.verdict import Verdict

EPOCHS, BATCH_SIZE = 3, 96


@dataclass(frozen=True)
class DemoLog:
    """A logging habit, the numbers it logged, and the report on them.

    Args:
        habit: what the code does, as code.
        cause: the planted mistake; None if the habit is correct.
        logged: the logged numbers.
        expected: the correct value of the first of them.
        report: the report of the audit.
    """

    habit: str
    cause: str | None
    logged: Series
    expected: float
    report: Report

    @property
    def as_planted(self) -> bool:
        """Whether the audit names the planted mistake alone, or calls correct numbers correct."""
        if self.cause is None:
            return self.report.verdicts[0].verdict in (Verdict.EXACT, Verdict.CONSISTENT)
        return [finding.causes for finding in self.report.findings] == [(self.cause,)]


class LossHistory(keras.callbacks.Callback):
    """The callback that tutorials teach to record the loss of every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.val_losses: list[float] = []
        self.epoch_losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Append what Keras passes as the loss, and a key that batch logs do not have."""
        self.losses.append((logs or {})["loss"])
        self.val_losses.append((logs or {}).get("val_loss", float("nan")))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Append the loss of the epoch."""
        self.epoch_losses.append((logs or {})["loss"])


class LoopLog:
    """The epoch values of a hand-written loop, computed in the ways that people use."""

    def __init__(self) -> None:
        self.forever = keras.metrics.Mean()
        self.shared = keras.metrics.Mean()
        self.reported: dict[str, list[float]] = {}

    def epoch(self, train: list[tuple[float, int]], validation: list[tuple[float, int]]) -> None:
        """Report one epoch from the losses and rows of its batches."""
        rows = sum(n for _, n in train)
        full_batches = rows // BATCH_SIZE
        weighted = keras.metrics.Mean()
        self.shared.reset_state()
        for loss, n in train:
            self.forever.update_state(loss, sample_weight=n)
            self.shared.update_state(loss, sample_weight=n)
            weighted.update_state(loss, sample_weight=n)
        for loss, n in validation:
            self.shared.update_state(loss, sample_weight=n)
        self._report("total / batches", sum(loss for loss, _ in train) / len(train))
        self._report("loss of the last batch", train[-1][0])
        self._report(
            "n // batch_size batches", sum(loss for loss, _ in train[:full_batches]) / full_batches
        )
        self._report("Mean never reset", float(self.forever.result()))
        self._report("one Mean for both", float(self.shared.result()))
        self._report("total / rows", sum(loss for loss, _ in train) / rows)
        self._report("sum(loss * rows) / rows", sum(loss * n for loss, n in train) / rows)
        self._report("Mean(sample_weight=rows)", float(weighted.result()))

    def _report(self, way: str, value: float) -> None:
        self.reported.setdefault(way, []).append(value)


def main(out: Path | None = None, *, as_json: bool = False) -> int:
    """Run the demo.

    Args:
        out: folder for the report, its data and the run files; a new temporary one if None.
        as_json: print the results as JSON, and everything else to standard error.

    Returns:
        0 if every planted mistake was named and every correction called correct, else 1.
    """
    keras.utils.set_random_seed(0)
    console = console_on(sys.stderr if as_json else sys.stdout)
    console.print(
        f"Keras {keras.__version__}: {EPOCHS} epochs of scikit-learn's digits, batches of "
        f"{BATCH_SIZE} rows\n"
    )
    trainings = {
        train.__name__: train()
        for train in tracked([fitted, looped], "Training, and auditing what was logged")
    }
    examples = [example for _, of_one in trainings.values() for example in of_one]
    out = Path(mkdtemp(prefix="lossaudit-demo-")) if out is None else out
    (fit_truth, _), (loop_truth, _) = trainings.values()
    _save(out, {"fit": fit_truth, "loop": loop_truth}, examples)
    if as_json:
        json.dump([_as_data(example) for example in examples], sys.stdout)
        print()
    else:
        _show(console, examples)
    console.print(f"\nReport: {out / 'report.html'}", soft_wrap=True, markup=False)
    return 0 if all(example.as_planted for example in examples) else 1


def fitted() -> tuple[Recording, list[DemoLog]]:
    """Train with `fit`, the callback of the tutorials and a recorder."""
    history, recorder = LossHistory(), LossRecorder()
    model = _model()
    train, validation = _digits()
    model.fit(
        train,
        epochs=EPOCHS,
        validation_data=validation,
        callbacks=[history, recorder],
        shuffle=False,
        verbose=0,
    )
    truth = recorder.recording
    recorded = truth.find(split="train").values
    validated = truth.find(split="validation").values
    val_loss = model.history.history["val_loss"]
    each_batch = "losses.append(logs['loss']) after each batch"
    missing = "logs.get('val_loss', nan) after each batch"
    return truth, [
        _example("fit", each_batch, "running-mean-read-as-batch-loss", history.losses, truth),
        _example("fit", "recorder.recording of LossRecorder", None, recorded, truth),
        _example(
            "fit", missing, "missing-key-recorded-as-nan", history.val_losses, truth, "validation"
        ),
        _example(
            "fit", "recorder.recording, split='validation'", None, validated, truth, "validation"
        ),
        _example(
            "fit",
            "losses.append(logs['loss']) after each epoch",
            None,
            history.epoch_losses,
            truth,
            covers="epoch",
        ),
        _example(
            "fit", "History.history['val_loss']", None, val_loss, truth, "validation", "epoch"
        ),
    ]


def looped() -> tuple[Recording, list[DemoLog]]:
    """Train with a hand-written loop and a recorder, and report in the ways that people use."""
    model, recorder, log = _model(), Recorder(), LoopLog()
    train, validation = _digits()
    step = _train_step(model)
    for _ in range(EPOCHS):
        trained = [(float(step(x, y)), len(x)) for x, y in train]
        validated = [(float(model.compute_loss(x, y, model(x))), len(x)) for x, y in validation]
        for split, batches in (("train", trained), ("validation", validated)):
            for loss, rows in batches:
                recorder.batch(loss, weight=rows, split=split)
        recorder.end_epoch()
        log.epoch(trained, validated)
    planted = {
        "total / batches": "short-last-batch-counted-as-full",
        "loss of the last batch": "last-batch-shown-as-epoch",
        "n // batch_size batches": "last-batch-dropped",
        "Mean never reset": "state-not-reset",
        "one Mean for both": "validation-mixed-into-train",
        "total / rows": "sum-divided-by-wrong-count",
        "sum(loss * rows) / rows": None,
        "Mean(sample_weight=rows)": None,
    }
    truth = recorder.recording
    return truth, [
        _example("loop", way, cause, log.reported[way], truth, covers="epoch")
        for way, cause in planted.items()
    ]


def _example(
    where: str,
    habit: str,
    cause: str | None,
    values: Any,
    truth: Recording,
    split: Split = "train",
    covers: Covers = "batch",
) -> DemoLog:
    logged = Series(values, split=split, covers=covers, origin=f"{where}: {habit}")
    about = truth_about(truth, logged.tag, logged.split, logged.dtype)
    if about is None:
        raise CaptureError(f"no batch of the split {split!r} was recorded")
    expected = next(EXPECTED[covers](about)).values[0]
    return DemoLog(habit, cause, logged, float(expected), audit(truth, logged))


def _digits() -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """1,000 train and 797 validation rows of 8 × 8 pixels; the last batch of each is short."""
    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), digits.target.astype(np.int32)
    train, validation = (x[:1000], y[:1000]), (x[1000:], y[1000:])
    return tuple(
        tf.data.Dataset.from_tensor_slices(rows).batch(BATCH_SIZE) for rows in (train, validation)
    )


def _model() -> keras.Model:
    layers = [
        keras.Input((64,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def _train_step(model: keras.Model) -> Any:
    def step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return tf.function(step, reduce_retracing=True)


def _show(console: Console, examples: list[DemoLog]) -> None:
    """Print truth, log, verdict and cause side by side, then the findings in full."""
    table = Table("what the code does, and the cause", pad_edge=False)
    for heading in ("truth", "log"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for example in examples:
        truth, logged = _side_by_side(example)
        causes = "".join(f"\n  {finding.cause}" for finding in example.report.findings)
        what = Text.assemble(example.logged.origin or "", (causes, "bold red"))
        table.add_row(
            what, f"{truth:.6f}", f"{logged:.6f}", styled(example.report.verdicts[0].verdict)
        )
    console.print(table)
    for finding in (finding for example in examples for finding in example.report.findings):
        console.print(finding_text(finding), end="\n\n", soft_wrap=not console.is_terminal)
    planted = [example for example in examples if example.cause]
    correct = [example for example in examples if not example.cause]
    console.print(
        f"{sum(one.as_planted for one in planted)} of {len(planted)} planted mistakes named, "
        f"{sum(one.as_planted for one in correct)} of {len(correct)} corrections called correct"
    )


def _side_by_side(example: DemoLog) -> tuple[float, float]:
    """Truth and log at the place of the first finding; at the first number without findings."""
    for finding in example.report.findings:
        if finding.expected is not None and finding.observed is not None:
            return finding.expected, finding.observed
    return example.expected, float(example.logged.values[0])


def _as_data(example: DemoLog) -> dict[str, Any]:
    return {
        "habit": example.logged.origin,
        "planted": example.cause,
        "as_planted": example.as_planted,
        "report": json.loads(example.report.to_json()),
    }


def _save(folder: Path, truths: dict[str, Recording], examples: list[DemoLog]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, truth in truths.items():
        path = folder / f"{name}.lossaudit"
        path.unlink(missing_ok=True)
        truth.save(path)
    reports = [example.report for example in examples]
    whole = Report(
        tuple(one for report in reports for one in report.verdicts),
        tuple(one for report in reports for one in report.findings),
        metadata=truths["fit"].metadata,
    )
    whole.to_html(folder / "report.html")
    (folder / "reports.json").write_text(
        json.dumps([_as_data(example) for example in examples], indent=1), "utf-8"
    )
