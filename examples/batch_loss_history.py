"""Records the loss of every train and validation batch.

In a batch hook, `logs["loss"]` is the running mean instead.
"""

import keras
import numpy as np

import lossaudit
from lossaudit.keras import LossRecorder

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(1000, 8)).astype("float32")
y = x @ np.arange(8, dtype="float32")[:, None]

model = keras.Sequential(
    [keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)]
)
model.compile("adam", "mse")

recorder = LossRecorder()
history = model.fit(
    x[:900],
    y[:900],
    validation_data=(x[900:], y[900:]),
    batch_size=64,
    epochs=3,
    verbose=0,
    callbacks=[recorder],
)

train = recorder.recording.find(split="train")
validation = recorder.recording.find(split="validation")
for step, epoch, loss, rows in zip(
    train.steps, train.epochs, train.values, train.weights, strict=True
):
    if rows < 64:
        print(f"epoch {epoch}, step {step}: loss {loss:.4f} over a short batch of {rows:.0f} rows")
print(f"{len(train)} train and {len(validation)} validation batches")

report = lossaudit.audit(recorder.recording, history.history)
print("History is right:", report.ok)
