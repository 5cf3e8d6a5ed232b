"""Rules of the numbers themselves: LA3xx."""

from __future__ import annotations

from lossaudit.rules.rule import Rule

PRESENT = Rule(
    "LA301",
    "no-number-is-absent",
    "A number was logged wherever the true losses are finite.",
    "`logs.get('val_loss', nan)` in a batch hook, or a key that is not among the logs, records "
    "NaN or None for ever, "
    "and a plot shows an empty axis.",
)
DIGITS = Rule(
    "LA302",
    "number-keeps-its-digits",
    "A number is accumulated and logged in float32 or wider, with all its digits.",
    "float16 and bfloat16 keep three and two digits, and a sum in them stops growing after a few "
    "thousand batches; "
    "float32 loses whole batches after some ten thousand. A printed number of four digits cannot "
    "be audited far.",
)
FINITE = Rule(
    "LA303",
    "what-is-not-finite-is-logged",
    "Where a true loss is NaN or infinite, the log says so.",
    "Filters that drop such batches, `nan_to_num`, and loggers that put a mean in their place "
    "show a healthy curve "
    "over a model whose weights may be lost.",
)
