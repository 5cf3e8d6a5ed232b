"""Models and data whose gaps are known, and the audit of their trainings.

Inputs, targets and weights are small dyadic numbers wherever a part must be exactly zero: then no
operation rounds.
"""

from __future__ import annotations

from fractions import Fraction

import keras
import numpy as np
import tensorflow as tf

from lossaudit.keras import LossAudit

ROWS = 32


RANDOM = np.random.default_rng(0)


X = RANDOM.integers(-2, 3, (ROWS, 4)).astype(np.float32)


Y = (X.sum(1, keepdims=True) + RANDOM.integers(-1, 2, (ROWS, 1))).astype(np.float32)


LABELS = (Y > 0).astype(np.float32)


WEIGHTS = RANDOM.integers(0, 9, ROWS).astype(np.float32) / 4


def network(*layers, rate=0.0, kind=keras.Sequential, **compiled):
    """A linear model after the given layers; its weights are powers of two."""
    keras.utils.set_random_seed(1)
    model = kind([keras.Input((4,)), *layers, keras.layers.Dense(1, kernel_initializer=halves)])
    model.compile(keras.optimizers.SGD(rate), compiled.pop("loss", "mse"), **compiled)
    return model


def halves(shape, dtype=None):
    return np.full(shape, 0.5, dtype or "float32")


def audited(model, x=X, y=Y, *others, **arguments):
    """The audit of a training in the order of the data, of one epoch."""
    audit = LossAudit(on_violation="ignore", explain_gap=True)
    arguments = {"shuffle": False, "verbose": 0} | arguments
    if isinstance(x, np.ndarray):
        arguments = {"batch_size": 8} | arguments
    model.fit(x, y, callbacks=[*others, audit], **arguments)
    return audit


def gap_of(*arguments, **keywords):
    audit = audited(*arguments, **keywords)
    assert audit.gap is not None, str(audit.report)
    assert sum(audit.gap.parts.values()) == Fraction(audit.gap.reported) - Fraction(
        audit.gap.evaluated
    )
    assert audit.report.ok, str(audit.report)
    return audit.gap


def parts_that_are_not_zero(gap):
    return [name for name, part in gap.parts.items() if part]


class Penalised(keras.layers.Layer):
    """A weight that affects no output; each step at a rate of 2 halves it, and its penalty."""

    def build(self, shape):
        self.weight = self.add_weight(
            (), initializer="ones", regularizer=lambda weight: weight**2 / 8
        )

    def call(self, x):
        return x


def penalised():
    model = network(Penalised())
    model.layers[-1].trainable = False
    model.compile(keras.optimizers.SGD(2.0), "mse")
    return model


def in_form(form, *columns):
    if form == "array":
        return columns
    data = tf.data.Dataset.from_tensor_slices(columns).batch(8)
    return (data if form == "dataset" else Shuffling(columns)), None


class Shuffling(keras.utils.PyDataset):
    """Batches of another order after every epoch."""

    def __init__(self, columns):
        super().__init__()
        self.columns, self.told = columns, 0

    def __len__(self):
        return ROWS // 8

    def __getitem__(self, index):
        return tuple(column[index * 8 : (index + 1) * 8] for column in self.columns)

    def on_epoch_end(self):
        self.told += 1
