"""`python -m lossaudit` is the command `lossaudit`."""

import sys

from lossaudit.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
