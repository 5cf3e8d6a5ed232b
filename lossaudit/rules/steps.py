"""Rules about the steps and epochs at which numbers are logged: LA2xx."""

from __future__ import annotations

from lossaudit.rules.rule import Rule

STEPS = Rule(
    "LA201",
    "numbers-stand-at-their-step",
    "Each number is logged with the 0-based step, or at the position, at which it was measured.",
    "A counter that starts at 1, restarts with every epoch, or is read before it is incremented "
    "shifts the whole curve, and nothing in the curve shows it.",
)
COMPLETE = Rule(
    "LA202",
    "no-number-is-missing",
    "A log without steps has a number for every batch or epoch.",
    "With `steps_per_execution` a hook runs once for several batches. A loop over "
    "`n // batch_size` batches loses the short last one. A callback that logs only some batches "
    "must log their steps.",
)
FOUNDED = Rule(
    "LA203",
    "every-number-has-a-truth",
    "For every logged number a batch or an epoch was recorded.",
    "A list that has grown over several calls of `fit` contains numbers whose truth this audit "
    "does not have.",
    severity="warning",
)
ROWS = Rule(
    "LA204",
    "every-row-was-trained-on",
    "Every epoch trains exactly once on each row of the data.",
    "`drop_remainder`, a loop over `n // batch_size` batches, a generator that several replicas "
    "share, or workers that read the same shard train on fewer rows than intended, and no log "
    "shows it.",
)
ONCE = Rule(
    "LA205",
    "every-number-once",
    "A log has each batch or epoch once.",
    "A file that is appended to after a restart, or a hook that is called twice, logs some "
    "numbers again. Means over the log count them twice.",
)
