"""Plots inside of a page, which chooses their colours."""

from __future__ import annotations

import re

import numpy as np

from lossaudit.report.curves import Curve, Evidence
from lossaudit.report.pictures import NARROW, WIDE, picture
from lossaudit.report.plots import PAPER
from tests.report.pages import Elements


def test_a_plot_names_its_curves_and_lays_the_prediction_over_the_log(page):
    assert "predicted by short-last-batch-counted-as-full" in page
    assert "stroke: var(--predicted)" in page
    assert "stroke: var(--logged)" in page
    assert "fill: var(--band)" in page
    assert page.index("stroke: var(--logged)") < page.index("stroke: var(--predicted)")


def test_colours_are_chosen_by_the_page_for_light_and_dark(page):
    light, dark = page.split("prefers-color-scheme: dark")[:2]
    for name in PAPER:
        assert f"--{name}: #" in light, name
        assert f"--{name}: #" in dark.split("}")[0], name
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "#" not in re.sub(r'(href="|url\()#', "", drawn)
    assert "@media print" in page
    assert "max-width: 40rem" in page


LOSSES = np.float32(2.3) / np.sqrt(1 + np.arange(50.0))
EVIDENCE = Evidence(
    "train <loss>", "step", Curve.of(np.arange(50), LOSSES + 0.1), Curve.of(np.arange(50), LOSSES)
)


def test_a_picture_is_one_element_with_the_evidence_named_in_text():
    drawn = picture(EVIDENCE, WIDE, "la1")
    assert Elements(drawn).tags.count("svg") == 1
    assert "train <loss>" in Elements(drawn).text
    assert "step" in Elements(drawn).text
    assert drawn == picture(EVIDENCE, WIDE, "la1")


def test_every_id_begins_with_the_prefix_and_every_reference_has_its_id():
    drawn = picture(EVIDENCE, NARROW, "la1")
    ids = re.findall(r'id="([^"]*)"', drawn)
    assert ids
    assert all(one.startswith("la1-") for one in ids)
    assert set(re.findall(r'(?:href="|url\()#([\w-]+)', drawn)) <= set(ids)


def test_numbers_are_rounded_to_a_tenth_of_a_pixel():
    drawn = picture(EVIDENCE, WIDE, "la1")
    places = " ".join(re.findall(r' (?:d|x|y|transform)="([^"]*)"', drawn))
    assert re.search(r"\d\.\d", places)
    assert not re.search(r"\d\.\d\d", places)


def test_a_picture_for_a_phone_is_narrower_and_not_scaled():
    boxes = [
        re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', picture(EVIDENCE, size, "la1")).groups()
        for size in (WIDE, NARROW)
    ]
    assert boxes == [(f"{size.width * 72:g}", f"{size.height * 72:g}") for size in (WIDE, NARROW)]
