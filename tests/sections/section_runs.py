"""Run the sections of a notebook in process, and read what they show."""

from importlib import import_module
from pathlib import Path

from shared_utils import data
from shared_utils.sections import plan_lock
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]

SECTIONS = {
    "baseline": ("purpose data_quality participants context comparability missing detectable plan_readiness").split(),
    "monitoring": "attention flow charts delivery reach events timeliness".split(),
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
