"""Name: what a log's name for some numbers says of them."""

from __future__ import annotations

import re
from typing import NamedTuple

from lossaudit.claims import LOSS, SPLITS, is_plain, words_of
from lossaudit.recordings import Covers, Split

_SPLITS: dict[str, Split] = {
    **SPLITS,
    # What is logged beside a training is what it was validated on, whatever the program calls it.
    "eval": "validation",
    "evaluation": "validation",
    "predict": "predict",
}
_COVERS: dict[str, Covers] = {
    "batch": "batch",
    "step": "batch",
    "iteration": "batch",
    "running": "epoch_so_far",
    "cumulative": "epoch_so_far",
    "epoch": "epoch",
}
_SEPARATOR = re.compile(r"[/_.\-: ]+")
_AGAINST_ITERATIONS = re.compile(r"^evaluation_(.+)_vs_iterations$")


class Name(NamedTuple):
    """What a name says: the tag, and the split and the cover where it has a word for them."""

    tag: str
    split: Split | None
    covers: Covers | None


def split_of(word: str) -> Split | None:
    """The split that a word stands for; None if it stands for none."""
    return _SPLITS.get(word.strip().lower())


def name_of(text: str) -> Name:
    """Read a name: a column, a tag of a summary, a key.

    >>> name_of("val_loss")
    Name(tag='loss', split='validation', covers=None)
    >>> name_of("epoch_accuracy"), name_of("Loss/train")
    (Name(tag='accuracy', split=None, covers='epoch'), Name(tag='loss', split='train', covers=None))
    >>> name_of("evaluation_kl_loss_vs_iterations")
    Name(tag='kl_loss', split=None, covers='epoch')
    """
    if found := _AGAINST_ITERATIONS.match(text):  # Keras' TensorBoard callback: one point an evaluation
        return name_of(found[1])._replace(covers="epoch")
    words = _SEPARATOR.split(text.lower())
    split = next((_SPLITS[word] for word in words if word in _SPLITS), None)
    covers = next((_COVERS[word] for word in words if word in _COVERS), None)
    return Name(_tag(text), split, covers)


def _tag(text: str) -> str:
    """The name without the words for split and cover at its ends; "loss" where no other word is left."""
    if is_plain(text) and (words_of(text) & LOSS or not _bare(text)):
        return "loss"
    return _bare(text) or text


def _bare(text: str) -> str:
    parts = re.split(f"({_SEPARATOR.pattern})", text)
    while parts and _is_said(parts[0]):
        parts = parts[2:]
    while parts and _is_said(parts[-1]):
        parts = parts[:-2]
    return "".join(parts)


def _is_said(part: str) -> bool:
    return not part or part.lower() in _SPLITS or part.lower() in _COVERS
