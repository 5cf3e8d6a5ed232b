"""Records predictions and targets of the first rows of every tenth batch, in the training step."""

import keras
import numpy as np

from lossaudit.keras import LossRecorder

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(400, 4)).astype("float32")
y = x.sum(axis=1, keepdims=True)

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1), "mse")

# The first three rows of every tenth batch.
recorder = LossRecorder(predictions=(10, 3))
model.fit(x, y, batch_size=16, epochs=2, verbose=0, callbacks=[recorder])

for sample in recorder.predictions:
    pairs = zip(sample.targets[:, 0], sample.predictions[:, 0], strict=True)
    print(
        f"step {sample.step:2}:",
        ", ".join(f"{target:+.2f} ~ {predicted:+.2f}" for target, predicted in pairs),
    )
errors = [
    float(np.abs(sample.targets - sample.predictions).mean()) for sample in recorder.predictions
]
print("The last predictions are closer than the first:", errors[-1] < errors[0])
