"""A section of a notebook: one question, its answer in a sentence, a table, a figure, and what to know
about them."""

import functools
import inspect
import warnings
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from shared_utils.disclosure import Rules
from shared_utils.errors import EmiError
from shared_utils.results import Flag

if TYPE_CHECKING:
    from shared_utils.sections.book import Book

RELEASE = "application/vnd.emi.release+html"
SEVERITIES = {"block": "Stops the result", "serious": "Serious", "warn": "Note", "info": "For information"}


@dataclass
class Section:
    """What one section says. Shown by the notebook as soon as a cell returns it.

    `table` and `figure` answer the question; `more` holds further tables and figures, shown after them.
    `estimates` go into the result record; `data` is for sections that build on this one. `id`, `question`,
    `stamp` and `rules` are set when the section has run; a question given here replaces the registered one.
    `shows` are the groups (disclosure.Group) whose counts or shares the sentence, the figures and the notes tell;
    None: all that the tables show. A release withholds them when such a group must be hidden after all.
    """

    sentence: str
    table: object = None
    figure: object = None
    more: tuple = ()
    flags: list = field(default_factory=list)
    estimates: list = field(default_factory=list)
    data: dict = field(default_factory=dict)
    id: str = ""
    question: str = ""
    stamp: str = ""
    rules: Rules = field(default_factory=Rules)
    shows: frozenset | None = None

    @property
    def alt(self) -> str:
        """The figure in words, for people who do not see it."""
        return self.figure.alt if self.figure else ""

    def bundles(self) -> list[tuple[dict, dict]]:
        """What is displayed, in order: (mime bundle, metadata) of the sentence, figures, tables and notes."""
        shown = [part for part in (self.figure, self.table, *self.more) if part is not None]
        # A table prints the stamp below itself; a figure holds it as pixels, which nobody can search or hear.
        parts = [_text(self.sentence, "" if self.table else self.stamp)]
        parts += [part.bundle(self.stamp, self.rules) for part in shown]
        parts += [_notes(self.flags)] if self.flags else []
        shows = sorted(map(str, self._shows()))
        return [(data, {"emi": {"shows": shows}, **metadata} if shows else metadata) for data, metadata in parts]

    def _shows(self) -> frozenset:
        if self.shows is not None:
            return self.shows
        tables = [part for part in (self.table, *self.more) if hasattr(part, "shown")]
        return frozenset().union(*(table.shown(self.rules) for table in tables))

    def _ipython_display_(self):
        from IPython.display import publish_display_data

        for data, metadata in self.bundles():
            publish_display_data(data, metadata)


def section(id: str, question: str, vital: bool = False):
    """Register a function as section `id`: it runs once a book, and always leaves something to read.

    An EmiError inside becomes a visible Section that says why it cannot run, with a flag; the flag is a
    block when the section is `vital` (without it there is no result). Any other error is a bug and is raised.
    """

    def decorate(compute):
        @functools.wraps(compute, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
        def run(book: "Book") -> Section:
            if id not in book.sections:
                book.sections[id] = _attempt(book, id, question, compute, vital)
            return book.sections[id]

        run.__signature__ = inspect.signature(run, follow_wrapped=False)  # typed: what Shift+Tab shows
        run.section_id, run.question = id, question
        return run

    return decorate


def _attempt(book, id: str, question: str, compute, vital: bool) -> Section:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made = compute(book)
        except EmiError as error:
            made = _cannot_run(id, error, vital)
    made.id, made.question, made.stamp, made.rules = id, made.question or question, book.stamp, book.rules
    made.flags = _without_repeats([*made.flags, *_numeric_warnings(id, caught)])
    return made


def _cannot_run(id: str, error: EmiError, vital: bool) -> Section:
    reason = error.message.rstrip(".")
    flag = Flag(f"{id}_NOT_RUN", "block" if vital else "warn", id, f"{id} could not run: {reason}.", vital)
    hint = f" {error.hint}" if error.hint else ""
    return Section(f"This section could not run: {reason}.{hint}", flags=[flag])


def _numeric_warnings(id: str, caught) -> list[Flag]:
    """Warnings of the fitting (did not converge, ...) as flags. Those of single operations on arrays and
    of old
    functions concern no reader: estimates that are not numbers are refused by the designs themselves."""
    texts = {str(w.message).split("\n")[0] for w in caught if isinstance(w.message, UserWarning)}
    return [Flag("NUMERIC", "warn", id, f"{id}: {text}") for text in sorted(texts)]


def _without_repeats(flags) -> list[Flag]:
    return list(dict.fromkeys(flags))


def _text(sentence: str, stamp: str) -> tuple[dict, dict]:
    mark = f'<p class="emi-stamp"><strong>{escape(stamp)}</strong></p>' if stamp else ""
    html = f'<div class="emi-answer"><p>{escape(sentence)}</p>{mark}</div>'
    plain = f"{sentence}\n{stamp}".strip()
    return {"text/html": html, RELEASE: html, "text/plain": plain}, {}


def _notes(flags) -> tuple[dict, dict]:
    rows = "".join(
        f"<li><strong>{SEVERITIES[flag.severity]}</strong> ({escape(flag.code)}): {escape(flag.message)}</li>"
        for flag in flags
    )
    html = f'<div class="emi-notes"><p>What to know about this:</p><ul>{rows}</ul></div>'
    plain = "\n".join(f"{SEVERITIES[flag.severity]} ({flag.code}): {flag.message}" for flag in flags)
    return {"text/html": html, RELEASE: html, "text/plain": plain}, {}
