"""Computes the mean loss of an epoch in a hand-written loop, in three ways.

The ways are sum and count of several components, `keras.metrics.Mean`, and
`lossaudit.WeightedMean`. All three are the mean over the epoch's rows. The sum of batch losses
divided by the number of batches is not: the last batch is short.
"""

import keras
import numpy as np
import tensorflow as tf

import lossaudit

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(1000, 8)).astype("float32")
y = x @ np.ones((8, 1), "float32")
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(96)

model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, kernel_regularizer="l2")])
optimizer = keras.optimizers.SGD(0.05)


@tf.function(input_signature=data.element_spec)
def train_step(inputs, targets):
    """Return the losses of a batch, before the weights change."""
    with tf.GradientTape() as tape:
        error = tf.reduce_mean((model(inputs, training=True) - targets) ** 2)
        penalty = tf.add_n(model.losses)
        loss = error + penalty
    optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    return {"loss": loss, "error": error, "penalty": penalty}


recorder = lossaudit.Recorder(rows=len(x))
by_keras, by_lossaudit = [], []
for _epoch in range(2):
    sums, count = dict.fromkeys(["loss", "error", "penalty"], 0.0), 0
    keras_mean, mean = keras.metrics.Mean(), lossaudit.WeightedMean()
    for inputs, targets in data:
        rows, losses = len(inputs), train_step(inputs, targets)
        for name, value in losses.items():
            sums[name] += rows * float(value)
        count += rows
        keras_mean.update_state(losses["loss"], sample_weight=rows)
        mean.update_state(losses["loss"], sample_weight=rows)
        recorder.batch(weight=rows, **losses)
    means = {name: total / count for name, total in sums.items()}
    recorder.end_epoch(**means)
    by_keras.append(float(keras_mean.result()))
    by_lossaudit.append(mean.result())
    print(", ".join(f"{name} {value:.6f}" for name, value in means.items()))

claims = {"epoch_loss": by_keras, "epoch_losses": by_lossaudit}
reports = [lossaudit.audit(recorder.recording, one) for one in (recorder.recording, claims)]
for report in reports:
    print(report)
print("All three are right:", all(report.ok for report in reports))
