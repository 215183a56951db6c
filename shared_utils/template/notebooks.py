"""Two sets of changes to a notebook, put together cell by cell; and what one set changed.

A cell is the same cell when it has the same id (nbformat 4.5), wherever it stands. What only one side changed is taken
from that side. A cell that both changed holds both texts afterwards, whole and marked: nothing inside a cell is merged
line by line, because half a call of one side and half of the other can run and give a number nobody wrote.
docs/decisions/0010 says why this is not nbdime's merge.

    python -m shared_utils.template.notebooks BASE OURS THEIRS     what git calls: the result is written into OURS
"""

import copy
import json
import sys
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from shared_utils.conflicts import both_texts
from shared_utils.errors import EmiError

ORDER = "order-of-cells"
EMPTY = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


class NotANotebook(EmiError):
    """A file that Jupyter could not open either."""


@dataclass(frozen=True)
class Change:
    """One cell that is not as it was: `kind` is added, changed, moved or deleted."""

    cell: str
    kind: str


def parse(content: bytes, name: str) -> dict:
    """Return a notebook; b"" is the one without cells. Raises NotANotebook, naming the file."""
    if not content.strip():
        return copy.deepcopy(EMPTY)
    try:
        notebook = json.loads(content)
        _ = [(cell["cell_type"], cell["source"], cell.get("id")) for cell in notebook["cells"]]
    except (ValueError, KeyError, TypeError) as error:
        raise NotANotebook(
            f"{name} is not a notebook that can be read.",
            f"Open it in JupyterLab; if that fails too, take it back as it was:  git checkout HEAD -- {name}",
        ) from error
    return notebook


def dump(notebook: dict) -> bytes:
    """Return the bytes Jupyter would write."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def merge(base: dict, ours: dict, theirs: dict, their_name: str = "theirs") -> tuple[dict, list[str]]:
    """Put together what `ours` and `theirs` changed in `base`; returns the notebook and the ids of cells in conflict.

    A cell one side deleted and the other changed is kept, marked. Where both moved cells, to different places, ours
    stay and a cell at the top shows both orders. Of the metadata of a cell, a key that both changed is theirs: the
    template's tags are read by the runner. Results are dropped from a cell whose text changes.
    """
    before, mine = _by_id(base, base), _by_id(ours, base)
    other = _by_id(theirs, base)
    cells, conflicts = {}, []
    for key in dict.fromkeys([*mine, *other]):
        cell, clash = _cell(before.get(key), mine.get(key), other.get(key), their_name)
        if cell is not None:
            cells[key] = {**cell, "id": key}
            conflicts += [key] if clash else []
    order, clash = _order([*before], [*mine], [*other], cells)
    merged = [cells[key] for key in order]
    if clash:
        shown = both_texts(_listed(mine), _listed(other), their_name, markdown=True)
        merged.insert(0, {"cell_type": "markdown", "id": ORDER, "metadata": {}, "source": _lines(shown)})
        conflicts.insert(0, ORDER)
    result = {**theirs, **ours, "cells": merged}
    result["metadata"] = _keys(*(notebook.get("metadata", {}) for notebook in (base, ours, theirs)))
    result["nbformat_minor"] = max(5, ours.get("nbformat_minor", 0), theirs.get("nbformat_minor", 0))
    return result, conflicts


def changes(base: dict, ours: dict) -> list[Change]:
    """Return what `ours` changed, in its order; then what it deleted. A cell changed and moved is listed twice."""
    before, mine = _by_id(base, base), _by_id(ours, base)
    common = [key for key in before if key in mine]
    now = [key for key in mine if key in before]
    blocks = SequenceMatcher(None, common, now, autojunk=False).get_matching_blocks()
    stayed = {key for block in blocks for key in now[block.b : block.b + block.size]}
    found = []
    for key, cell in mine.items():
        if key not in before:
            found.append(Change(key, "added"))
            continue
        found += [Change(key, "changed")] if _seen(cell) != _seen(before[key]) else []
        found += [Change(key, "moved")] if key not in stayed else []
    return found + [Change(key, "deleted") for key in before if key not in mine]


def text(cell: dict) -> str:
    """Return the source of a cell, which a file may hold as one text or as lines."""
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def _cell(before: dict | None, mine: dict | None, other: dict | None, their_name: str) -> tuple[dict | None, bool]:
    """One cell of the result, or None when it goes; and whether both sides changed it."""
    old, own, new = (_content(cell) for cell in (before, mine, other))
    if own == new or new == old:
        return mine, False
    if own == old:
        return _as_theirs(mine, other), False
    if mine and other:
        return _both_changed(before, mine, other, their_name)
    kept = mine or other
    return _with_text(kept, _both(kept, mine, other, their_name)), True


def _both_changed(before: dict | None, mine: dict, other: dict, their_name: str) -> tuple[dict, bool]:
    old = text(before) if before else None
    own, new = text(mine), text(other)
    metadata = _keys(*((cell or {}).get("metadata", {}) for cell in (before, mine, other)))
    kinds = [cell and cell["cell_type"] for cell in (before, mine, other)]
    clash = own != new and own != old and new != old
    kept = {**mine, "cell_type": kinds[2] if kinds[1] == kinds[0] else kinds[1]}
    made = _with_text(kept, _both(kept, mine, other, their_name) if clash else new if own == old else own)
    return {**made, "metadata": metadata}, clash


def _both(kept: dict, mine: dict | None, other: dict | None, their_name: str) -> str:
    own, new = (cell and text(cell) for cell in (mine, other))
    return both_texts(own, new, their_name, markdown=kept["cell_type"] == "markdown")


def _as_theirs(mine: dict | None, other: dict | None) -> dict | None:
    """Their cell; with our results when its text is still ours."""
    same = mine and other and text(mine) == text(other)
    return {**mine, "metadata": other["metadata"], "cell_type": other["cell_type"]} if same else other


def _with_text(cell: dict, new: str) -> dict:
    made = {**cell, "source": _lines(new)}
    if cell["cell_type"] != "code":
        return {key: value for key, value in made.items() if key not in ("outputs", "execution_count")}
    return made if new == text(cell) else {**made, "outputs": [], "execution_count": None}


def _order(before: list, mine: list, other: list, kept: dict) -> tuple[list[str], bool]:
    """The ids of the result in order: that of the side that moved cells, with the other's new cells after their place.

    True with it when both moved cells, to different places.
    """
    common = {key for key in before if key in mine and key in other}
    old, own, new = ([key for key in side if key in common] for side in (before, mine, other))
    spine, added = (other, mine) if own == old else (mine, other)
    order = [key for key in spine if key in kept]
    for place, key in enumerate(added):
        if key in kept and key not in order:
            earlier = next((order.index(one) for one in reversed(added[:place]) if one in order), -1)
            order.insert(earlier + 1, key)
    return order, own != old and new != old and own != new


def _by_id(notebook: dict, base: dict) -> dict[str, dict]:
    """The cells by id. A cell without one (an older Jupyter drops them) is the one of `base` with the same text."""
    free = {key: text(cell) for cell in base["cells"] if (key := cell.get("id"))}
    for cell in notebook["cells"]:
        free.pop(cell.get("id"), None)
    found = {}
    for number, cell in enumerate(notebook["cells"], 1):
        key = cell.get("id")
        if not key or key in found:
            key = next((one for one, source in free.items() if source == text(cell)), f"cell-{number}")
            free.pop(key, None)
        found[key] = cell
    return found


def _seen(cell: dict) -> tuple:
    """What a person would call a change: not how JupyterLab folds the cell."""
    return cell["cell_type"], text(cell), cell.get("metadata", {}).get("tags", [])


def _content(cell: dict | None) -> tuple | None:
    return cell and (cell["cell_type"], text(cell), cell.get("metadata", {}))


def _keys(before: dict, mine: dict, other: dict) -> dict:
    """Metadata of both sides, key by key; of a key that both changed, theirs."""
    chosen = {
        key: mine.get(key) if other.get(key) == before.get(key) else other.get(key)
        for key in dict.fromkeys([*mine, *other])
    }
    return {key: value for key, value in chosen.items() if value is not None}


def _listed(cells: dict) -> str:
    return "\n".join(f"- {key}" for key in cells)


def _lines(source: str) -> list[str]:
    return source.splitlines(keepends=True)


def main(words: list[str]) -> int:
    """Merge as git asks; returns 1 when a cell is in conflict or a file is no notebook (ours then stays as it is)."""
    base, ours, theirs = map(Path, words)
    try:
        parts = [parse(path.read_bytes(), path.name) for path in (base, ours, theirs)]
    except NotANotebook as error:
        print(error.message, file=sys.stderr)
        return 1
    notebook, conflicts = merge(*parts)
    ours.write_bytes(dump(notebook))
    return 1 if conflicts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:4]))
