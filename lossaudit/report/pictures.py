"""Plots as small SVG elements of an HTML page, which chooses their colours."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from lossaudit.report.curves import Evidence
from lossaudit.report.plots import PAPER, Size, blank, draw, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = Size(10.0, 4.6, 10, 40)
"""For a desktop screen; an inch is 72 pixels of the page."""

NARROW = Size(4.7, 4.2, 5, 24)
"""For a phone."""

_MARGINS = (0.8, 0.1, 0.58, 0.52)
"""Left, right, top and bottom margins of the axes, in inches."""

_MARKS = {name: f"#fe00{index:02x}" for index, name in enumerate(PAPER)}
"""Placeholder colours, replaced by CSS variables once the picture is drawn."""

_COLOUR = re.compile("|".join(_MARKS.values()))
_NAMES = {colour: f"var(--{name})" for name, colour in _MARKS.items()}
_DECIMALS = re.compile(r"-?\d+\.\d+")
_USED = re.compile(r"#([\w-]+)")
_REFERENCE = re.compile(r"#(?=[\w-]+\)|[\w-]+$)")
_FONT = re.compile(r"font-family: [^;]*;? ?|'[^;]*(?=sans-serif)")
"""Fonts of the machine that drew, in the two forms that versions of matplotlib write."""


def picture(evidence: Evidence, size: Size, prefix: str) -> str:
    """A plot as an SVG element; its colours are CSS variables with the names of a palette.

    Args:
        evidence: what to plot.
        size: how large.
        prefix: the beginning of every id in the element.

    Raises:
        ImportError: matplotlib is not installed.
    """
    with drawing(_MARKS), warnings.catch_warnings():
        import matplotlib

        # The text stays text, so the browser's fonts count, not those of this machine.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        # A fixed salt gives the same ids, and so the same page, in every run.
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix}):
            whole = blank(size.width, size.height)
            draw(whole, evidence, size, _MARKS)
            _adjust(whole, size)
            drawn = io.BytesIO()
            whole.savefig(
                drawn,
                format="svg",
                # With a date or a version two pages of one report would differ.
                metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
            )
    return _embedded(ElementTree.fromstring(drawn.getvalue()), prefix)


def _adjust(whole: Figure, size: Size) -> None:
    """Leave fixed margins for labels: measuring them takes longer than drawing."""
    left, right, top, bottom = _MARGINS
    whole.subplots_adjust(
        left / size.width,
        bottom / size.height,
        1 - right / size.width,
        1 - top / size.height,
        hspace=0.35,
    )


def _embedded(root: ElementTree.Element, prefix: str) -> str:
    """The picture without what a page does not need: metadata, styles, unused ids, digits."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    used = set(
        _USED.findall(
            " ".join(value for element in root.iter() for value in element.attrib.values())
        )
    )
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {
            name.rpartition("}")[2]: _rewritten(name, value, prefix)
            for name, value in element.items()
        }
        # matplotlib indents its XML; only the text in labels has meaning.
        element.tail = None
        if element.tag != "text":
            element.text = (element.text or "").strip() or None
    # Without a width of its own the picture is as wide as the page allows.
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": "plot of what the text says",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _rewritten(name: str, value: str, prefix: str) -> str:
    """The value of an attribute, made unique among many pictures and short."""
    if name == "id":
        return f"{prefix}-{value}"
    if name == "d":
        # SVG needs no blanks around the letters of a path, and paths are most of a picture.
        return re.sub(r"\s*([A-Za-z])\s*", r"\1", _rounded(value)).strip()
    if name == "style":
        value = _FONT.sub("", _COLOUR.sub(lambda found: _NAMES[found[0]], value))
    if name in ("style", "clip-path") or name.endswith("href"):
        return _REFERENCE.sub(f"#{prefix}-", value)
    return _rounded(value)


def _rounded(numbers: str) -> str:
    """The numbers rounded to a tenth of a pixel."""
    return _DECIMALS.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), numbers)
