"""Cities of which each was changed in its own way, and a template that changed meanwhile."""

import json
from pathlib import Path

import nbformat
from template_helpers import commit, git

from shared_utils.template import new, origin

IMPACT, MONITORING = "notebooks/03_impact.ipynb", "notebooks/02_monitoring.ipynb"
SKELETON = "{{cookiecutter.city_slug}}"


def edit(path: Path, change) -> None:
    """Change the cells of a notebook; `change` gets their list."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    change(notebook["cells"])
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def place(cells: list, cell_id: str) -> int:
    return next(number for number, cell in enumerate(cells) if cell["id"] == cell_id)


def add_line(path: Path, cell_id: str, line: str) -> None:
    def change(cells):
        cell = cells[place(cells, cell_id)]
        cell["source"] = [*cell["source"][:-1], cell["source"][-1].rstrip("\n") + "\n", line]

    edit(path, change)


def sources(path: Path) -> dict[str, str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in cells}


def assert_valid(city: Path) -> None:
    """Jupyter opens each notebook, and nothing half-written lies about."""
    for path in city.glob("notebooks/*.ipynb"):
        nbformat.validate(json.loads(path.read_text(encoding="utf-8")))
    assert not [path for name in ("*.rej", "*.part", "*.orig", origin.UNDER_WAY) for path in city.rglob(name)]


def under_git(city: Path) -> None:
    git(city, "init", "--quiet", "--initial-branch=main")
    git(city, "config", "user.name", "Ann Analyst")
    git(city, "config", "user.email", "ann@example.org")
    commit(city, "New city")


def same_cell(city):
    add_line(city / IMPACT, "i2", "# the analyst's line")
    commit(city, "Our own look at the outcomes")


def edits_elsewhere(city):
    add_line(city / IMPACT, "title", "A note of the analyst.")
    (city / "city.yml").write_text((city / "city.yml").read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    commit(city, "A note")


def moved_cell(city):
    edit(city / IMPACT, lambda cells: cells.append(cells.pop(place(cells, "i2"))))
    commit(city, "Outcomes last")


def deleted_cell(city):
    edit(city / IMPACT, lambda cells: cells.pop(place(cells, "i3")))
    commit(city, "Without one section")


def added_notebook(city):
    (city / "notebooks" / "04_costs.ipynb").write_bytes((city / MONITORING).read_bytes())
    commit(city, "A notebook of our own")


def hand_edited(city):
    with (city / "shared_utils" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# mine\n")
    commit(city, "A quick repair")


def uncommitted(city):
    (city / "README.md").write_text("Not finished\n", encoding="utf-8")


def detached(city):
    git(city, "checkout", "--quiet", "--detach")


def nothing(city):
    pass


# What happened in each city, and how an update must end.
CASES = {
    "cincinnati": (nothing, "clean"),
    "dayton": (edits_elsewhere, "merged"),
    "detroit": (same_cell, "conflict"),
    "lansing": (moved_cell, "merged"),
    "neworleans": (deleted_cell, "merged"),
    "newark": (added_notebook, "clean"),
    "racine": (hand_edited, "edited by hand"),
    "rochester": (uncommitted, "uncommitted changes"),
    "tulsa": (detached, "no branch"),
}


def make(template: Path, out: Path, keys) -> dict[str, Path]:
    """The cities under git, each changed in its way."""
    cities = {key: new.create(template, out, {"city": key}) for key in keys}
    for key, city in cities.items():
        under_git(city)
        CASES[key][0](city)
    return cities


def newer(template: Path) -> None:
    """The template's next version: a cell, a text, shared code, a new file, and a number."""
    add_line(template / SKELETON / IMPACT, "i2", "# the template's line")
    add_line(template / SKELETON / MONITORING, "settings-text", "A new line of the template.")
    (template / SKELETON / "GUIDE.md").write_text("# A guide\n", encoding="utf-8")
    with (template / "shared_utils" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# newer\n")
    changes = template / "CHANGELOG.md"
    entry = "* Numbers that change: standard errors of small\n  samples are larger.\n"
    changes.write_text(f"# Changes\n\n{entry}\n{changes.read_text(encoding='utf-8')}", encoding="utf-8")
    commit(template, "Newer template")
