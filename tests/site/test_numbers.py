"""No number of a page is without an origin in the records; the walk that says so finds a number that has none."""

import shutil

import number_links
import number_walk
import pytest
import record_factory


def test_every_number_of_every_page_has_an_origin(workspace, site):
    assert number_walk.strays(workspace, site[0]) == []


def test_every_number_leads_to_its_place_in_a_record(site):
    assert number_links.unlinked(site[0]) == []
    assert number_links.misled(site[0]) == []


@pytest.mark.full
def test_every_number_of_the_demonstration_has_an_origin_and_no_page_is_large(demo):
    site = demo[0] / "site"
    assert number_walk.strays(demo[0], site) == []
    assert number_links.unlinked(site) + number_links.misled(site) == []
    sizes = {path.relative_to(site).as_posix(): path.stat().st_size for path in site.rglob("*.html")}
    assert len(sizes) > 60 and {name: size for name, size in sizes.items() if size >= 300_000} == {}


@pytest.fixture
def spoiled(site, tmp_path):
    """A copy of the site with one text of one page replaced by another."""
    shutil.copytree(site[0], tmp_path / "site")

    def replace(page, was, now):
        text = (tmp_path / "site" / page).read_text(encoding="utf-8")
        assert was in text
        (tmp_path / "site" / page).write_text(text.replace(was, now), encoding="utf-8")
        return tmp_path / "site"

    return replace


@pytest.mark.parametrize(
    ("page", "was", "now"),
    [
        ("index.html", ">+7.5</data>", ">+7.6</data>"),
        pytest.param("costs.html", "$1,030*", "$1,040*", marks=pytest.mark.full),
        pytest.param("cities/{}/index.html", "between 0.7 and", "between 0.8 and", marks=pytest.mark.full),
        pytest.param("cities/{}/impact.html", "</table>", "</table><p>7.77</p>", marks=pytest.mark.full),
    ],
)
def test_a_number_without_origin_is_found(workspace, spoiled, page, was, now):
    place = page.format(record_factory.CITIES["cincinnati"][1])
    found = number_walk.strays(workspace, spoiled(place, was, now))
    assert found and all(place.rpartition("/")[2] in line for line in found)


@pytest.mark.full
def test_a_number_that_leads_elsewhere_or_nowhere_is_found(spoiled):
    folder = spoiled("costs.html", "/costs/total_usd", "/costs/per_participant_usd")
    assert any("310,000 is not at /costs/per_participant_usd" in line for line in number_links.misled(folder))
    page = folder / "effects.html"
    page.write_text(page.read_text(encoding="utf-8").replace('class="rec"', ""), encoding="utf-8")
    assert "effects.html: 7.5" in number_links.unlinked(folder)
