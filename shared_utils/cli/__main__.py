"""`python -m shared_utils.cli` is `emi`."""

import sys

from shared_utils.cli import main

if __name__ == "__main__":
    sys.exit(main())
