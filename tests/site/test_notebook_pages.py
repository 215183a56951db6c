"""The page of a released notebook: every figure is there, as a file, and none of them tells of a person."""

import base64
import io
from pathlib import Path

import pytest
import site_factory
from bs4 import BeautifulSoup
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from shared_utils import portfolio, results
from shared_utils.results.notebooks import NOTEBOOKS


def images(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")("img")


def test_every_figure_of_a_notebook_is_a_file_beside_its_page(workspace, site):
    pages = [name for name in site[1].pages if Path(name).stem in NOTEBOOKS]
    assert len(pages) == 8 * 3
    for name in pages:
        city, page = Path(name).parts[1:]
        made, shown = images(workspace / "cities" / city / "outputs/release" / page), images(site[0] / name)
        assert len(shown) == len(made) > 0
        for inside, beside in zip(made, shown, strict=True):
            picture = (site[0] / name).parent / beside["src"]
            assert picture.read_bytes() == base64.b64decode(inside["src"].partition("base64,")[2])
            assert (beside["alt"], beside["loading"]) == (inside["alt"], "lazy")
            assert Image.open(picture).size == (int(beside["width"]), int(beside["height"]))


def test_the_page_refuses_a_figure_that_names_somebody(tmp_path):
    folder, picture, about = tmp_path / "city", io.BytesIO(), PngInfo()
    site_factory.settings(folder, "newark")
    site_factory.put(folder, site_factory.released("newark", "impact"), "impact")
    about.add_text("Author", "ana@city.gov")
    Image.new("RGB", (4, 4)).save(picture, format="png", pnginfo=about)
    source = base64.b64encode(picture.getvalue()).decode()
    results.write_text(f'<img alt="Four" src="data:image/png;base64,{source}"/>', results.page_path(folder, "impact"))
    with pytest.raises(results.ReleaseError, match=r"figures/\w+.png would hold an e-mail address"):
        portfolio.build_site(folder, tmp_path / "site")
    assert not (tmp_path / "site").exists()
