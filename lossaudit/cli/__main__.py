"""`python -m lossaudit.cli` is the command `lossaudit` as well."""

import sys

from lossaudit.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
