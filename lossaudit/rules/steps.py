"""Rules of where numbers are logged: LA2xx."""

from __future__ import annotations

from lossaudit.rules.rule import Rule

STEPS = Rule(
    "LA201",
    "numbers-stand-at-their-step",
    "Each number is logged with the 0-based step, or at the position, at which it was measured.",
    "A counter that starts at 1, restarts with every epoch, or is read before it is increased "
    "moves a whole curve; "
    "nothing in the curve shows it.",
)
COMPLETE = Rule(
    "LA202",
    "no-number-is-missing",
    "A log without steps holds a number for every batch or epoch.",
    "With `steps_per_execution` a hook runs once for several batches; `n // batch_size` loses the "
    "short last one; a "
    "callback that logs now and then must say when.",
)
FOUNDED = Rule(
    "LA203",
    "every-number-has-a-truth",
    "For every logged number there is a recorded batch or epoch.",
    "A list that has grown over several calls of `fit` holds numbers that this audit has no truth "
    "for.",
    severity="warning",
)
ROWS = Rule(
    "LA204",
    "every-row-was-trained-on",
    "Every epoch trains once on each row that there is.",
    "`drop_remainder`, a loop over `n // batch_size` batches, a generator that several replicas "
    "read from, or workers "
    "that read the same shard train on fewer rows than their owner thinks, and no log shows it.",
)
ONCE = Rule(
    "LA205",
    "every-number-once",
    "A log holds each batch or epoch once.",
    "Files appended to after a restart, and hooks that are called twice, log some numbers again: "
    "means over the log "
    "count them twice.",
)
