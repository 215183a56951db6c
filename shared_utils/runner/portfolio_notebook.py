"""Run the portfolio notebook over a workspace: papermill, as for every notebook, but it sees releases only."""

import os
from pathlib import Path

from shared_utils import lean
from shared_utils.errors import EmiError

OWN = "portfolio.ipynb"
PACKAGED = Path(__file__).parent.parent / "portfolio" / OWN


def run_portfolio(workspace: Path) -> Path:
    """Run the workspace's own portfolio.ipynb, or the packaged one; returns status/portfolio.ipynb, executed.

    Raises EmiError when a cell fails: the half-run notebook is kept beside it, and an earlier one stays.
    """
    workspace = Path(workspace)
    source = workspace / OWN if (workspace / OWN).exists() else PACKAGED
    target = workspace / "status" / OWN
    target.parent.mkdir(exist_ok=True)
    running = target.with_name("portfolio.failed.ipynb")
    lean.skip_address_grammars()
    import papermill

    try:
        papermill.execute_notebook(
            str(source), str(running), parameters={"workspace": str(workspace)}, kernel_name="python3",
            progress_bar=False, extra_arguments=["--IPKernelApp.log_level=40"],
            resources={"metadata": {"path": str(workspace)}},
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        raise EmiError(
            f"The portfolio notebook stopped: {error.evalue}", f"Look into {running}, then run it again."
        ) from None
    os.replace(running, target)
    return target
