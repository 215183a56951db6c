"""Briefs on paper: two pages for leaders, one for residents, two on all cities; the same numbers from the same records.

Made by typst, which needs no network: tagged PDF after PDF/UA-1, matplotlib's fonts embedded, no time of day in it.
"""

import json
from collections.abc import Callable
from pathlib import Path

from shared_utils.portfolio.collect import Portfolio

HERE = Path(__file__).parent


def briefs(portfolio: Portfolio) -> dict[str, bytes]:
    """{name below the site: PDF}: one on all cities; for each city one for leaders and one a language for residents."""
    from shared_utils.portfolio.briefs import contents

    pdf = _press()
    made = {"briefs/portfolio.pdf": pdf("portfolio", contents.portfolio(portfolio))}
    for city in portfolio.cities:
        made[f"briefs/{city.slug}.pdf"] = pdf("leaders", contents.leaders(city, portfolio))
        for code, page in contents.residents(city, portfolio).items():
            made[f"briefs/{city.slug}-residents-{code}.pdf"] = pdf("residents", page)
    return made


def _press() -> Callable[[str, dict], bytes]:
    """Return what makes a PDF of a template's name and its content; fonts are read once."""
    import matplotlib
    import typst

    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    press = typst.Compiler(str(HERE / "leaders.typ"), font_paths=[str(fonts)], ignore_system_fonts=True)

    def pdf(kind: str, content: dict) -> bytes:
        data = json.dumps(content, ensure_ascii=False)
        return press.compile(
            input=str(HERE / f"{kind}.typ"), format="pdf", sys_inputs={"data": data}, pdf_standards=["ua-1"]
        )

    return pdf
