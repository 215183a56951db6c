"""A released notebook as a page: its sections with a table of contents, its figures as files beside it.

A figure inside the page would weigh a third more, and a phone would load all of them before the first word.
"""

import base64
import hashlib
import re
import struct

from shared_utils.portfolio.collect import City, Step
from shared_utils.portfolio.site.language import english as t

_HEADING = re.compile(r'<h2[^>]*\bid="([^"]+)"[^>]*>(.*?)</h2>', re.DOTALL)
_B64 = "[A-Za-z0-9+/]"
_PNG = (
    rf"iVBORw0KGgoAAAANSUhE(?:{_B64}{{4}}){{3,}}(?:{_B64}{{2}}==|{_B64}{{3}}=)?"  # the base64 of what begins every PNG
)
_PICTURE = re.compile(rf'src="data:image/png;base64,({_PNG})"')


def notebook_view(city: City, step: Step) -> tuple[dict, dict[str, bytes]]:
    """(what the template of a notebook's page prints, {file name beside the page: figure as PNG})."""
    body, figures = _figures_apart(step.page.read_text(encoding="utf-8"))
    opening, heading, sections = body.partition("<h2")
    view = {
        "opening": opening,
        "sections": heading + sections,
        "contents": [(name, re.sub(r"<[^>]+>", "", words).strip()) for name, words in _HEADING.findall(body)],
        "notebook": t.notebooks[step.notebook],
    }
    return view, figures


def _figures_apart(body: str) -> tuple[str, dict[str, bytes]]:
    """The page with every figure named by what is in it, and the figures."""
    figures: dict[str, bytes] = {}

    def linked(match: re.Match) -> str:
        picture = base64.b64decode(match.group(1))
        name = f"figures/{hashlib.sha256(picture).hexdigest()[:16]}.png"
        figures[name] = picture
        width, height = struct.unpack_from(">II", picture, 16)  # so that no line jumps when the figure arrives
        return f'src="{name}" width="{width}" height="{height}" loading="lazy"'

    return _PICTURE.sub(linked, body), figures
