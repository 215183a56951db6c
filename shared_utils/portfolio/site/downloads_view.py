"""What can be downloaded, what its columns mean, and what was corrected."""

from collections.abc import Sequence

from shared_utils.portfolio import downloads
from shared_utils.portfolio.collect import Portfolio
from shared_utils.portfolio.site import sources, words
from shared_utils.portfolio.site.language import english as t


def downloads_view(portfolio: Portfolio) -> dict:
    """Everything the template of the page of downloads prints."""
    return {
        "files": [(f"data/{name}", name, text) for name, text in t.download_files.items()],
        "dictionary": [(t.table_names[name], columns) for name, columns in downloads.TABLES.items()],
        "records": [
            (city.name, sources.records(city)) for city in portfolio.cities if city.records
        ],
    }  # fmt: skip


def corrections_view(corrections: Sequence[dict]) -> list[dict]:
    """The corrections, newest first."""
    return [
        {
            **entry,
            "date": words.day(entry["date"]),
            "when": _when(entry["when"]),
            "was": _range(entry["was"]),
            "now": _range(entry["now"]),
        }
        for entry in reversed(corrections)
    ]


def _when(date: str) -> str:
    return words.day(date) if len(date) > len("2020-10") else words.month(date)


def _range(numbers: dict) -> str:
    value, low, high = (numbers.get(name) for name in ("value", "ci_low", "ci_high"))
    known = t.no_value if value is None else words.plain(value)
    return known if None in (low, high) else f"{known} ({words.plain(low)} {t.to} {words.plain(high)})"
