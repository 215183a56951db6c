"""What the worker processes of a batch use: imported in one process that all of them are forked from.

Named to multiprocessing's fork server, which imports it before it serves. A worker on its own would import papermill
for its first notebook, nbconvert and scipy for its first release and pandas for the first private file it reads: three
seconds together.
"""

import gc
import os

from shared_utils import lean
from shared_utils.runner.executors import kernel_environment

gc.disable()  # what is imported stays
os.environ.update(kernel_environment())  # numpy reads the number of threads when it is imported
lean.skip_address_grammars()

import nbclient.exceptions  # noqa: E402, F401
import nbformat  # noqa: E402
import openpyxl  # noqa: E402, F401
import pandas  # noqa: E402, F401
import papermill  # noqa: E402, F401
import pyarrow.parquet  # noqa: E402, F401
import scipy.optimize  # noqa: E402, F401

from shared_utils import config  # noqa: E402, F401
from shared_utils.results.fragment import to_fragment  # noqa: E402
from shared_utils.runner.warm import provisioner  # noqa: E402, F401

to_fragment(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Warm")]))  # compiles the template
gc.freeze()  # workers share the pages
gc.enable()
