"""`emi` for toy cities: the real command, with the data room replaced. Run as a program, like emi itself."""

import sys

import worker_jobs

from shared_utils.cli import batch, main

if __name__ == "__main__":
    batch.prepare = worker_jobs.prepare
    sys.exit(main())
