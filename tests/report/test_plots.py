"""The report as a figure of matplotlib."""

from __future__ import annotations

import numpy as np

from lossaudit import Report, Verdict, audit
from lossaudit.report.curves import Band, Curve, Drawn, Evidence
from lossaudit.report.findings import Finding
from lossaudit.report.plots import KEYS, PAPER, Size, blank, draw, drawing, keys
from tests.report.pages import RIGHT, report
from tests.runs import run


def test_a_figure_has_a_plot_for_each_finding_with_labelled_axes():
    figure = report().plot()
    assert type(figure).__module__ == "matplotlib.figure"
    named = [axes for axes in figure.axes if axes.get_ylabel() != "difference"]
    assert {axes.get_ylabel() for axes in named} == {"train loss", "validation loss"}
    assert len(figure.subfigs) == 3
    for part in figure.subfigs:
        assert {axes.get_xlabel() for axes in part.axes} >= {"step"}
        assert all(axes.get_xlabel() or axes.get_ylabel() for axes in part.axes)
        labels = [
            one.get_text()
            for axes in part.axes
            if axes.get_legend()
            for one in axes.get_legend().get_texts()
        ]
        assert KEYS["logged"] in labels


def test_a_figure_without_findings_shows_the_claims():
    figure = audit(run(), {"loss": RIGHT}).plot()
    assert [part.get_suptitle() for part in figure.subfigs] == ["exact: loss"]


def test_a_figure_does_not_depend_on_the_settings_around_it_nor_change_them():
    import matplotlib

    with matplotlib.rc_context({"text.usetex": True, "axes.facecolor": "red"}):
        figure = report().plot()
        assert matplotlib.rcParams["axes.facecolor"] == "red"
    assert figure.axes[0].get_facecolor() == (1, 1, 1, 1)


def curve(*values):
    return Curve.of(np.arange(len(values)), np.array(values))


def test_only_what_a_plot_shows_has_a_label():
    assert keys(Evidence("loss", "step", curve(1.0, 2.0))) == {"logged": KEYS["logged"]}
    whole = Evidence(
        "loss", "step", curve(1.0, np.nan), curve(1.0, 3.0), predicted=curve(1.0, 2.0), mistake="a"
    )
    assert keys(whole) == {
        "true": KEYS["true"],
        "logged": KEYS["logged"],
        "predicted": "predicted by a",
        "odd": KEYS["odd"],
    }


def test_a_band_thinner_than_a_line_says_so_and_without_differences_is_not_named():
    places, middle = np.arange(2), np.array([1.0, 2.0])
    thin, wide = (Band.of(places, middle, np.full(2, bound)) for bound in (1e-9, 0.5))
    rest = curve(0.0, 0.1)
    found = [
        keys(Evidence("loss", "step", curve(1.0, 2.0), band=band, rest=rest)).get("band")
        for band, rest in ((wide, None), (thin, rest), (thin, None))
    ]
    assert found == [
        KEYS["band"],
        f"{KEYS['band']}, in the upper plot thinner than a line",
        None,
    ]


def test_losses_over_many_magnitudes_have_a_logarithmic_axis_and_infinities_have_room():
    def scale(*values):
        with drawing(PAPER):
            size = Size(4.0, 3.0, 5, 20)
            evidence = Evidence("loss", "step", curve(*values))
            return draw(blank(size.width, size.height), evidence, size, PAPER).get_yscale()

    assert scale(1.0, 1000.0) == "log"
    assert scale(1.0, 100.0) == "linear"
    assert scale(-1.0, 1000.0) == "linear"
    assert scale(np.nan, np.inf, 1e300) == "linear"


def test_a_figure_of_very_many_findings_says_how_many_it_leaves_out():
    finding = Finding("LA101", Verdict.WRONG, "", draw=Drawn(Evidence("loss", "step", curve(1.0))))
    figure = Report(findings=(finding,) * 22).plot()
    assert len(figure.subfigs) == 20
    assert [text.get_text() for text in figure.texts] == ["2 more are not drawn"]
