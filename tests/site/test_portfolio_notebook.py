"""The portfolio notebook runs by papermill over releases alone, and shows what the pages show."""

import nbformat
import pytest
import site_factory

from shared_utils.errors import EmiError
from shared_utils.portfolio import report, synthesis
from shared_utils.runner.portfolio_notebook import run_portfolio


@pytest.mark.full
def test_the_notebook_runs_over_releases_and_builds_the_site(tmp_path):
    root = site_factory.workspace(tmp_path)
    executed = run_portfolio(root)
    book = nbformat.read(executed, as_version=4)
    shown = " ".join(str(o.get("data", {}).get("text/plain")) for c in book.cells for o in c.get("outputs", []))
    assert "SYNTHETIC DATA" in shown and "Open site/index.html" in shown
    assert (root / "site" / "index.html").exists() and executed == root / "status" / "portfolio.ipynb"


@pytest.mark.full
def test_a_cell_that_fails_is_told_in_words_and_the_earlier_notebook_stays(tmp_path):
    root = site_factory.workspace(tmp_path)
    (root / "status").mkdir()
    (root / "status" / "portfolio.ipynb").write_text("earlier", encoding="utf-8")
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise ValueError('no such city')")])
    broken.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(broken, root / "portfolio.ipynb")
    with pytest.raises(EmiError, match="The portfolio notebook stopped: no such city"):
        run_portfolio(root)
    assert (root / "status" / "portfolio.ipynb").read_text(encoding="utf-8") == "earlier"


def test_the_tables_hold_every_city_and_never_an_average_that_the_rule_forbids(workspace):
    cities = report.read(workspace)
    assert list(report.overview(cities)["city"]) == [city.name for city in cities.cities]
    pooled = report.pooled(cities)
    assert pooled["mu"].notna().sum() == sum(p.answer.result is not None for p in synthesis.pools(cities.cities))
    assert (pooled.loc[pooled["mu"].isna(), "why_not"] != "").all()
    assert set(report.what_works(cities)["city"]) == set(report.overview(cities)["city"])
    main = report.effects(cities)
    assert len(main) == sum(len(synthesis.main_rows(city)) for city in cities.cities)
    assert main["watermark"].str.startswith("SYNTHETIC").all()
    assert not report.measures(cities)["value"].isna().any()
    assert list(report.trust(cities)["city"]) == [city.name for city in cities.cities]
