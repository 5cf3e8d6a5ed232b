"""Calls Keras' callbacks and your own from a hand-written loop.

On a plateau, `ReduceLROnPlateau` lowers the optimizer's learning rate in such a loop as well.
"""

import keras
import numpy as np
import tensorflow as tf

import lossaudit
from lossaudit.keras import LossAudit, fit_loop


class Rates(keras.callbacks.Callback):
    """Remembers the learning rate after every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.rates = []

    def on_epoch_end(self, epoch, logs=None):
        """Read it from the optimizer."""
        self.rates.append(float(self.model.optimizer.learning_rate))


keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
# Noise: there is nothing to learn, so the loss soon reaches a plateau.
y = np.random.default_rng(1).normal(size=(200, 1)).astype("float32")
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.5), "mse")

# Your own loop: the CallbackList passes every event to each callback. The learning rate is a
# variable of the graph, so that a compiled step sees its changes.
rates = Rates()
plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=0.01)
callbacks = keras.callbacks.CallbackList([plateau, rates], model=model)
callbacks.on_train_begin()
for epoch in range(6):
    mean = lossaudit.WeightedMean()
    callbacks.on_epoch_begin(epoch)
    for step, (inputs, targets) in enumerate(data):
        callbacks.on_train_batch_begin(step)
        loss = model.train_on_batch(inputs, targets)
        mean.update_state(loss, sample_weight=len(inputs))
        callbacks.on_train_batch_end(step, {"loss": loss})
    callbacks.on_epoch_end(epoch, {"loss": mean.result()})
callbacks.on_train_end()
print("The rate in the loop went", " -> ".join(f"{rate:g}" for rate in dict.fromkeys(rates.rates)))
print("The rate was lowered:", rates.rates[-1] < rates.rates[0])

# `fit_loop` is a complete loop of this kind, with the same events as `fit`. The audit is a
# callback like any other.
rates, audit = Rates(), LossAudit("ignore")
model.optimizer.learning_rate = 0.5
plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=0.01)
fit_loop(model, data, epochs=6, callbacks=[plateau, rates, audit])
print("The rate in fit_loop went", " -> ".join(f"{rate:g}" for rate in dict.fromkeys(rates.rates)))
print("History is right:", audit.report.ok)
