"""`emi` for toy cities: the real command, with the data room replaced. Run as a program, like emi itself."""

import sys

import worker_jobs

from shared_utils.cli import main, work

if __name__ == "__main__":
    work.ready = worker_jobs.prepare  # before the commands, which main imports, take it from there
    sys.exit(main())
