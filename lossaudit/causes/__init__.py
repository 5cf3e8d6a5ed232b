"""One function per known mistake: it predicts the numbers that the mistake would have logged.

To add a cause, write a function in the module of its stage and say with `@cause` which promise the mistake breaks and
how to mend it. Its name in kebab-case is the cause's name; its docstring continues the sentence "It is ...", and may
use {batches}, {rows}, {full} and {last} of the epoch in question, and the words that its prediction says.

`batches`: mistakes in what is averaged. `means`: in how it is averaged. `numbers`: in what is done with the result.
A log may have one of each, and stand at wrong steps as well: two mistakes at a time are recognised.
"""

from lossaudit.causes import batches, means, numbers
from lossaudit.causes.cause import CAUSES, Cause, cause

__all__ = ["CAUSES", "Cause", "batches", "cause", "means", "numbers"]
