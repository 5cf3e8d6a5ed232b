"""For a rule, a program that breaks it and the same one put right: what its page shows, and what was tried.

To add one, call `correct` in the module of its setting. `docs/write_rules.py` plays both programs: the wrong one has to
be found by the rule, and the right one must not be.
"""

from lossaudit.corrections import accumulators, logs, loops, trainings
from lossaudit.corrections.correction import CORRECTIONS, SETTINGS, Correction, Setting, correct

__all__ = ["CORRECTIONS", "SETTINGS", "Correction", "Setting", "accumulators", "correct", "logs", "loops", "trainings"]
