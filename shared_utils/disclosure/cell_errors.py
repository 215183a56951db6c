"""An error in a cell: what is wrong in plain words first, where in the cell, and the traceback folded below.

The kernel still answers with an error, so papermill, nbclient and nbval see one as ever. They run cells for nobody in
particular and keep the whole traceback, which the log of a batch needs; only a person in front of the notebook gets it
folded. A front end of a person allows the kernel to ask for input (`allow_stdin`); those programs do not.
"""

import linecache
import re
import sys
import traceback
from html import escape

from shared_utils import conflicts
from shared_utils.disclosure import messages
from shared_utils.errors import EmiError

FOLDED = "The full error, for whoever helps you"
_COLOR = re.compile(r"\x1b\[[\d;]*m")


def kernel():
    """The shell of a notebook's kernel; None in a terminal, a script or a test."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if getattr(shell, "kernel", None) is not None else None


def tell_plainly() -> None:
    """Tell the errors of this notebook's cells plainly from now on, without words from the data.

    Does nothing outside a notebook's kernel, and nothing the second time.
    """
    shell = kernel()
    if shell is None or hasattr(shell, "emi_errors"):
        return
    show = shell.emi_errors = shell.showtraceback
    show_syntax = shell.showsyntaxerror

    def showtraceback(exc_tuple=None, *args, **options):
        error = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
        if isinstance(error, BaseException):
            messages.quiet_error(error, shell.user_ns.get("In", [""])[-1])
        if not isinstance(error, BaseException) or isinstance(error, SyntaxError):  # says its line, and is short
            return show(exc_tuple, *args, **options)
        full = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
        if isinstance(error, EmiError) or _a_person_looks(shell):
            error._render_traceback_ = lambda: in_words(error, shell.user_ns).splitlines()
        show(exc_tuple, *args, **options)
        if _a_person_looks(shell):
            shell.display_pub.publish(folded("\n".join(full)))

    def showsyntaxerror(*args, **options):
        if not conflicts.marked(shell.user_ns.get("In", [""])[-1]):
            return show_syntax(*args, **options)
        error = EmiError(f"This cell cannot run: {conflicts.WAITS}.", f"In it, {conflicts.CHOOSE}. Then run it again.")
        error._render_traceback_ = lambda: str(error).splitlines()
        show((EmiError, error, None))

    shell.showtraceback, shell.showsyntaxerror = showtraceback, showsyntaxerror


def in_words(error: BaseException, notebook: dict) -> str:
    """Our own errors in their own words; of any other its name, its message and the line of the cell it came from.

    `notebook` is the namespace of the notebook's cells.
    """
    if isinstance(error, EmiError):
        return str(error)
    said = str(error).rstrip(".")
    told = f"This cell stopped with {type(error).__name__}{f': {said}' if said else ''}."
    steps = [step for step in traceback.walk_tb(error.__traceback__) if step[0].f_globals is notebook]
    if not steps:
        return told
    frame, line = steps[0]
    return f"{told}\nLine {line} of the cell:  {linecache.getline(frame.f_code.co_filename, line).strip()}"


def folded(full: str) -> dict:
    """A traceback as a mime bundle that is closed at first."""
    plain = _COLOR.sub("", full)
    html = f"<details><summary>{FOLDED}</summary><pre>{escape(plain)}</pre></details>"
    return {"text/html": html, "text/plain": f"{FOLDED}:\n{plain}"}


def _a_person_looks(shell) -> bool:
    return shell.kernel._allow_stdin
