"""Name: the tag, the split and the cover that a name expresses. Only this module parses names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from lossaudit.recording import keys

Covers = Literal["batch", "epoch_so_far", "epoch"]
Split = Literal["train", "validation", "test", "predict"]

EITHER = frozenset({"eval", "evaluation"})
"""Words that some programs use for validation and others for a test."""

_SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "predict": "predict",
    # During training, "evaluation" data are those that the training is validated on.
    **dict.fromkeys(sorted(EITHER), "validation"),
}
_COVERS: dict[str, Covers] = {
    "batch": "batch",
    "step": "batch",
    "iteration": "batch",
    "running": "epoch_so_far",
    "cumulative": "epoch_so_far",
    "epoch": "epoch",
}
_LOSS = frozenset({"loss", "losses", "objective", "cost", "costs"})
_BATCH = frozenset({"batch", "batches", "step", "steps", "iteration", "iterations"})
_EPOCH = frozenset({"epoch", "epochs"})
_MEAN = frozenset(
    {"avg", "average", "averages", "cumulative", "mean", "means", "running", "smooth", "smoothed"}
)
_PLAIN = frozenset(
    {
        "all",
        "array",
        "by",
        "data",
        "end",
        "far",
        "history",
        "list",
        "log",
        "logged",
        "logs",
        "my",
        "per",
        "record",
        "recorded",
        "records",
        "result",
        "results",
        "series",
        "so",
        "total",
        "totals",
        "value",
        "values",
    }
)
_SEPARATOR = re.compile(r"[/_.\-: ]+")
_HISTORY_KEY = re.compile(r"(?:.*\[')?((?:val_)?\w*loss)(?:'\])?")
_OF_KERAS = re.compile(r"(History|CSVLogger|TensorBoard)\b.*|(val_)?\w*loss")
# A run of capitals is one word: `MSELoss` gives `mse` and `loss`.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Name:
    """The name of a column, a key, an attribute or a summary, and the meaning of its words.

    A property is None if no word expresses it: nothing is guessed.

    Args:
        text: the name as it was written.

    >>> name = Name("val_loss")
    >>> name.tag, name.split, name.covers
    ('loss', 'validation', None)
    >>> Name("epoch_accuracy").covers, Name("Loss/train").split, Name("Loss/train").tag
    ('epoch', 'train', 'loss')
    """

    text: str

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words in lower case, from snake case, camel case or any other separator.

        >>> sorted(Name("BatchLossHistory.val_losses").words)
        ['batch', 'history', 'loss', 'losses', 'val']
        """
        return frozenset(word.lower() for word in _WORD.findall(self.text))

    @cached_property
    def split(self) -> Split | None:
        """The split that a word of the name expresses, or None.

        >>> Name("ValidationMonitor").split, Name("losses").split
        ('validation', None)
        """
        # Sorted, because the order of a set differs from process to process.
        named = (word for word in (*self._parts, *sorted(self.words)) if word in _SPLITS)
        return next((_SPLITS[word] for word in named), None)

    @cached_property
    def covers(self) -> Covers | None:
        """What one number covers, by the first word that expresses it, or None.

        >>> Name("evaluation_kl_loss_vs_iterations").covers
        'epoch'
        """
        if self._series:
            return "epoch"
        return next((_COVERS[word] for word in self._parts if word in _COVERS), None)

    @cached_property
    def tag(self) -> str:
        """The name without the words for split and cover at its ends.

        If no other word is left, the tag is "loss".

        >>> Name("evaluation_kl_loss_vs_iterations").tag, Name("train/mae").tag
        ('kl_loss', 'mae')
        """
        if self._series:
            return Name(self._series).tag
        if self.is_plain and (self.is_loss or not self._bare):
            return keys.LOSS
        return self._bare or self.text

    @property
    def is_loss(self) -> bool:
        """Whether a word of the name means a loss."""
        return bool(self.words & _LOSS)

    @property
    def is_plain(self) -> bool:
        """Whether no word suggests that the numbers are anything but the loss.

        >>> Name("val_losses").is_plain, Name("kl_loss").is_plain, Name("accuracies").is_plain
        (True, False, False)
        """
        return self.words <= _LOSS | _BATCH | _EPOCH | _MEAN | _PLAIN | _SPLITS.keys()

    @cached_property
    def history_key(self) -> str:
        """The key of a loss in a History, alone or in brackets; empty where it is none.

        >>> Name("History.history['val_loss']").history_key, Name("accuracy").history_key
        ('val_loss', '')
        """
        found = _HISTORY_KEY.fullmatch(self.text)
        return found[1] if found else ""

    @property
    def is_of_keras(self) -> bool:
        """Whether Keras itself gives this name: to its callbacks or to losses of a History."""
        return _OF_KERAS.fullmatch(self.text) is not None

    @property
    def is_against_iterations(self) -> bool:
        """Whether Keras' TensorBoard callback logs these numbers against iterations."""
        return self.text.endswith("_vs_iterations")

    def promises(
        self, length: int, epochs: int, *, without: frozenset[str] = frozenset()
    ) -> Covers | None:
        """What each number covers, by the name and by how many numbers there are.

        Args:
            length: number of numbers.
            epochs: number of epochs of the run.
            without: words to ignore.

        Returns:
            None if the name has no word for a loss, a mean, batches or epochs.
        """
        words = self.words - without
        if not words & (_LOSS | _BATCH | _EPOCH | _MEAN):
            return None
        # So few numbers cannot be of batches, unless an epoch has only one.
        if not words & _BATCH and (words & _EPOCH or length <= epochs):
            return "epoch"
        return "epoch_so_far" if words & _MEAN else "batch"

    @cached_property
    def _parts(self) -> list[str]:
        return _SEPARATOR.split(self.text.lower())

    @cached_property
    def _series(self) -> str:
        """The metric in `evaluation_METRIC_vs_iterations`, a tag of Keras' TensorBoard."""
        found = re.match(r"^evaluation_(.+)_vs_iterations$", self.text)
        return found[1] if found else ""

    @cached_property
    def _bare(self) -> str:
        parts = re.split(f"({_SEPARATOR.pattern})", self.text)
        while parts and _is_split_or_cover(parts[0]):
            # The separators are parts as well: each word goes with the one next to it.
            parts = parts[2:]
        while parts and _is_split_or_cover(parts[-1]):
            parts = parts[:-2]
        return "".join(parts)


def of_keras(key: str) -> tuple[Split, str]:
    """The split and the tag of a key of Keras' logs; only the prefix `val_` has a meaning.

    >>> of_keras("val_train_acc")
    ('validation', 'train_acc')
    """
    tag = key.removeprefix("val_")
    return ("train" if tag == key else "validation"), tag


def split_of(word: str) -> Split | None:
    """The split that a single word means; None if it means none."""
    return _SPLITS.get(word.strip().lower())


def _is_split_or_cover(part: str) -> bool:
    return not part or part.lower() in _SPLITS or part.lower() in _COVERS
