"""Every released number as a table: CSV, Excel with its dictionary, and JSON with its schema.

The columns are declared once, here; dictionary, schema and tables follow. Each row carries the watermark of its city,
so that a copied row still says what it is.
"""

import json
from dataclasses import dataclass

from shared_utils import results, spreadsheets
from shared_utils.portfolio.collect import City, Portfolio

VERSION = "1.0"


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, its JSON type ("string", "number", "integer", "boolean"), what it holds."""

    name: str
    type: str
    words: str


CITY = (
    Column("watermark", "string", "Empty for a city's own data; else the line that must stay with a synthetic number."),
    Column("city", "string", "Name of the city."),
    Column("state", "string", "State, two letters."),
    Column("pilot", "string", "Name of the pilot's folder and pages on this site."),
    Column("domain", "string", "employment, education, housing or savings."),
    Column("data_mode", "string", "synthetic (stand-in data) or city (the city's own data)."),
    Column("notebook", "string", "The notebook that made the number: monitoring or impact."),
    Column("status", "string", "done; late (on old data); stale (settings, notebook or code changed since)."),
    Column("as_of", "string", "Data up to this day (ISO 8601)."),
)
ESTIMATES = (
    *CITY,
    Column("estimate_id", "string", "Name of the estimate in the record."),
    Column("role", "string", "primary, secondary, subgroup, interaction, sensitivity or first_stage."),
    Column("outcome", "string", "The outcome in words."),
    Column("outcome_id", "string", "Name of the outcome in the city's settings."),
    Column("group_by", "string", "For an effect in a group: how people are grouped."),
    Column("group", "string", "For an effect in a group: the group."),
    Column("treated", "string", "The group with the program."),
    Column("comparison", "string", "The group it is compared with."),
    Column("estimand", "string", "What is estimated, such as ITT or LATE."),
    Column("estimand_class", "string", "ITT, ATT, LOCAL_RD or TOT_LATE: only one class is ever averaged."),
    Column("value", "number", "The estimate as printed on the pages, natural sign; empty when hidden or blinded."),
    Column("ci_low", "number", "Lower end of the interval."),
    Column("ci_high", "number", "Upper end of the interval."),
    Column("unit", "string", "Unit of value, ci_low and ci_high."),
    Column("level", "number", "Level of the interval, 0 to 1."),
    Column("p", "number", "P-value of no effect."),
    Column("standardized", "number", "The effect in standard deviations, higher is better."),
    Column("standardized_se", "number", "Its standard error."),
    Column("analyzed", "integer", "Units analyzed, rounded; empty when hidden."),
    Column("suppressed", "boolean", "True when the number is hidden because it rests on too few people."),
    Column("why_empty", "string", "Why there is no number."),
)
MEASURES = (
    *CITY,
    Column("measure", "string", "The measure in words."),
    Column("measure_id", "string", "Name of the measure in the city's settings."),
    Column("definition_version", "string", "Measures may be compared only within one first number and one definition."),
    Column("month", "string", "Year and month."),
    Column("group_by", "string", "all, or how people are grouped."),
    Column("group", "string", "The group; all for everybody."),
    Column("value", "number", "The value; empty when hidden."),
    Column("unit", "string", "Its unit."),
    Column("direction", "string", "increase or decrease: where better lies."),
    Column("target", "number", "The target."),
    Column("target_source", "string", "city, benchmark or placeholder (not a real target)."),
    Column("variation", "string", "improvement, concern, common_cause or not_assessed."),
    Column("assurance", "string", "reliably_meets, reliably_misses, hit_and_miss or not_assessed."),
    Column("suppressed", "boolean", "True when the number is hidden because it rests on too few people."),
)
TABLES = {"estimates": ESTIMATES, "measures": MEASURES}


def tables_of(portfolio: Portfolio) -> dict[str, list[dict]]:
    """{"estimates": rows, "measures": rows} of all cities, each row with the columns of TABLES."""
    return {name: [row for city in portfolio.cities for row in rows_of(city)] for name, rows_of in _ROWS.items()}


def downloads(portfolio: Portfolio, tables: dict[str, list[dict]]) -> dict[str, bytes]:
    """{file name: content} of everything that can be downloaded, and the records the pages were made from."""
    files = {f"{name}.csv": _csv(TABLES[name], rows) for name, rows in tables.items()}
    files["portfolio.xlsx"] = _workbook(portfolio, tables)
    files["portfolio.json"] = _json({"version": VERSION, "title": portfolio.title, **tables})
    files["portfolio.schema.json"] = _json(schema())
    for city in portfolio.cities:
        for step in city.steps.values():
            if step.record:
                files[record_file(city, step.notebook)] = results.as_text(step.record).encode("utf-8")
    return files


def record_file(city: City, notebook: str) -> str:
    """What a released record is called among the downloads."""
    return f"records/{city.slug}/{results.record_name(notebook)}"


def schema() -> dict:
    """The JSON schema (2020-12) of portfolio.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["version", "title", *TABLES],
        "additionalProperties": False,
        "properties": {
            "version": {"const": VERSION},
            "title": {"type": "string"},
            **{name: {"type": "array", "items": _row_schema(columns)} for name, columns in TABLES.items()},
        },
    }


def _row_schema(columns) -> dict:
    return {
        "type": "object",
        "required": [column.name for column in columns],
        "additionalProperties": False,
        "properties": {c.name: {"type": [c.type, "null"], "description": c.words} for c in columns},
    }


def _common(city: City, notebook: str) -> dict:
    step = city.steps[notebook]
    return {
        "watermark": results.watermark(step.record, city.name),
        "city": city.name,
        "state": city.state,
        "pilot": city.slug,
        "domain": city.domain,
        "data_mode": step.record["data_mode"],
        "notebook": notebook,
        "status": step.state,
        "as_of": step.record["run"]["as_of"][:10],
    }


def _estimates(city: City) -> list[dict]:
    """The estimates of the impact record; while it is blinded there are none."""
    if not city.steps["impact"].shown:
        return []
    common = _common(city, "impact")
    return [common | _estimate(city, row) for row in city.record("impact")["estimates"]]


def _estimate(city: City, row: dict) -> dict:
    printed, standard, group = row.get("display") or {}, row.get("standardized") or {}, row.get("group") or {}
    treated, comparison = (row["contrast"] + [None, None])[:2]
    return {
        "estimate_id": row["estimate_id"],
        "role": row["role"],
        "outcome": city.outcome(row["outcome_id"]),
        "outcome_id": row["outcome_id"],
        "group_by": group.get("dim"),
        "group": group.get("value"),
        "treated": treated,
        "comparison": comparison,
        "estimand": row["estimand"],
        "estimand_class": row["estimand_class"],
        "value": printed.get("value"),
        "ci_low": printed.get("ci_low"),
        "ci_high": printed.get("ci_high"),
        "unit": printed.get("unit"),
        "level": row["level"],
        "p": row.get("p"),
        "standardized": standard.get("d"),
        "standardized_se": standard.get("se"),
        "analyzed": row["n"].get("analysed"),
        "suppressed": row["suppressed"],
        "why_empty": row.get("null_reason"),
    }


def _measures(city: City) -> list[dict]:
    record = city.record("monitoring")
    if not record:
        return []
    common = _common(city, "monitoring")
    rows = [common | _measure(city, row) for row in record["indicators"]]
    return sorted(rows, key=lambda row: (row["measure_id"], row["group_by"], row["group"], row["month"]))


def _measure(city: City, row: dict) -> dict:
    kept = ("definition_version", "value", "unit", "direction", "target", "target_source", "variation", "assurance")
    return {
        "measure": city.indicator(row["indicator_id"]),
        "measure_id": row["indicator_id"],
        "month": row["period"],
        "group_by": row["group_dim"],
        "group": row["group_value"],
        "suppressed": row["suppressed"],
        **{name: row.get(name) for name in kept},
    }


_ROWS = {"estimates": _estimates, "measures": _measures}


def _csv(columns, rows: list[dict]) -> bytes:
    names = [column.name for column in columns]
    return spreadsheets.csv_text(names, ([row[name] for name in names] for row in rows)).encode("utf-8-sig")


def _json(content: dict) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode("utf-8")


def _workbook(portfolio: Portfolio, tables: dict[str, list[dict]]) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    marks = sorted({row["watermark"] for rows in tables.values() for row in rows if row["watermark"]})
    _sheet(book, "About", [[portfolio.title], *([mark] for mark in marks), ["Columns are explained in: dictionary"]])
    for name, rows in tables.items():
        names = [column.name for column in TABLES[name]]
        _sheet(book, name, [names, *([row[column] for column in names] for row in rows)])
    explained = [[name, c.name, c.type, c.words] for name, columns in TABLES.items() for c in columns]
    _sheet(book, "dictionary", [["sheet", "column", "type", "meaning"], *explained])
    return spreadsheets.same_bytes(book)


def _sheet(book, title: str, rows: list[list]) -> None:
    sheet = book.create_sheet(title)
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            if isinstance(value, str):
                spreadsheets.set_text(cell, value)
            else:
                cell.value = value
    sheet.freeze_panes = "A2" if len(rows) > 1 and title != "About" else None
