"""Keys of a recording's metadata, and the tags that have a meaning of their own.

A key that several modules write or read is written down here, and only here.
"""

from __future__ import annotations

# Metadata that a reader of logs writes.

FORMAT = "format"
"""Name of the log's format; a recording without it was written by a recorder."""

SOURCE = "source"
"""Path of the log, a string."""

NOTES = "notes"
"""What a reader guessed, left out or found cut off: a list of sentences."""

LOSS_WEIGHTS = "loss_weights"
"""Weight of each output in the total loss, by the name of the output."""

# Metadata that a recorder writes.

NOT_CAPTURED = "not_captured"
"""Why the losses of a split could not be recorded: a sentence, by split."""

NOT_WRITTEN = "not_written"
"""Why the run file could not be written, a sentence."""

RESTARTS = "restarts"
"""The train step with which each further session of a run file begins, a list."""

RESETS = "resets"
"""Train steps before which Keras' mean was reset in the middle of an epoch, a list."""

ROWS = "rows"
"""Rows that there are to train on in one epoch."""

OUTPUTS = "outputs"
"""Weight of each output in the total loss, by the key of the output's loss in Keras' logs."""

EVALUATED = "evaluated"
"""Pairs: a train step before which a callback evaluated, and the epoch of that evaluation."""

BYPASSED = "bypassed"
"""Passes ("train", "evaluation") in which some batches were averaged by no mean, a list."""

# Metadata about the set-up of a training.

KERAS = "keras"
"""Version of Keras."""

BACKEND = "backend"
"""Backend of Keras: "tensorflow", "jax" or "torch"."""

DTYPE = "dtype"
"""Float type of the mean that Keras averages the loss with."""

MODEL = "model"
"""Name of the model's class."""

STEPS_PER_EXECUTION = "steps_per_execution"
"""Batches that one call of the compiled train function processes."""

JIT_COMPILE = "jit_compile"
"""Whether XLA compiles the train step."""

RUN_EAGERLY = "run_eagerly"
"""Whether the train step runs without `tf.function`."""

REDUCTION = "reduction"
"""How the loss reduces the rows of a batch to one number: "sum", "none", a name of Keras."""

REPLICAS = "replicas"
"""Number of replicas that train in step."""

# Metadata that a report adds.

GAP = "gap"
"""What `explain_gap` found, as a mapping."""

SOURCES = "sources"
"""Summaries of the audited paths, a list of mappings."""

TRUTH = "truth"
"""Summary and metadata of the recording that served as truth, a mapping."""

# Tags.

LOSS = "loss"
"""The total loss."""

OPTIMISED_LOSS = "optimised_loss"
"""The loss that was minimised, if it differs from the logged loss."""

REGULARIZATION = "regularization"
"""What `model.losses` adds to the loss."""

REPLICA = "/replica_"
"""Stands between a tag and the number of the replica whose part of the batch was recorded."""

METRIC = "metric/"
"""Stands before the name of a metric that is called like a recorded loss."""

WEIGHTED = "/weighted"
"""Stands after the tag of an output's loss that is multiplied by its weight."""

OUTPUT_LOSS = "_loss"
"""Stands after the name of an output in the tag of its loss."""
