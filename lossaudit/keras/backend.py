"""Backend: arrays of every Keras back end, and the replicas that TensorFlow computes on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops, tree

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
"""Whether Keras computes with TensorFlow; elsewhere TensorFlow need not be installed."""
if ON_TENSORFLOW:
    import tensorflow as tf

KERAS_VERSION = tuple(int(part) for part in keras.__version__.split(".")[:2])
"""Major and minor version of Keras."""


def array_of(variable: Any) -> Any:
    """A copy of a variable's value as a numpy array."""
    # `ops.convert_to_numpy` of Keras 3.15 calls numpy with TensorFlow variables in a way that
    # numpy 2 warns about.
    return variable.numpy() if ON_TENSORFLOW else np.array(ops.convert_to_numpy(variable))


def length_of(*batches: Any) -> Any:
    """The rows of a batch: the length of the first array that is not None."""
    arrays = (one for batch in batches for one in tree.flatten(batch) if one is not None)
    return ops.shape(next(arrays))[0]


def number_of_replicas(model: Any) -> int:
    """On how many replicas a model is trained; 1 without a `tf.distribute` strategy."""
    strategy = getattr(model, "distribute_strategy", None)
    return int(getattr(strategy, "num_replicas_in_sync", 1))


def scope_of(model: Any) -> AbstractContextManager[Any]:
    """The context in which variables are made on each replica of the model's strategy."""
    strategy = getattr(model, "distribute_strategy", None)
    return nullcontext() if strategy is None else strategy.scope()


def running_replica() -> int | None:
    """The number of the replica whose code is running; None outside of replicas."""
    if (
        not ON_TENSORFLOW
        or not tf.distribute.has_strategy()
        or tf.distribute.in_cross_replica_context()
    ):
        return None
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))


def replicas_of(variable: Any) -> Sequence[Any]:
    """The backend variable of a Keras variable on each replica; one where there are none."""
    value = variable.value
    is_distributed = ON_TENSORFLOW and isinstance(value, tf.distribute.DistributedValues)
    return value.values if is_distributed else [value]
