"""Run the sections of a notebook in process, and read what they show."""

from importlib import import_module
from pathlib import Path

import pytest

from shared_utils import data
from shared_utils.results.notebooks import executed_path
from shared_utils.sections import plan_lock
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]

SECTIONS = {
    "baseline": (
        "purpose data_quality participants context comparability missing detectable plan_readiness next_steps"
    ).split(),
    "monitoring": "attention flow charts delivery reach events outlook timeliness actions".split(),
    "impact": (
        "plan analysed contrast primary_effect choices other_outcomes subgroups missing_outcomes hidden_differences "
        "cost_per_result decision summary lessons reproduce"
    ).split(),
}


def run(book):
    """All sections of a book, in the order of its notebook."""
    module = import_module(f"shared_utils.sections.{book.notebook}")
    return [getattr(module, name)(book) for name in SECTIONS[book.notebook]]


def shown(section) -> str:
    """Everything a section puts on the screen as text, in both renderings, with the words of its figures."""
    bundles = [part for part, _ in section.bundles()]
    return "\n".join(str(text) for part in bundles for mime, text in part.items() if mime != "image/png")


def executed(book):
    """The notebook of a book as papermill leaves it, without a kernel; its record is written. The book's own stamp of
    the run ties the two together."""
    import nbformat
    from nbformat import v4 as nb

    made, cells = run(book), [nb.new_markdown_cell(f"# {book.notebook}")]
    finish = import_module(f"shared_utils.sections.{book.notebook}").finish
    for part in (*made, finish(book)):
        with pytest.MonkeyPatch.context() as patch:
            outputs = []
            patch.setattr(
                "IPython.display.publish_display_data",
                lambda data, metadata=None, outputs=outputs: outputs.append(
                    nb.new_output("display_data", data=data, metadata=metadata or {})
                ),
            )
            part._ipython_display_()
        cells.append(nb.new_code_cell("", outputs=outputs))
    notebook = nb.new_notebook(cells=cells)
    notebook.metadata["papermill"] = {"exception": None, "parameters": {"run_id": book.run_id}}
    path = executed_path(book.city_dir, book.notebook)
    nbformat.write(notebook, path)
    return notebook


def scenario_city(folder: Path, key: str, scenario: str) -> Path:
    """A synthetic city in one of the generator's scenarios, with data and a locked plan."""
    city = create(ROOT, folder, {"city": key})
    settings = city / "city.yml"
    text = settings.read_text(encoding="utf-8")
    assert "scenario: default" in text
    settings.write_text(text.replace("scenario: default", f"scenario: {scenario}"), encoding="utf-8")
    data.prepare(city)
    plan_lock.lock(city, "evaluation lead")
    return city
