"""What the site said before, and what it says differently now: the corrections page makes itself.

The published site holds the numbers it printed (data/published.json). The next build compares: a number about the same
outcome and data date, or about the same month, that is not the same any more is a correction. A result on newer data is
news and no correction, and so are a city's own data in place of stand-in data. There is no clock: a correction carries
the day its new record was made.
"""

import json
from pathlib import Path

from shared_utils.errors import EmiError
from shared_utils.portfolio.collect import Portfolio

PUBLISHED = "data/published.json"
_KEYS = {
    "estimates": ("pilot", "notebook", "data_mode", "as_of", "estimate_id"),
    "measures": ("pilot", "notebook", "data_mode", "measure_id", "definition_version", "month", "group_by", "group"),
}
_NUMBERS = ("value", "ci_low", "ci_high")


def publish(portfolio: Portfolio, tables: dict[str, list[dict]], out: Path) -> dict:
    """What the site in `out` will have published after this build: its numbers and every correction so far.

    Returns {"numbers": {key: entry}, "corrections": [entry]}, newest correction last. Raises EmiError when the earlier
    file cannot be read: then nothing is built, so that no correction is lost.
    """
    before = _earlier(Path(out) / PUBLISHED)
    made = {city.slug: {n: step.record["run"]["finished_at"][:10] for n, step in city.steps.items() if step.record}
            for city in portfolio.cities}  # fmt: skip
    now = {key: entry for name, rows in tables.items() for key, entry in _entries(name, rows)}
    changed = [
        {**_about(now[key]), "date": made[now[key]["pilot"]][now[key]["notebook"]], "was": was["numbers"],
         "now": now[key]["numbers"]}
        for key, was in before["numbers"].items()
        if key in now and now[key]["numbers"] != was["numbers"]
    ]  # fmt: skip
    # Numbers of earlier months and data dates stay known: a month that comes back changed is still a correction.
    return {"numbers": before["numbers"] | now, "corrections": before["corrections"] + changed}


def _entries(name: str, rows: list[dict]):
    for row in rows:
        numbers = {key: row[key] for key in _NUMBERS if row.get(key) is not None}
        if numbers:
            key = "|".join([name, *(str(row[part]) for part in _KEYS[name])])
            what = row.get("outcome") or row.get("measure")
            when = row.get("month") or row["as_of"]
            place = {part: row[part] for part in ("watermark", "city", "pilot", "notebook")}
            yield key, {**place, "what": what, "group": row.get("group"), "when": when, "unit": row["unit"],
                        "numbers": numbers}  # fmt: skip


def _about(entry: dict) -> dict:
    return {key: value for key, value in entry.items() if key != "numbers"}


def _earlier(path: Path) -> dict:
    if not path.exists():
        return {"numbers": {}, "corrections": []}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"numbers": dict(found["numbers"]), "corrections": list(found["corrections"])}
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise EmiError(
            f"{PUBLISHED} of the site cannot be read, and it says what was published before.",
            "Take it back from the published site or from a copy; delete it only to begin without corrections.",
        ) from None
