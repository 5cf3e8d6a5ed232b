"""LossRecorder in real trainings: it captures every batch and does not change the training."""

from __future__ import annotations

import pickle

import keras
import pytest
import tensorflow as tf

import lossaudit
from lossaudit import audit
from lossaudit.keras import LossAudit, LossRecorder, Summaries
from tests.keras.programs import WAYS, Spy, data, fit, model, same_weights
from tests.keras.test_summaries import scalars

SETUPS = WAYS | {
    "16 steps an execution": {"steps_per_execution": 16},
    "regularised": {"regularizer": "l2"},
    "noisy": {"noisy": True},
    "metrics": {"metrics": ["mae"]},
}


@pytest.mark.slow
@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
def test_history_weights_and_events_are_the_same_bits_with_and_without(setup):
    plain, recorded = model(**setup), model(**setup)
    spies, recorder = [Spy(), Spy()], LossRecorder()
    fit(plain, data(), epochs=2, validation_data=data(20), callbacks=[spies[0]])
    fit(recorded, data(), epochs=2, validation_data=data(20), callbacks=[spies[1], recorder])
    assert plain.history.history == recorded.history.history
    assert same_weights(plain, recorded)
    assert spies[0].events == spies[1].events


@pytest.mark.slow
@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
def test_every_train_and_validation_batch_is_captured_with_rows_step_epoch_and_split(setup):
    recorder = LossRecorder()
    fit(model(**setup), data(50, 8), epochs=2, validation_data=data(20, 8), callbacks=[recorder])
    train, validation = (recorder.recording.find(split=split) for split in ("train", "validation"))
    assert train.weights.tolist() == [8, 8, 8, 8, 8, 8, 2] * 2
    assert train.epochs.tolist() == [0] * 7 + [1] * 7
    assert train.steps.tolist() == list(range(14))
    assert validation.weights.tolist() == [8, 8, 4] * 2
    assert validation.epochs.tolist() == [0] * 3 + [1] * 3


def test_captured_losses_are_those_computed_by_hand():
    frozen, recorder = model(optimizer=keras.optimizers.SGD(0.0), regularizer="l2"), LossRecorder()
    fit(frozen, data(), callbacks=[recorder])

    @tf.function(input_signature=data().element_spec)
    def by_hand(x, y):
        return tf.reduce_mean((y - frozen(x)) ** 2) + tf.add_n(frozen.losses)

    captured = recorder.recording.find(split="train")
    assert captured.values.tolist() == [float(by_hand(x, y)) for x, y in data()]
    assert captured.weights.tolist() == [len(x) for x, _ in data()]


def test_what_keras_reports_is_what_the_recording_says_it_should_be():
    recorder = LossRecorder()
    history = fit(
        model(), data(), epochs=3, validation_data=data(20), callbacks=[recorder]
    ).history
    report = audit(recorder.recording, history)
    assert [one.verdict for one in report.verdicts] == ["exact", "exact"]


def test_each_fit_has_a_recording_of_its_own_and_the_latest_is_at_hand():
    network, recorder = model(), LossRecorder()
    for rows in (50, 20):
        fit(network, data(rows), callbacks=[recorder])
    assert [len(recording.find(split="train")) for recording in recorder.recordings] == [7, 3]
    assert len(recorder.recording.find(split="train")) == 3


def test_epochs_count_from_the_initial_epoch():
    recorder = LossRecorder()
    fit(model(), data(8), initial_epoch=3, epochs=5, callbacks=[recorder])
    assert recorder.recording.find(split="train").epochs.tolist() == [3, 4]


@pytest.mark.slow
def test_checkpoints_and_restored_weights_are_those_of_a_training_without_the_recorder(tmp_path):
    networks = []
    for recorders in ([], [LossRecorder()]):
        network, place = model(optimizer="adam"), tmp_path / str(len(recorders))
        keepers = [
            keras.callbacks.ModelCheckpoint(place / "{epoch}.keras"),
            keras.callbacks.BackupAndRestore(place / "backup"),
            keras.callbacks.EarlyStopping("loss", restore_best_weights=True),
        ]
        fit(network, data(), epochs=2, validation_data=data(20), callbacks=[*recorders, *keepers])
        networks.append((network, keras.models.load_model(place / "1.keras")))
    (plain, plain_saved), (recorded, recorded_saved) = networks
    assert same_weights(plain, recorded)
    assert same_weights(plain_saved, recorded_saved)
    assert same_weights(plain_saved.optimizer, recorded_saved.optimizer)


def test_evaluate_with_the_recorder_is_a_test_split():
    network, recorder = model(), LossRecorder()
    loss = network.evaluate(data(20), verbose=0, callbacks=[recorder])
    report = audit(recorder.recording, {"test_loss": [loss]})
    assert report.ok
    assert len(recorder.recording.find(split="test")) == 3


def test_evaluate_in_a_batch_hook_is_never_mixed_into_train_and_the_reset_is_noted():
    class Evaluating(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.model.evaluate(data(20), verbose=0)

    recorder = LossRecorder()
    fit(model(), data(), epochs=1, validation_data=data(10), callbacks=[Evaluating(), recorder])
    recording = recorder.recording
    lengths = {series.split: len(series) for series in recording.series}
    assert lengths == {"train": 7, "validation": 2, "test": 3}
    assert recording.metadata["resets"] == [3]


def test_two_recorders_in_one_list_capture_the_same():
    recorders = [LossRecorder(), LossRecorder()]
    network = model()
    for _ in range(2):
        fit(network, data(), epochs=2, validation_data=data(20), callbacks=recorders)
    one, other = (recorder.recording for recorder in recorders)
    assert one.find(split="train").values.tolist() == other.find(split="train").values.tolist()
    assert "_lossaudit_attachment" not in vars(network)


@pytest.mark.slow
def test_recorders_in_one_list_each_have_all_that_they_asked_for(tmp_path):
    audit, plain, path = LossAudit("raise"), LossRecorder(), tmp_path / "run.lossaudit"
    in_file, summaries = (
        LossRecorder(path, rows=50, predictions=(3, 2)),
        Summaries(tmp_path, metrics=True),
    )
    network = model(metrics=["mae"])
    for _ in range(2):
        fit(
            network,
            data(),
            epochs=2,
            validation_data=data(20),
            callbacks=[plain, audit, in_file, summaries],
        )
    written = lossaudit.read(path)
    assert written.find(tag="loss", split="train").steps.tolist() == list(range(28))
    assert written.find(tag="mae", split="validation").steps.tolist() == list(range(6)) * 2
    assert written.metadata["rows"] == 50
    assert [sample.step for sample in in_file.predictions if sample.split == "train"] == [
        14,
        17,
        20,
        23,
        26,
    ]
    assert plain.recording.find(tag="mae", split="train").steps.tolist() == list(range(14, 28))
    steps = [step for step, _ in scalars(tmp_path / "train")["batch_mae"]]
    assert steps == list(range(28))
    assert audit.report.ok


def test_predictions_for_two_recorders_of_one_training_are_refused():
    message = "only one recorder of a training can record predictions; two ask to"
    with pytest.raises(ValueError, match=message):
        fit(
            model(),
            data(),
            callbacks=[LossRecorder(predictions=(1, 1)), LossRecorder(predictions=(2, 2))],
        )


def test_a_ring_smaller_than_an_epoch_loses_nothing():
    class Small(LossRecorder):
        capacity = 16

    recorder = Small()
    fit(model(), data(300, 4), epochs=2, validation_data=data(100, 4), callbacks=[recorder])
    assert [len(series) for series in recorder.recording.series] == [150, 50]


def test_an_execution_of_more_steps_than_the_ring_has_rows_loses_nothing():
    class Small(LossRecorder):
        capacity = 16

    recorder = Small()
    fit(model(steps_per_execution=40), data(300, 4), epochs=2, callbacks=[recorder])
    assert len(recorder.recording.find(split="train")) == 150


class Ninefold(keras.Sequential):
    """A step that updates the tracker more often than its batches are announced."""

    def train_step(self, batch):
        for _ in range(8):
            self._loss_tracker.update_state(1.0)
        return super().train_step(batch)


def test_losses_that_were_overwritten_make_no_series_and_are_said():
    class Small(LossRecorder):
        capacity = 16

    network, recorder = Ninefold([keras.Input((4,)), keras.layers.Dense(1)]), Small()
    network.compile("sgd", "mse")
    fit(network, data(50), callbacks=[recorder])
    assert not recorder.recording.series
    assert recorder.recording.metadata["not_captured"] == {
        "train": "47 losses were overwritten before they were read: the step wrote more often "
        "than batch hooks were called"
    }


def test_early_stopping_ends_the_recording_where_it_ends_the_training():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    recorder = LossRecorder()
    fit(model(), data(), epochs=3, callbacks=[Stop(), recorder])
    assert len(recorder.recording.find(split="train")) == 3


class OwnLoss(keras.Sequential):
    """The `train_step` of many examples: its own loss, which Keras' tracker never gets."""

    def train_step(self, batch):
        x, y = batch
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


def test_a_step_that_bypasses_the_tracker_is_said_and_not_guessed():
    network, recorder = OwnLoss([keras.Input((4,)), keras.layers.Dense(1)]), LossRecorder()
    network.compile("sgd", "mse")
    history = fit(network, data(), epochs=2, callbacks=[recorder]).history
    # Keras logs the result of its tracker, which was never updated.
    assert history["loss"] == [0.0, 0.0]
    (finding,) = audit(recorder.recording, history).findings
    assert (finding.code, finding.verdict) == ("LA401", "undecidable")
    assert finding.cause == "untouched-tracker-shown-as-epoch"
    assert finding.message.startswith(
        "loss: 14 batches of the train split were run, but the losses of 0 were recorded: the "
        "step does not update the model's loss tracker. The logged value is the mean of nothing: "
        "`train_step` "
        "returns a raw loss"
    )
    assert "self._loss_tracker.update_state(loss, sample_weight=rows)" in finding.remedy


def test_a_model_can_be_saved_loaded_cloned_and_pickled_afterwards(tmp_path):
    network = model()
    fit(network, data(), callbacks=[LossRecorder()])
    network.save(tmp_path / "model.keras")
    others = [
        keras.models.load_model(tmp_path / "model.keras"),
        pickle.loads(pickle.dumps(network)),
    ]
    assert all(same_weights(network, other) for other in others)
    assert len(keras.models.clone_model(network).get_weights()) == len(network.get_weights())
