"""Patches: every attribute is afterwards what and where it was before."""

from __future__ import annotations

import keras
import pytest

from lossaudit.keras.patches import Attribute, Patch, patched


class Owner:
    method = staticmethod(lambda: "inherited")


def test_an_inherited_attribute_is_inherited_again():
    owner = Owner()
    patch = Patch(owner, "method", lambda: "patched")
    assert owner.method() == "patched"
    patch.undo()
    assert (owner.method(), vars(owner)) == ("inherited", {})


@pytest.mark.parametrize("before", ["a value", None])
def test_an_own_attribute_is_put_back(before):
    owner = Owner()
    owner.method = before
    Patch(owner, "method", "patched").undo()
    assert vars(owner) == {"method": before}


def test_a_class_gets_back_the_descriptor_and_not_what_it_is_bound_to():
    before = vars(Owner)["method"]
    with patched((Owner, "method", lambda self: "patched")):
        assert Owner().method() == "patched"
    assert vars(Owner)["method"] is before


def test_patches_of_one_attribute_are_undone_in_reverse_order_also_after_an_error():
    owner = Owner()

    def fail():
        with patched((owner, "method", "first"), (owner, "method", "second")):
            raise RuntimeError(owner.method)

    with pytest.raises(RuntimeError, match="second"):
        fail()
    assert vars(owner) == {}


def test_an_attribute_that_was_not_there_is_taken_away():
    owner = Owner()
    attribute = Attribute(owner, "other")
    owner.other = 1
    attribute.restore()
    attribute.restore()
    assert vars(owner) == {}


def test_keras_does_not_track_what_a_patch_sets():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    before = len(model.metrics), sorted(vars(model))
    with patched((model, "extra", keras.metrics.Mean())):
        assert len(model.metrics) == before[0]
    assert (len(model.metrics), sorted(vars(model))) == before
