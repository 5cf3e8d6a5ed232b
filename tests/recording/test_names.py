"""What the words of a name say: tag, split and cover, and nothing that they do not say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossaudit.recording.names import Name, of_keras, split_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("loss", ("loss", None, None)),
        ("val_loss", ("loss", "validation", None)),
        ("train/loss", ("loss", "train", None)),
        ("Loss/validation", ("loss", "validation", None)),
        ("train_loss_step", ("loss", "train", "batch")),
        ("train_loss_epoch", ("loss", "train", "epoch")),
        ("running_loss", ("loss", None, "epoch_so_far")),
        ("epoch_val_kl_loss", ("kl_loss", "validation", "epoch")),
        ("val_a_loss", ("a_loss", "validation", None)),
        ("eval_samples_per_second", ("samples_per_second", "validation", None)),
        ("epoch_learning_rate", ("learning_rate", None, "epoch")),
        ("test", ("loss", "test", None)),
        ("steps_per_second", ("steps_per_second", None, None)),
    ],
)
def test_a_name_gives_tag_split_and_cover(text, said):
    name = Name(text)
    assert (name.tag, name.split, name.covers) == said


WORDS = [
    "loss",
    "val",
    "train",
    "eval",
    "epoch",
    "batch",
    "step",
    "kl",
    "accuracy",
    "running",
    "a",
]


@given(words=st.lists(st.sampled_from(WORDS), min_size=1), separator=st.sampled_from("_/.- "))
def test_the_tag_of_a_tag_is_the_tag(words, separator):
    tag = Name(separator.join(words)).tag
    assert tag
    assert Name(tag).tag == tag


@pytest.mark.parametrize(
    ("text", "length", "promised"),
    [
        ("losses", 30, "batch"),
        ("losses", 3, "epoch"),
        ("batch_losses", 3, "batch"),
        ("epoch_losses", 30, "epoch"),
        ("mean_losses", 30, "epoch_so_far"),
        ("mean_losses", 3, "epoch"),
        ("accuracies", 30, None),
    ],
)
def test_what_numbers_of_three_epochs_promise_is_said_by_words_and_length(text, length, promised):
    assert Name(text).promises(length, 3) == promised


def test_words_of_the_surroundings_promise_nothing():
    assert Name("MeanTracker.losses").promises(30, 3) == "epoch_so_far"
    assert Name("MeanTracker.losses").promises(30, 3, without=frozenset({"mean"})) == "batch"


def test_a_key_of_keras_loses_its_prefix_only():
    assert of_keras("val_val_loss") == ("validation", "val_loss")
    assert of_keras("train_loss") == ("train", "train_loss")


def test_a_word_for_a_split_may_stand_in_any_case_and_others_mean_none():
    assert (split_of(" Train "), split_of("VAL"), split_of("training set")) == (
        "train",
        "validation",
        None,
    )
