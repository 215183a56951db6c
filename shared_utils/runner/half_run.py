"""A notebook while it runs: its cells so far, saved now and then so that any end leaves them to be read."""

import errno
import re
import time
from pathlib import Path

from shared_utils.disclosure.messages import quiet_traceback
from shared_utils.disclosure.scan import hide
from shared_utils.results.record import write_text
from shared_utils.runner import executors

SAVE_EVERY_S = 5
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# Cells that papermill puts in.
_ADDED = {"injected-parameters", "papermill-error-cell-tag"}


class HalfRun:
    """Follows one run through nbclient's hooks. papermill itself saves nothing when a kernel dies."""

    def __init__(self, source: Path, part: Path, limit_s: int):
        import nbformat

        self.part, self.notebook = part, nbformat.read(source, as_version=4)
        self.seen: dict[str, dict] = {}
        self.ends = time.monotonic() + limit_s
        self.saved = time.monotonic()

    def starts(self, cell, cell_index) -> None:
        """Hook: a cell is about to run. Tells the driver which section that is."""
        self.seen[cell.get("id")] = cell
        executors.tell(self._section())

    def executed(self, cell, cell_index, execute_reply) -> None:
        """Hook: a cell has run."""
        if time.monotonic() - self.saved >= SAVE_EVERY_S:
            self.save()

    def seconds_left(self, cell) -> int:
        """Hook: how long a cell may take: what is left of the notebook's time."""
        return max(1, round(self.ends - time.monotonic()))

    def save(self) -> str:
        """Write what has run so far; returns the heading of the cell that started last."""
        import nbformat

        if not self.part.parent.is_dir():  # never make a folder again that was moved away
            raise FileNotFoundError(errno.ENOENT, "The folder was moved or removed", str(self.part.parent))
        self.notebook.cells = [self.seen.get(cell.get("id"), cell) for cell in self.notebook.cells]
        write_text(nbformat.writes(self.notebook) + "\n", self.part)
        self.saved = time.monotonic()
        return self._section()

    def _section(self) -> str:
        ids = [cell.get("id") for cell in self.notebook.cells]
        last = next((name for name in reversed(self.seen) if name in ids), None)
        return place(self.notebook.cells, ids.index(last))[0] if last else ""


def cells_of(path: Path) -> list:
    """Cells of an executed notebook without those papermill put in."""
    import nbformat

    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if not _ADDED & set(cell.metadata.get("tags", []))]


def quiet_errors(path: Path, own: set[str]):
    """Take what may be a resident's out of the texts and errors of a failed notebook; returns its (last) error output.

    A kernel that has loaded a city does so itself; an error before that comes here as it was. `own` names the errors
    whose words are ours: they keep them.
    """
    import nbformat

    notebook, told = nbformat.read(path, as_version=4), None
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = hide(output.text)
            elif output.output_type == "error":
                _quiet_error(output, cell.source, own)
                told = output
    try:
        write_text(nbformat.writes(notebook) + "\n", path)
    except OSError:
        path.unlink(missing_ok=True)  # rather nothing than a notebook that may name somebody
        raise
    return told


def _quiet_error(output, source: str, own: set[str]) -> None:
    trace = hide(_ANSI.sub("", "\n".join(output.traceback)))
    evalue = hide(_ANSI.sub("", output.evalue))
    if output.ename not in own:
        trace, evalue = quiet_traceback(trace, evalue, source)
    output.evalue, output.traceback = evalue, trace.splitlines()


def place(cells: list, index: int) -> tuple[str, int]:
    """The heading nearest above a cell, and which code cell it is (the first is 1)."""
    above = "\n".join(cell.source for cell in cells[:index] if cell.cell_type == "markdown")
    headings = re.findall(r"^#+\s+(.+?)\s*$", above, re.MULTILINE)
    number = sum(cell.cell_type == "code" for cell in cells[: index + 1])
    return headings[-1] if headings else "", number
