"""Run the sections of a notebook in process, and read what they show."""

from importlib import import_module

SECTIONS = {
    "baseline": ("purpose data_quality participants context comparability missing detectable plan_readiness").split(),
    "monitoring": "attention flow charts delivery reach events timeliness".split(),
    "impact": "plan analysed contrast primary_effect subgroups decision summary lessons reproduce".split(),
}


def run(book):
    """All sections of a book, in the order of its notebook."""
    module = import_module(f"shared_utils.sections.{book.notebook}")
    return [getattr(module, name)(book) for name in SECTIONS[book.notebook]]


def shown(section) -> str:
    """Everything a section puts on the screen as text, in both renderings, with the words of its figures."""
    bundles = [part for part, _ in section.bundles()]
    return "\n".join(str(text) for part in bundles for mime, text in part.items() if mime != "image/png")
