"""Evidence as matplotlib axes: the log over the truth, and below it what stays unexplained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lossaudit.arithmetic.arrays import Floats
from lossaudit.report.contents import Contents
from lossaudit.report.curves import Band, Curve, Evidence
from lossaudit.report.legible import legible, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

Palette = Mapping[str, str]
"""A colour for `ink`, `faint`, and each of the names in KEYS."""

PAPER: Palette = {
    "ink": "#333333",
    "faint": "#d5d5d5",
    "true": "#8a8f98",
    "expected": "#1a7f4b",
    "band": "#1a7f4b",
    "logged": "#e07b00",
    "predicted": "#1f3f8f",
    "odd": "#b00020",
}
"""The colours of a figure on white."""

KEYS = {
    "true": "true loss of each batch",
    "expected": "expected",
    "band": "proven bound",
    "logged": "logged",
    "predicted": "predicted by {mistake}",
    "odd": "NaN (bottom) or infinite (top)",
}
"""The label of each curve."""

_MARKERS = 60
"""A curve with at most this many numbers has markers."""

_BORDERS = 40
"""At most this many borders between epochs are drawn."""

_RANGE = 500
"""The axis is logarithmic if largest / smallest number exceeds this."""

_PARTS = 20
"""Findings that one figure shows at most."""

_HUGE = 1e150
"""Numbers beyond this are marked as infinite: matplotlib overflows when it adds margins."""


@dataclass(frozen=True)
class Size:
    """The size of a plot, and how much text fits on it.

    Args:
        width: in inches.
        height: in inches.
        ticks: about how many ticks an axis has.
        names: how many characters the label of an axis has at most.
    """

    width: float
    height: float
    ticks: int
    names: int


def figure(report: Contents) -> Figure:
    """A figure with one plot for each finding; one for each claim if there are no findings."""
    shown = _titled(report)
    size = Size(9.0, 4.2, 8, 60)
    with drawing(PAPER):
        whole = blank(
            size.width, size.height * min(max(len(shown), 1), _PARTS), layout="constrained"
        )
        parts = whole.subfigures(len(shown[:_PARTS]), 1, squeeze=False)[:, 0] if shown else ()
        for part, (title, evidence) in zip(parts, shown, strict=False):
            upper = draw(part, evidence, size, PAPER)
            # matplotlib would read a "$" in a name as the beginning of a formula, and may raise.
            part.suptitle(
                shortened(legible(title), 110), x=0.01, ha="left", size=10, parse_math=False
            )
            upper.legend(fontsize=8, frameon=False)
        left_out = f"{len(shown) - _PARTS} more are not drawn" if len(shown) > _PARTS else ""
        whole.text(0.99, 0.002, left_out if shown else "nothing to plot", ha="right")
    return whole


def keys(evidence: Evidence) -> dict[str, str]:
    """The label of each curve that a plot of the evidence shows."""
    there = {
        name: getattr(evidence, name)
        for name in ("true", "expected", "band", "logged", "predicted")
    }
    there["odd"] = _odd(evidence) or None
    found = {
        name: KEYS[name].format(mistake=evidence.mistake)
        for name, one in there.items()
        if one is not None
    }
    if evidence.band is not None and not _shows(evidence.band, evidence):
        found["band"] += ", in the upper plot thinner than a line"
        if not _has_rest(evidence):
            del found["band"]
    return found


@contextmanager
def drawing(palette: Palette) -> Iterator[None]:
    """Draw with matplotlib's defaults and the ink of a palette, whatever the program has set."""
    from matplotlib import style

    ink = palette["ink"]
    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    sizes: dict[str, Any] = {
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.spines.right": False,
        "axes.spines.top": False,
    }
    sizes |= {"axes.formatter.limits": (-4, 5)}
    plain = {"figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none"}
    # A page has its own background, also a dark one; a figure alone needs a white one.
    with style.context(
        ["default", dict.fromkeys(names, ink), sizes, plain if palette is not PAPER else {}]
    ):
        yield


def blank(width: float, height: float, layout: Literal["constrained"] | None = None) -> Figure:
    """An empty figure at 72 pixels per inch, sizes in inches; pyplot does not keep it alive."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=72, layout=layout)


def draw(part: FigureBase, evidence: Evidence, size: Size, palette: Palette) -> Axes:
    """Draw the curves, and below them the difference between the log and its explanation.

    Returns:
        The axes of the curves.
    """
    rest = _has_rest(evidence)
    # One axis of steps for both, so that a difference stands below its number.
    upper, *lower = part.subplots(
        1 + rest, 1, sharex=True, squeeze=False, height_ratios=[3, 1][: 1 + rest]
    )[:, 0]
    _curves(upper, evidence, palette)
    _epochs(upper, evidence, size, palette)
    upper.set_ylabel(shortened(legible(evidence.name), size.names), parse_math=False)
    if lower:
        _rest(lower[0], evidence, palette)
    for axes in (upper, *lower):
        axes.locator_params(axis="x", nbins=size.ticks, integer=True)
        if evidence.marked is not None:
            axes.axvline(evidence.marked, color=palette["ink"], linewidth=0.8, linestyle=":")
    (lower or [upper])[0].set_xlabel(evidence.unit)
    return upper


def _curves(axes: Axes, evidence: Evidence, palette: Palette) -> None:
    named = keys(evidence)
    looks: dict[str, dict[str, Any]] = {
        "true": {"linewidth": 0.9},
        "expected": {"linewidth": 1.5, "marker": "o", "markersize": 4},
        "logged": {
            "linewidth": 4,
            "alpha": 0.5,
            "marker": "o",
            "markersize": 8,
            "markeredgewidth": 0,
        },
        "predicted": {"linewidth": 1.3, "linestyle": (0, (4, 2)), "marker": "x", "markersize": 5},
    }
    if evidence.band is not None and _shows(evidence.band, evidence):
        _fill(axes, evidence.band, palette, named["band"])
    for name, look in looks.items():
        curve = getattr(evidence, name)
        if curve is not None:
            look = look if len(curve.values) <= _MARKERS else {**look, "marker": ""}
            axes.plot(
                curve.places,
                _drawable(curve.values),
                label=named[name],
                color=palette[name],
                **look,
            )
    odd = _odd(evidence)
    if odd:
        axes.plot(
            *_strokes(odd),
            color=palette["odd"],
            label=named["odd"],
            # Heights in shares of the axes keep the marks at the edge, also on a logarithmic axis.
            transform=axes.get_xaxis_transform(),
        )
    drawn = np.concatenate([_drawable(one.values) for one in _all(evidence)] or [np.empty(0)])
    drawn = drawn[np.isfinite(drawn)]
    # A logarithmic axis would drop zeros and negative losses without a word.
    if len(drawn) and drawn.min() > 0 and drawn.max() > _RANGE * drawn.min():
        axes.set_yscale("log")


def _has_rest(evidence: Evidence) -> bool:
    """Whether there is a finite difference to show."""
    return evidence.rest is not None and bool(np.isfinite(_drawable(evidence.rest.values)).any())


def _rest(axes: Axes, evidence: Evidence, palette: Palette) -> None:
    """Draw the difference between the log and its explanation, with the bound."""
    assert evidence.rest is not None
    if evidence.rest_band is not None:
        _fill(axes, evidence.rest_band, palette, KEYS["band"])
    look: dict[str, Any] = (
        {"marker": "o", "markersize": 3} if len(evidence.rest.values) <= _MARKERS else {}
    )
    axes.plot(
        evidence.rest.places,
        _drawable(evidence.rest.values),
        color=palette["logged"],
        linewidth=1,
        **look,
    )
    axes.set_title(
        f"logged minus {'predicted by the mistake' if evidence.mistake else 'expected'}",
        loc="left",
    )
    axes.set_ylabel("difference")
    axes.locator_params(axis="y", nbins=3)


def _epochs(axes: Axes, evidence: Evidence, size: Size, palette: Palette) -> None:
    """Draw the borders between epochs, and an axis of epochs on top."""
    if evidence.borders is not None and len(evidence.borders) <= _BORDERS:
        for border in evidence.borders[1:]:
            axes.axvline(border, color=palette["faint"], linewidth=0.7, zorder=0)
    if evidence.epochs is not None and len(evidence.epochs.values):
        some = slice(None, None, -(-len(evidence.epochs.values) // size.ticks))
        above = axes.secondary_xaxis("top")
        # Ticks only where epochs have their middle: matplotlib would put some between epochs.
        above.set_xticks(
            evidence.epochs.places[some], [f"{one:g}" for one in evidence.epochs.values[some]]
        )
        above.set_xlabel("epoch")


def _fill(axes: Axes, band: Band, palette: Palette, label: str) -> None:
    low, high = _drawable(band.low), _drawable(band.high)
    look: dict[str, Any] = {"color": palette["band"], "alpha": 0.2, "linewidth": 0}
    axes.fill_between(band.places, low, high, label=label, **look)


def _shows(band: Band, evidence: Evidence) -> bool:
    """Whether a band is wider than a line somewhere; a plot is a few hundred lines high."""
    drawn = np.concatenate([_drawable(one.values) for one in _all(evidence)])
    drawn = drawn[np.isfinite(drawn)]
    # A band thinner than a line is not drawn, and the legend says so.
    widths = (band.high - band.low)[np.isfinite(band.high - band.low)]
    return bool(len(drawn) and len(widths)) and float(widths.max()) > float(np.ptp(drawn)) / _RANGE


def _all(evidence: Evidence) -> list[Curve]:
    curves = (evidence.true, evidence.expected, evidence.logged, evidence.predicted)
    return [one for one in curves if one is not None]


def _odd(evidence: Evidence) -> list[tuple[float, float]]:
    """Places and heights of marks for numbers that are not finite.

    The height is a share of the axes: 0 for NaN, 0.95 for infinite numbers.
    """
    found: dict[tuple[float, float], None] = {}
    for curve in (evidence.true, evidence.logged):
        if curve is not None:
            odd = ~np.isfinite(_drawable(curve.values))
            heights = np.where(np.isnan(curve.values[odd]), 0.0, 0.95)
            found |= dict.fromkeys(zip(curve.places[odd].tolist(), heights.tolist(), strict=True))
    return list(found)


def _strokes(marks: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    """Coordinates of one line that shows only the marks, each 1/20 of the axes high."""
    # NaN breaks the line between two marks.
    places, heights = np.array(marks).T
    nothing = np.full(len(places), np.nan)
    return np.stack([places, places, nothing]).T.ravel(), np.stack(
        [heights, heights + 0.05, nothing]
    ).T.ravel()


def _drawable(values: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        # matplotlib leaves NaN out, and `_odd` marks the places.
        return np.where(np.abs(values) < _HUGE, values, np.nan)


def _titled(report: Contents) -> list[tuple[str, Evidence]]:
    if not report.findings:
        return [
            (f"{one.verdict}: {one.origin}", one.evidence)
            for one in report.verdicts
            if one.evidence is not None
        ]
    return [
        (f"{one.code} {' | '.join(one.causes)} – {one.origin or ''}", one.evidence)
        for one in report.findings
        if one.evidence is not None
    ]
