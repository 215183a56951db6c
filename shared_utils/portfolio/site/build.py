"""Put the pages together. The same records give the same bytes: there is no clock and no order by chance."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared_utils import results
from shared_utils.disclosure.scan import forbidden
from shared_utils.portfolio.briefs import briefs
from shared_utils.portfolio.collect import City, Portfolio, collect
from shared_utils.portfolio.corrections import PUBLISHED, publish
from shared_utils.portfolio.downloads import downloads, tables_of
from shared_utils.portfolio.site import parts
from shared_utils.portfolio.site.city_view import city_view
from shared_utils.portfolio.site.downloads_view import corrections_view
from shared_utils.portfolio.site.language import english as t
from shared_utils.portfolio.site.language import language, languages
from shared_utils.portfolio.site.lessons_view import lessons_pages
from shared_utils.portfolio.site.notebook_view import notebook_view
from shared_utils.portfolio.site.pages import PAGES
from shared_utils.portfolio.site.residents_view import residents_view
from shared_utils.spreadsheets import put

HERE = Path(__file__).parent
LIST = "pages.txt"


@dataclass(frozen=True)
class SiteReport:
    """Pages written (relative names), the size of all files together, and what a reader of the site would miss."""

    pages: tuple[str, ...]
    bytes: int
    messages: tuple[str, ...]


def build_site(workspace: Path, out: Path) -> SiteReport:
    """Build the website of all cities below `workspace` into the folder `out`.

    Only `outputs/release` and city.yml are read. Pages of an earlier build that are no longer made are
    removed, so that what a city takes back disappears.
    """
    portfolio, out = collect(workspace), Path(out)
    tables = tables_of(portfolio)
    published = publish(portfolio, tables, out)
    pages, figures = _render(portfolio, published["corrections"])
    for name, content in (pages | figures).items():
        if found := forbidden(content):
            raise results.ReleaseError(f"The page {name} would hold {' and '.join(found)}.", "Take it out.")
    files = {f"data/{name}": content for name, content in downloads(portfolio, tables).items()}
    files |= briefs(portfolio) | figures
    files |= {name: text.encode("utf-8") for name, text in pages.items()}
    _remove_old(out, files)
    for name, content in files.items():
        put(out / name, content)
    results.write_text("".join(f"{name}\n" for name in files), out / LIST)
    results.write_text(json.dumps(published, ensure_ascii=False, indent=1) + "\n", out / PUBLISHED)
    return SiteReport(tuple(pages), sum(len(content) for content in files.values()), portfolio.messages)


def _render(portfolio: Portfolio, corrections: list[dict]) -> tuple[dict[str, str], dict[str, bytes]]:
    """({name: page}, {name: figure}), names below the site."""
    pages = {"site.css": (HERE / "site.css").read_text(encoding="utf-8")} | pages_of_all(portfolio, corrections)
    figures: dict[str, bytes] = {}
    render = _printer(portfolio)
    for city in portfolio.cities:
        made, beside = _pages_of_city(city, render)
        pages |= {f"cities/{city.slug}/{name}": page for name, page in made.items()}
        figures |= {f"cities/{city.slug}/{name}": picture for name, picture in beside.items()}
    return pages, figures


def pages_of_all(portfolio: Portfolio, corrections: Sequence[dict] = ()) -> dict[str, str]:
    """{name: page} of the pages that show all cities."""
    render, pages = _printer(portfolio), {}
    everywhere = {"up": "", "watermark": parts.watermark(portfolio.cities), "sticky": False}
    for page in PAGES:
        of_page = page.parts(portfolio)
        menu = [(f"{name}.html", domain) for name, (domain, _) in of_page.items() if domain]
        for name, (_, some) in of_page.items():
            here = {"page": page.name, "here": f"{name}.html", "menu": menu}
            pages[f"{name}.html"] = render(f"{page.name}.html.j2", **here, **everywhere, **page.view(some))
    for name, view in lessons_pages(portfolio).items():
        pages[f"{name}.html"] = render("lessons.html.j2", page=name, here=f"{name}.html", **everywhere, **view)
    changed = corrections_view(corrections)
    pages["corrections.html"] = render("corrections.html.j2", page="corrections", corrections=changed, **everywhere)
    return pages


def _pages_of_city(city: City, render: Callable[..., str]) -> tuple[dict[str, str], dict[str, bytes]]:
    """({name: page}, {name: figure}) of one city, names below its folder."""
    here = {"up": "../../", "page": "", "city": city, "watermark": city.watermark, "sticky": True}
    pages, figures = {"index.html": render("city.html.j2", **here, **city_view(city))}, {}
    for code in languages(city):
        said = language(code)
        page = {"own": said.residents, "rest": said.array_keys["rest"], "lang": code,
                "mark": said.watermark.format(city=city.name.upper()), **residents_view(city, said)}  # fmt: skip
        pages[f"residents-{code}.html"] = render("residents.html.j2", **here, **page)
    for step in city.steps.values():
        if step.page:
            view, beside = notebook_view(city, step)
            pages[f"{step.notebook}.html"] = render("notebook.html.j2", **here, **view)
            figures |= beside
    return pages, figures


def _printer(portfolio: Portfolio) -> Callable[..., str]:
    """What makes a page of the name of a template and what it prints."""
    env = environment()
    env.globals.update(brand=portfolio.title, tagline=portfolio.subtitle, footer=parts.footer(portfolio))
    return lambda name, **page: env.get_template(name).render(**page)


def environment():
    """The Jinja environment of all pages: everything is escaped, an unknown name is an error, `t` are the words."""
    import jinja2

    loader = jinja2.FileSystemLoader(HERE / "templates")
    env = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    env.globals["t"] = t
    return env


def _remove_old(out: Path, pages: dict[str, bytes]) -> None:
    """Remove what an earlier build listed and this one does not make; nothing else in the folder."""
    listed = out / LIST
    earlier = listed.read_text(encoding="utf-8").split("\n") if listed.exists() else []
    for name in earlier:
        if name and name not in pages and ".." not in Path(name).parts and not Path(name).is_absolute():
            (out / name).unlink(missing_ok=True)
