"""A portfolio of many cities: everybody is found, no page grows too large, and nothing needs a script."""

import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from shared_utils.portfolio.collect import collect
from shared_utils.portfolio.site import build
from shared_utils.portfolio.site.parts import MANY_CITIES

pytestmark = pytest.mark.full  # a site of a hundred cities

TIMES = 12  # 108 cities


@pytest.fixture(scope="module")
def many(workspace):
    """The nine cities a dozen times, under other names; a city's own pages are those of nine cities."""
    portfolio = collect(workspace)
    cities = [
        replace(city, name=f"{city.name} {letter}", slug=f"{city.slug}-{letter.lower()}")
        for city in portfolio.cities
        for letter in "ABCDEFGHIJKL"[:TIMES]
    ]
    assert len(cities) > MANY_CITIES
    return replace(portfolio, cities=tuple(cities))


@pytest.fixture(scope="module")
def pages(many):
    return {name: BeautifulSoup(text, "html.parser") for name, text in build.pages_of_all(many).items()}


def test_every_city_is_listed_once_by_its_letter_and_has_its_card(many, pages):
    index = pages["index.html"]
    links = index.select(".az a")
    assert [a["href"] for a in links] == [f"#{city.slug}" for city in many.cities]
    assert {a["href"][1:] for a in links} == {card["id"] for card in index.select(".city")}
    for row in index.select(".az div"):
        assert {a.get_text()[0] for a in row.select("a")} == {row.dt.get_text()}
    assert sum(int(b.get_text()) for b in index.select(".tiles b")) == len(many.cities)


def test_no_page_is_too_large_and_no_city_is_left_out_of_it(many, pages):
    assert {name: len(str(page).encode()) for name, page in pages.items() if len(str(page).encode()) >= 300_000} == {}
    for kind, shown in (("indicators", ".blocks caption a"), ("equity", ".gaps h3 a")):
        parts = [page for name, page in pages.items() if re.fullmatch(rf"{kind}(-[\w-]+)?\.html", name)]
        linked = [a["href"].split("/")[1] for page in parts for a in page.select(shown)]
        measured = {city.slug for city in many.cities if city.record("monitoring") or kind == "equity"}
        assert measured == set(linked) and len(linked) == len(set(linked))
        names = [page.select_one(".parts a[aria-current]").get_text() for page in parts]
        assert names == [
            "Employment, Cincinnati A to Tulsa F",
            "Employment, Tulsa G to Tulsa L",
            "Education",
            "Housing",
            "Savings",
        ], "no part of a domain shows more than 30 cities"
        for page in parts:
            assert {a["href"] for a in page.select(".parts a")} <= set(pages)
            assert len(page.select(".parts a[aria-current]")) == 1


def test_the_mark_of_synthetic_data_names_all_cities_in_a_line(many, pages):
    real = replace(many, cities=tuple(city for city in many.cities if city.watermark))
    mark = BeautifulSoup(build.pages_of_all(real)["index.html"], "html.parser").select_one(".synthetic").get_text()
    assert mark.strip() == f"SYNTHETIC DATA - NOT RESULTS FOR ANY OF THE {len(real.cities)} CITIES"
    mixed = pages["index.html"].select_one(".synthetic").get_text()
    assert "CINCINNATI A" in mixed and "DAYTON" not in mixed, "where some are real, the others are named"


def test_the_only_script_is_in_the_page_and_hides_what_is_not_looked_for(many, pages, browser, tmp_path):
    scripts = {name: page("script") for name, page in pages.items() if page("script")}
    assert list(scripts) == ["index.html"] and len(scripts["index.html"]) == 1
    assert not scripts["index.html"][0].attrs, "nothing is fetched"
    (tmp_path / "index.html").write_text(str(pages["index.html"]), encoding="utf-8")
    for scripted in (True, False):
        page = browser.new_context(java_script_enabled=scripted).new_page()
        page.goto((tmp_path / "index.html").as_uri())
        assert page.locator(".city:visible").count() == len(many.cities)
        assert page.locator("input").count() == scripted
        if scripted:
            page.fill("input", "cincinnati oh")
            assert page.locator(".city:visible").count() == TIMES == page.locator(".az dd:visible").count()
            assert page.locator("[role=status]").inner_text() == f"{TIMES} of {len(many.cities)} cities shown"
        page.context.close()
