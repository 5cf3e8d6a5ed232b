"""Measures what recording costs a training, compared with plain `fit` and other callbacks.

    python -m benchmarks.overhead [--rounds N] [--only NAME ...] [--page FILE] [--json FILE]

Every candidate trains the same model as plain `fit`, from the same state, once a round and in
shuffled order. The result is the median ratio of the epochs' time with its interval, next to that
of plain `fit` against itself. The program writes the page with tables, plot, machine, versions,
and which figures were reached. With all settings it takes about ten minutes on an idle machine.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from lossaudit import WeightedMean
from lossaudit.keras import LossAudit, LossRecorder, RecordingMean
from lossaudit.overhead.cost_table import cells
from lossaudit.overhead.costs import BudgetVerdict, Overhead
from lossaudit.overhead.examples_of_size import SIZES, example
from lossaudit.overhead.machine import machine
from lossaudit.overhead.timings import Ratio, interleaved, ratio_of, resolution_of
from lossaudit.overhead.trial import compare
from lossaudit.report.plots import PAPER, Palette, blank, drawing
from lossaudit.report.progress import tracked

ROOT = Path(__file__).parent.parent
DARK: Palette = {
    **PAPER,
    "ink": "#d6d6d6",
    "faint": "#444444",
    "logged": "#ff9f2e",
    "expected": "#4fc98a",
}
_QUIET = 0.01
TICKS = (0.7, 1, 1.1, 1.2, 1.5, 2, 3)


class Appending(keras.callbacks.Callback):
    """Does what most programs do."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Append the loss in the logs."""
        self.losses.append(logs["loss"])


class Evaluating(keras.callbacks.Callback):
    """Does what some programs do."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Convert the results of all metrics to float."""
        results = self.model.get_metrics_result().items()
        self.losses.append({name: float(value) for name, value in results}["loss"])


def candidates(folder: Path) -> dict[str, Callable[[], Any]]:
    """The functions that make callbacks to measure, by name; their files go to a folder."""
    number = itertools.count()
    return {
        "a list of logs": Appending,
        "float of tensors each batch": Evaluating,
        "CSVLogger": lambda: keras.callbacks.CSVLogger(str(folder / f"{next(number)}.csv")),
        "TensorBoard(update_freq=1)": lambda: keras.callbacks.TensorBoard(
            str(folder / f"board{next(number)}"), update_freq=1
        ),
        "LossRecorder()": LossRecorder,
        "LossRecorder(path)": lambda: LossRecorder(folder / f"{next(number)}.lossaudit"),
        "LossAudit()": lambda: LossAudit(on_violation="ignore"),
        "LossRecorder(gradients=True)": lambda: LossRecorder(gradients=True),
    }


@dataclass(frozen=True)
class Setting:
    """A model, how it is compiled, and how many seconds each `fit` of a pair trains."""

    title: str
    size: str
    compiled: Mapping[str, Any]
    seconds: float
    memory: int = 0
    left_out: tuple[str, ...] = ()


SETTINGS = {
    "smallest": Setting("The smallest model", "smallest", {}, 0.25, memory=6144),
    "executions": Setting(
        "The smallest model, 16 steps an execution", "smallest", {"steps_per_execution": 16}, 0.1
    ),
    "jit": Setting("The smallest model, jit_compile", "smallest", {"jit_compile": True}, 0.15),
    "small": Setting("A small model", "small", {"jit_compile": False}, 0.25),
    "large": Setting(
        "A large model", "large", {}, 0.4, left_out=("CSVLogger", "TensorBoard(update_freq=1)")
    ),
}


def measured(setting: Setting, rounds: int) -> list[Overhead]:
    """All candidates in one setting."""
    with tempfile.TemporaryDirectory() as folder:
        model, data = example(setting.size, **{"jit_compile": False, **setting.compiled})
        chosen = {
            name: make
            for name, make in candidates(Path(folder)).items()
            if name not in setting.left_out
        }
        return compare(
            chosen,
            model,
            data,
            batch_size=SIZES[setting.size].batch_size,
            rounds=rounds,
            seconds=setting.seconds,
            memory=setting.memory,
            shown=partial(tracked, what=setting.title),
        )


class Loop:
    """A hand-written loop of the smallest model that averages its losses with a given mean."""

    def __init__(self, mean: Any, batches: tf.data.Dataset) -> None:
        self._model, _ = example("smallest", jit_compile=False)
        self._mean, self._batches = mean, batches
        self._is_keras = isinstance(mean, keras.metrics.Metric)
        self._step = tf.function(self._train, reduce_retracing=True)

    def __call__(self) -> float:
        """Train an epoch and return its seconds."""
        start = time.perf_counter()
        for x, y in self._batches:
            loss = self._step(x, y)
            if not self._is_keras:
                self._mean.update_state(float(loss), sample_weight=len(x))
        float(self._mean.result())
        self._mean.reset_state()
        return time.perf_counter() - start

    def processor_seconds(self) -> float:
        """Train an epoch and return its processor seconds, of all threads.

        Other work of the machine does not count.
        """
        start = time.process_time()
        self()
        return time.process_time() - start

    @property
    def nodes(self) -> int:
        """How many nodes the graph of a step has."""
        traced = self._step.get_concrete_function(*next(iter(self._batches)))
        return len(traced.graph.get_operations())

    def _train(self, x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = self._model.compute_loss(x, y, self._model(x, training=True))
        variables = self._model.trainable_variables
        self._model.optimizer.apply(tape.gradient(loss, variables), variables)
        if self._is_keras:
            self._mean.update_state(loss, sample_weight=tf.shape(x)[0])
        return loss


@dataclass(frozen=True)
class ByHand:
    """Hand-written loops compared with one that uses `keras.metrics.Mean`.

    Args:
        step: seconds of a batch of that loop.
        ratios: how many times as long the others take.
        nodes: nodes of a step's graph with `keras.metrics.Mean` and with `RecordingMean`.
        added: processor seconds of a batch with `RecordingMean` beyond `keras.metrics.Mean`.
    """

    step: float
    ratios: Mapping[str, Ratio]
    nodes: tuple[int, int]
    added: float


def by_hand(rounds: int) -> ByHand:
    (x, y), size = example("smallest")[1], SIZES["smallest"]
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(size.batch_size)
    runs = {
        "keras.metrics.Mean": Loop(keras.metrics.Mean(), batches),
        "keras.metrics.Mean again": Loop(keras.metrics.Mean(), batches),
        "RecordingMean": Loop(RecordingMean(), batches),
        "WeightedMean": Loop(WeightedMean(), batches),
    }
    for run in runs.values():
        run()
    plain, recording = runs["keras.metrics.Mean"], runs["RecordingMean"]
    times = interleaved(runs, rounds, shown=partial(tracked, what="Loops"))
    ratios = {
        name: ratio_of(one, times["keras.metrics.Mean"], resolution=resolution_of())
        for name, one in times.items()
        if runs[name] is not plain
    }
    taken = interleaved(
        {"plain": plain.processor_seconds, "recording": recording.processor_seconds}, rounds
    )
    return ByHand(
        float(np.median(times["keras.metrics.Mean"])) / size.batches,
        ratios,
        (plain.nodes, recording.nodes),
        float(np.median(taken["recording"] - taken["plain"])) / size.batches,
    )


@dataclass(frozen=True)
class Target:
    """A figure to reach, the measured one, and whether it reaches the target."""

    about: str
    target: str
    measured: str
    result: str


def targets(found: Mapping[str, list[Overhead]]) -> Iterator[Target]:
    """The targets for which there is a measurement."""
    named = {(setting, one.name): one for setting, each in found.items() for one in each}
    for setting in ("small", "large"):
        if one := named.get((setting, "LossRecorder()")):
            about = f"`LossRecorder`, {one.step * 1e3:.1f} ms a step"
            yield Target(
                about,
                "interval contains 1.00 and ends by 1.01",
                shown(one),
                indistinguishable(one, 1.01),
            )
    for setting, name, budget in (
        ("smallest", "LossRecorder()", 1.03),
        ("small", "LossRecorder(path)", 1.02),
    ):
        if one := named.get((setting, name)):
            about = f"`{name}`, {one.step * 1e3:.1f} ms a step"
            yield Target(about, f"≤ {budget}", shown(one), reached(one, budget))
    for name, most in (("LossRecorder()", 32), ("LossRecorder(path)", 2)):
        one = named.get(("smallest", name))
        if one and one.growth:
            limit = "≤ 32 MB per 10⁶ batches"
            if most != 32:
                limit = "constant: less than 2 MB per 10⁶ batches is kept of an epoch"
            result = "reached" if one.growth.bytes <= most else "missed"
            yield Target(
                f"`{name}`, memory", limit, f"{one.growth.bytes:.1f} MB per 10⁶ batches", result
            )


def shown(one: Overhead) -> str:
    return f"{one.ratio:.3f} ({one.interval})"


def reached(one: Overhead, budget: float) -> str:
    """Whether the ratio is within a budget: shown, by the median only, or not."""
    if one.interval.high <= budget and one.decided:
        return "reached"
    if one.judged(budget) is BudgetVerdict.OVER:
        return "missed"
    median = "reaches" if one.ratio <= budget else "misses"
    return f"undecided because of noise; the median {median} it"


def indistinguishable(one: Overhead, end: float) -> str:
    """Whether the interval contains 1 and ends by `end`."""
    if one.interval.contains(1.0) and one.interval.high <= end and one.decided:
        return "reached"
    if one.decided and not one.interval.contains(1.0) and one.ratio > 1:
        return "missed"
    return f"undecided because of noise: plain fit against itself {one.control}"


def page(found: Mapping[str, list[Overhead]], loops: ByHand | None, command: str) -> str:
    """The page as Markdown."""
    about = machine()
    devices = ", ".join(about["accelerators"]) or "no accelerator"
    noisy = any(one.noise > _QUIET for each in found.values() for one in each)
    lines = [
        "# What recording costs",
        "",
        "This page is written by `python -m benchmarks.overhead`; do not edit it.",
        "",
        f"Written by `{command}` on {about['processor']}, {about['cores']} cores, {devices},",
        f"load {about['load']} at the end; {about['system']}; Python {about['python']},",
        f"TensorFlow {about.get('tensorflow')}, Keras {about['keras']}, numpy {about['numpy']}.",
        "",
        *([NOISY, ""] if noisy else []),
        METHOD,
        "<picture>",
        '  <source media="(prefers-color-scheme: dark)" srcset="pictures/overhead-dark.svg">',
        '  <img alt="How many times as long as plain fit each takes" '
        'src="pictures/overhead-light.svg">',
        "</picture>",
        "",
        "## Targets",
        "",
        "| | target | measured | |",
        "|---|---|---|---|",
        *(
            f"| {one.about} | {one.target} | {one.measured} | {one.result} |"
            for one in targets(found)
        ),
        "",
    ]
    for name, each in found.items():
        lines += section(SETTINGS[name], each)
    if loops is not None:
        lines += [*section_of_loops(loops), floor(loops)]
    return "\n".join(lines)


METHOD = """\
Each candidate trains the same model on the same rows from the same state as plain `fit`, once a
round, in shuffled order. The time of its epochs is divided by that of plain `fit` in the same
round. The ratio below is the median over the rounds, with a 95 % interval: that of the bootstrap,
or that of the sign test where wider. Plain `fit` against itself shows the noise; a smaller
difference means nothing. The time in hooks is measured by two callbacks around the candidate. Work
inside the training step is in the ratio only. Another column says how much longer each `fit` takes
outside of its epochs. Memory is what Python and numpy keep (`tracemalloc`), less what they keep in
plain `fit`. `lossaudit bench` measures your own callbacks in the same way.
"""
NOISY = """\
**The machine was busy: somewhere below, plain `fit` against itself differs by more than a
hundredth. Smaller differences mean nothing there.**"""


def section(setting: Setting, each: list[Overhead]) -> list[str]:
    """The table of one setting."""
    first = each[0]
    compiled = ", ".join(f"`{name}={value}`" for name, value in setting.compiled.items() if value)
    return [
        f"## {setting.title}: {first.step * 1e3:.2f} ms a step",
        "",
        f"{first.setup['parameters']:,} parameters, batches of {SIZES[setting.size].batch_size} "
        f"rows{', ' if compiled else ''}{compiled}; {first.pairs} rounds of {first.batches} "
        f"batches. Plain `fit` against itself: {first.control}."
        + "".join(f" **Unreliable: {doubt}.**" for doubt in first.doubts),
        "",
        "| | times plain `fit` | µs in the hooks of a batch (99th percentile) | share of the time "
        "| ms outside of epochs | MB per 10⁶ batches |",
        "|---|---|---|---|---|---|",
        *(
            "| "
            + " | ".join((f"`{one.name}`" if "(" in one.name else one.name, *cells(one)[1:]))
            + " |"
            for one in each
        ),
        "",
    ]


def floor(loops: ByHand) -> str:
    """The cost of a recorder that remains, and its origin."""
    plain, recording = loops.nodes
    return f"""\
## Where the time of a recorder goes

With `LossRecorder` the training step writes loss and rows of its batch to a table inside the
graph. Two operations change variables: one counts, one writes. Together with their arguments they
are {recording - plain} nodes of the graph; a step of the smallest model with `keras.metrics.Mean`
has {plain}. They take {loops.added * 1e6:.0f} µs of processor time for each batch (by the clock of
the process, in the loops above). That is the floor of this design, the same for every model:
{loops.added / 0.003:.1%} of a step of 3 ms. The hooks count batches and empty the table at the
ends of epochs. Without these operations, a hook would have to read variables after each batch.
That takes longer ("float of tensors each batch") and gives the running mean, not the loss of the
batch.
"""


def section_of_loops(loops: ByHand) -> list[str]:
    """The table of the loops."""
    rows = [
        f"| {name} | {one.median:.3f} ({one.interval}) |" for name, one in loops.ratios.items()
    ]
    return [
        f"## Hand-written loops, the smallest model: {loops.step * 1e3:.2f} ms a step with "
        "`keras.metrics.Mean`",
        "",
        "`RecordingMean` is updated inside the step, like `keras.metrics.Mean`; `WeightedMean` "
        "outside of it, with `float(loss)`.",
        "",
        "| | times a loop with `keras.metrics.Mean` |",
        "|---|---|",
        *rows,
        "",
    ]


def draw(found: Mapping[str, list[Overhead]], pictures: Path) -> None:
    """Draw the plot twice, in colours for light and for dark pages."""
    pictures.mkdir(exist_ok=True)
    height = 0.6 + 0.35 * sum(len(each) + 2 for each in found.values())
    heights = [len(each) + 1 for each in found.values()]
    for scheme, palette in (("light", {**PAPER}), ("dark", DARK)):
        with drawing(palette):
            figure = blank(9.0, height, layout="constrained")
            panels = figure.subplots(
                len(found), 1, sharex=True, squeeze=False, height_ratios=heights
            )[:, 0]
            for axes, (name, each) in zip(panels, found.items(), strict=True):
                panel(axes, SETTINGS[name], each, palette)
            panels[-1].set_xlabel("times plain fit (green: plain fit against itself)")
            figure.savefig(
                pictures / f"overhead-{scheme}.svg", transparent=True, metadata={"Date": None}
            )


def panel(axes: Any, setting: Setting, each: list[Overhead], palette: Palette) -> None:
    """Draw one setting: a point and an interval for each candidate, over the control's band."""
    places, ratios = np.arange(len(each)), np.array([one.ratio for one in each])
    ends = np.array(
        [[one.ratio - one.interval.low, one.interval.high - one.ratio] for one in each]
    ).T
    axes.axvspan(
        each[0].control.low,
        each[0].control.high,
        color=palette["expected"],
        alpha=0.25,
        linewidth=0,
    )
    axes.axvline(1.0, color=palette["ink"], linewidth=0.8)
    axes.errorbar(
        ratios, places, xerr=np.maximum(ends, 0), fmt="o", color=palette["logged"], markersize=5
    )
    axes.set_yticks(places, [one.name for one in each])
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.invert_yaxis()
    axes.set_title(f"{setting.title}: {each[0].step * 1e3:.2f} ms a step", loc="left")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=25, help="pairs; 25 by default")
    parser.add_argument(
        "--only", nargs="+", choices=(*SETTINGS, "loops"), default=[*SETTINGS, "loops"]
    )
    parser.add_argument(
        "--page",
        type=Path,
        default=ROOT / "docs" / "benchmarks.md",
        help="where to write the page; pictures go to the folder next to it",
    )
    parser.add_argument("--json", type=Path, help="where to write the measurements")
    options = parser.parse_args()
    start = time.perf_counter()
    found = {
        name: measured(SETTINGS[name], options.rounds) for name in SETTINGS if name in options.only
    }
    loops = by_hand(options.rounds) if "loops" in options.only else None
    only = [] if set(options.only) == {*SETTINGS, "loops"} else ["--only", *options.only]
    command = " ".join(["python -m benchmarks.overhead", "--rounds", str(options.rounds), *only])
    options.page.write_text(page(found, loops, command), encoding="utf-8")
    if options.json is not None:
        content = {name: [one.as_json() for one in each] for name, each in found.items()}
        options.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    if found:
        draw(found, options.page.parent / "pictures")
    print(options.page.read_text("utf-8"))
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
