"""Reports with everything in them, and the elements of their pages."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from lossaudit import Recording, Report, Series, audit
from lossaudit.report.findings import Finding
from tests.runs import by_epoch, run

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;$\\frac{$]]><!--"
    "\x1b[31m\x00\u202e\udcff"
)

MEANS = [float(np.mean(values)) for values, _ in by_epoch(run().find(split="train"))]

RIGHT = [
    float(np.average(values, weights=rows)) for values, rows in by_epoch(run().find(split="train"))
]


class Elements(HTMLParser):
    """Every element of a page, its attributes, and the text outside of styles."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def report():
    """Three findings: a mistake with a name, numbers without one, and numbers that are absent."""
    claims = {
        "train_loss": MEANS,
        "val_loss": [4.0, 4.0, 4.0],
        "batch_losses": [None] * 33,
        "loss": RIGHT,
    }
    truth = Recording(
        run().series, metadata={"keras": "3.15.1", "set_up": {"replicas": 2}, "files": ["a.csv"]}
    )
    return audit(truth, claims)


def hostile():
    """A report in which everything that can come from a log or a caller is hostile."""
    true = Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0], tag=HOSTILE)
    logged = Series([4.0], covers="epoch", tag=HOSTILE, origin=HOSTILE)
    found = audit(Recording([true], metadata={HOSTILE: {HOSTILE: [HOSTILE]}}), logged)
    finding = found.findings[0]
    texts = {
        "message": HOSTILE,
        "remedy": f"`{HOSTILE}`",
        "cause": HOSTILE,
        "causes": (HOSTILE,),
        "split": HOSTILE,
    }
    other = Finding(
        **{**{name: getattr(finding, name) for name in ("code", "verdict", "draw")}, **texts}
    )
    return Report(found.verdicts, (finding, other), (HOSTILE,), found.metadata, (HOSTILE,))
