"""Examples of accumulators and intrusive callbacks, which the conformance suite tests."""

from __future__ import annotations

from lossaudit.rules.examples.example import add_example

add_example(
    "LA111",
    "accumulator",
    wrong="""
class Mine(Mean):
    def reset_state(self):
        self.total = 0.0
""",
    right="""
class Mine(Mean):
    def reset_state(self):
        self.total, self.count = 0.0, 0
""",
)
add_example(
    "LA112",
    "accumulator",
    wrong="""
class Mine(Mean):
    def result(self):
        self.total /= self.count
        return self.total
""",
    right="""
class Mine(Mean):
    def result(self):
        return self.total / self.count
""",
)
add_example(
    "LA113",
    "accumulator",
    wrong="""
class Mine(Mean):
    def update_state(self, value, sample_weight=1):
        self.total = 0.9 * self.total + 0.1 * value if self.count else value
        self.count = 1
""",
    right="""
class Mine(Mean):
    def update_state(self, value, sample_weight=1):
        self.total += value * sample_weight
        self.count += sample_weight
""",
)
add_example(
    "LA114",
    "accumulator",
    wrong="""
class Mine(Mean):
    def merge_state(self, other):
        if other.count:
            mean = (self.result() + other.result()) / 2 if self.count else other.result()
            self.total, self.count = mean, 1
""",
    right="""
class Mine(Mean):
    def merge_state(self, other):
        self.total += other.total
        self.count += other.count
""",
)
add_example(
    "LA115",
    "accumulator",
    wrong="""
class Mine(Mean):
    def update_state(self, value, sample_weight=1):
        self.total += value * sample_weight
        self.count += 1
""",
    right="""
class Mine(Mean):
    def update_state(self, value, sample_weight=1):
        self.total += value * sample_weight
        self.count += sample_weight
""",
)
add_example(
    "LA116",
    "accumulator",
    wrong="""
class Mine:
    pairs = []

    def update_state(self, value, sample_weight=1):
        self.pairs.append((value, sample_weight))

    def result(self):
        return sum(value * weight for value, weight in self.pairs) / sum(
            weight for _, weight in self.pairs
        )

    def reset_state(self):
        self.pairs.clear()
""",
    right="""
class Mine:
    def __init__(self):
        self.pairs = []

    def update_state(self, value, sample_weight=1):
        self.pairs.append((value, sample_weight))

    def result(self):
        return sum(value * weight for value, weight in self.pairs) / sum(
            weight for _, weight in self.pairs
        )

    def reset_state(self):
        self.pairs.clear()
""",
)
add_example(
    "LA117",
    "accumulator",
    wrong="""
class Mine(Mean):
    def get_state(self):
        return self.total / self.count if self.count else 0.0

    def set_state(self, state):
        self.total, self.count = state, 1 if state else 0
""",
    right="""
class Mine(Mean):
    def get_state(self):
        return self.total, self.count

    def set_state(self, state):
        self.total, self.count = state
""",
)
add_example(
    "LA411",
    "callback",
    wrong="""
class Mine(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        for key in logs:
            logs[key] = round(logs[key], 3)
        print(epoch, logs)
""",
    right="""
class Mine(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(epoch, {key: round(value, 3) for key, value in logs.items()})
""",
)
add_example(
    "LA412",
    "callback",
    wrong="""
class Mine(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.loss = self.model.evaluate(np.ones((4, 1)), np.ones((4, 1)), verbose=0)
""",
    right="""
class Mine(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.loss = self.model.evaluate(np.ones((4, 1)), np.ones((4, 1)), verbose=0)
""",
)
