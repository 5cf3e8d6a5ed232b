"""Digits that printing cut off: found by the numbers alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import lossaudit
from lossaudit.formats.digits import decimals_of, widened
from tests.formats.notes import notes


@pytest.mark.parametrize(
    ("texts", "decimals"),
    [
        (["1.0", "2.0", "9.0"], None),  # each is a float32 as it stands
        (["0.5", "0.25"], None),
        ([repr(float(np.float32(0.1))), "0.5"], None),
        (["0.1", "0.5"], 1),
        ([f"{x:.3g}" for x in (2.30259, 0.000123456)], 2),
        ([f"{x:.4e}" for x in (2.30259, 12.3456)], 3),
        (["nan", "inf", "0"], None),
    ],
)
def test_decimals_are_found_by_the_digits(texts, decimals):
    assert decimals_of(np.array([float(text) for text in texts])) == decimals


def test_float32_that_numpy_printed_short_is_read_back(written):
    losses = np.random.default_rng(0).lognormal(size=100).astype(np.float32)
    frame = pd.DataFrame({"step": range(100), "loss": losses})
    frame.to_csv(path := written(""), index=False)
    recording = lossaudit.read(path)
    assert recording.find().values.tolist() == losses.tolist()
    assert "loss: printed as float32 and read as float32" in notes(recording)


@pytest.mark.parametrize("decimals", range(1, 7))
def test_numbers_printed_to_some_decimals_are_found_to_have_so_many(decimals):
    losses = np.random.default_rng(0).lognormal(size=200)
    printed = np.array([float(f"{loss:.{decimals}f}") for loss in losses.tolist()])
    assert decimals_of(printed) == decimals


@pytest.mark.parametrize("size", [1, 3, 5000])
def test_losses_with_all_their_digits_look_neither_rounded_nor_like_float32(size):
    losses = np.random.default_rng(0).lognormal(size=size)
    assert decimals_of(losses) is None
    assert widened(losses) is None


def test_float32_is_read_back_from_its_shortest_digits_and_one_other_number_prevents_it():
    losses = np.random.default_rng(0).lognormal(size=5000).astype(np.float32)
    shortest = np.array([float(str(loss)) for loss in losses])
    assert np.array_equal(widened(shortest), losses)
    assert widened(np.append(shortest, 1 / 3)) is None
    assert widened(losses.astype(np.float64)) is None


def test_nothing_to_tell_the_digits_from_is_no_rounding():
    for values in ([], [0.0], [np.nan, np.inf], [-0.0, 0.0]):
        assert decimals_of(np.array(values)) is None
        assert widened(np.array(values)) is None
