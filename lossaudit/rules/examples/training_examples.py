"""Examples of callbacks and models that are trained with `fit`."""

from __future__ import annotations

from lossaudit.rules.examples.example import add_example

add_example(
    "LA102",
    "fit",
    wrong="""
class BatchLosses(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


model.fit(data, epochs=2, callbacks=[BatchLosses()])
""",
    right="""
from lossaudit.keras import LossRecorder

recorder = LossRecorder()
model.fit(data, epochs=2, callbacks=[recorder])
losses = recorder.recording.find(split="train").values
""",
)
add_example(
    "LA301",
    "fit",
    wrong="""
class ValidationLosses(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.val_losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.val_losses.append(logs.get("val_loss"))


model.fit(data, epochs=2, validation_data=data, callbacks=[ValidationLosses()])
""",
    right="""
class ValidationLosses(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.val_losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.val_losses.append(logs["val_loss"])


model.fit(data, epochs=2, validation_data=data, callbacks=[ValidationLosses()])
""",
)
add_example(
    "LA401",
    "fit",
    wrong="""
class Model(keras.Sequential):
    def train_step(self, batch):
        x, y = batch
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - self(x, training=True)))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}


model = Model([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd")
model.fit(data, epochs=2)
""",
    right="""
from lossaudit.keras import RecordingMean


class Model(keras.Sequential):
    def __init__(self, layers):
        super().__init__(layers)
        self.mean = RecordingMean(name="loss")

    def train_step(self, batch):
        x, y = batch
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - self(x, training=True)))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.mean.update_state(loss, sample_weight=tf.shape(x)[0])
        return {"loss": self.mean.result()}


model = Model([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd")
model.fit(data, epochs=2)
""",
)
add_example(
    "LA406",
    "fit",
    wrong="""
inputs = keras.Input((1,))
a, b = (keras.layers.Dense(1, name=name, kernel_initializer="ones")(inputs) for name in "ab")
model = keras.Model(inputs, {"a": a, "b": b})
model.compile("sgd", loss={"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 10.0})
model.fit(x, {"a": y, "b": y}, batch_size=4, epochs=2)  # 10 rows: the last batch has 2
""",
    right="""
inputs = keras.Input((1,))
a, b = (keras.layers.Dense(1, name=name, kernel_initializer="ones")(inputs) for name in "ab")
model = keras.Model(inputs, {"a": a, "b": b})
model.compile("sgd", loss={"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 10.0})
model.fit(x, {"a": y, "b": y}, batch_size=5, epochs=2)
""",
)
