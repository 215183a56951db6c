"""What the documents show works as shown."""

import re
from pathlib import Path

from shared_utils.config import load_city

ROOT = Path(__file__).resolve().parents[2]


def test_the_minimal_city_of_the_guide_loads_and_is_short(tmp_path):
    text = (ROOT / "docs" / "minimal-city.md").read_text(encoding="utf-8")
    settings = re.search(r"```yaml file=\S+\n(.*?)```", text, re.DOTALL).group(1)
    (tmp_path / "city.yml").write_text(settings, encoding="utf-8")
    city = load_city(tmp_path)
    assert (city.primary.id, city.mwe, city.design.treatment) == ("employed_6m", 0.05, "offered")
    assert len([line for line in settings.splitlines() if line.strip()]) <= 30


def test_every_relative_link_of_the_documents_resolves():
    broken = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} -> {target}")
    assert broken == []
