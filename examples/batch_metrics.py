"""Records several metrics of every batch alone; Keras logs their means over the epoch."""

import keras
import numpy as np

from lossaudit.keras import LossRecorder

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(500, 8)).astype("float32")
y = (x.sum(axis=1) > 0).astype("float32")[:, None]

model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile(
    "adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.Precision(name="precision")]
)

recorder = LossRecorder(metrics=True)
logs = model.fit(x, y, batch_size=64, epochs=2, verbose=0, callbacks=[recorder]).history

for tag in ("loss", "accuracy", "precision"):
    batches = recorder.recording.find(tag=tag, split="train")
    print(tag, "of the first batches:", *(f"{value:.3f}" for value in batches.values[:4]))

accuracy = recorder.recording.find(tag="accuracy", split="train")
last = accuracy.epochs == 1
mean = np.average(accuracy.values[last], weights=accuracy.weights[last])
print(
    f"Accuracy of the epoch from its batches: {mean:.6f},",
    f"and as Keras logs it: {logs['accuracy'][1]:.6f}",
)
