"""Rules about the numbers themselves: LA3xx."""

from __future__ import annotations

from lossaudit.rules.rule import Rule

PRESENT = Rule(
    "LA301",
    "no-number-is-absent",
    "A number was logged wherever the true losses are finite.",
    "`logs.get('val_loss', nan)` in a batch hook, or any key that the logs do not have, records "
    "NaN or None forever, and a plot shows an empty axis.",
)
DIGITS = Rule(
    "LA302",
    "number-keeps-its-digits",
    "A number is accumulated and logged in float32 or wider, with all its digits.",
    "float16 and bfloat16 keep three and two digits, and a sum in them stops growing after a few "
    "thousand batches. A float32 sum loses whole batches after some ten thousand. A number "
    "printed with four digits can only be audited to four digits.",
)
FINITE = Rule(
    "LA303",
    "what-is-not-finite-is-logged",
    "If a true loss is NaN or infinite, the log shows it.",
    "Filters that drop such batches, `nan_to_num`, and loggers that replace them by a mean show a "
    "healthy curve although the weights may be lost.",
)
