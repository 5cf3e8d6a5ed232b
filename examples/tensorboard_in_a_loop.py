"""Writes TensorBoard scalars from a hand-written loop over a subclassed model.

There are two writers, metrics, and gradients by layer. `tensorboard --logdir FOLDER` shows them.
The folder is the first argument, or a temporary one.
"""

import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf

from lossaudit.keras import Summaries


class Regressor(keras.Model):
    """A model of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(16, activation="relu", name="hidden")
        self.out = keras.layers.Dense(1, name="out")

    def call(self, inputs):
        """Return one number for each row."""
        return self.out(self.hidden(inputs))


keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(1000, 8)).astype("float32")
y = x @ np.ones((8, 1), "float32")
train = tf.data.Dataset.from_tensor_slices((x[:900], y[:900])).batch(64)
validation = tf.data.Dataset.from_tensor_slices((x[900:], y[900:])).batch(64)

model, optimizer = Regressor(), keras.optimizers.Adam(0.01)
model(x[:1])


@tf.function(input_signature=train.element_spec)
def train_step(inputs, targets):
    """Return loss, absolute error, and the variance of each layer's kernel gradient."""
    with tf.GradientTape() as tape:
        errors = model(inputs) - targets
        loss = tf.reduce_mean(errors**2)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    kernels = zip((model.hidden, model.out), gradients[::2], strict=True)
    variances = {
        f"gradient_variance_{layer.name}": tf.math.reduce_variance(one) for layer, one in kernels
    }
    return {"loss": loss, "mae": tf.reduce_mean(tf.abs(errors)), **variances}


@tf.function(input_signature=validation.element_spec)
def test_step(inputs, targets):
    """Return loss and absolute error."""
    errors = model(inputs) - targets
    return {"loss": tf.reduce_mean(errors**2), "mae": tf.reduce_mean(tf.abs(errors))}


def run(step, batches, summaries, split):
    """Write the numbers of every batch of one pass, then the means over the rows."""
    means = {}
    for inputs, targets in batches:
        scalars = step(inputs, targets)
        summaries.batch(split=split, **scalars)
        for name, value in scalars.items():
            means.setdefault(name, keras.metrics.Mean()).update_state(
                value, sample_weight=len(inputs)
            )
    summaries.epoch(split=split, **{name: mean.result() for name, mean in means.items()})
    return float(means["loss"].result())


folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
with Summaries(folder) as writers:
    for epoch in range(3):
        losses = (
            run(train_step, train, writers, "train"),
            run(test_step, validation, writers, "validation"),
        )
        print(f"epoch {epoch}: train loss {losses[0]:.4f}, validation loss {losses[1]:.4f}")
print("written to", folder)
