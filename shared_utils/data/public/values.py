"""Cells of published tables: codes with their leading zeros, numbers, and what each publisher writes for missing."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared_utils.data.public.files import AGAIN, File

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", ".", "NA", "NaN", "nan", "null", "None")


def code(cells: "pd.Series", width: int) -> "pd.Series":
    """Return codes as text of `width` digits: 1003, "01003" and 1003.0 are one county; "" where it is no code."""
    text = cells.str.strip().str.replace(r"\.0+$", "", regex=True)
    return text.str.zfill(width).where(text.str.fullmatch(rf"\d{{1,{width}}}"), "")


def codes(parts: dict[str, int]):
    """Return a function that makes GEOID from columns of given widths: {"state": 2, "county": 3, "tract": 6}."""

    def geoid(frame):
        made = [code(frame[name], width) for name, width in parts.items()]
        whole = made[0]
        for part in made[1:]:
            whole = whole.where(part != "", "") + part.where(whole != "", "")
        return whole

    return geoid


def numbers(file: File, frame: "pd.DataFrame", columns: Iterable[str], missing=MISSING) -> "pd.DataFrame":
    """Return the frame with columns as floats. Raises EmiError naming the first cell that is no number."""
    import pandas as pd

    made = {}
    for name in columns:
        cells = frame[name].str.strip()
        cells = cells.where(~cells.isin(missing))
        made[name] = pd.to_numeric(cells, errors="coerce").astype(float)
        wrong = cells[cells.notna() & made[name].isna()]
        if len(wrong):
            row = int(wrong.index[0]) + 2
            raise file.refusal(f"row {row}, column '{name}': '{wrong.iloc[0][:40]}' is no number.", AGAIN)
    return frame.assign(**made)


def without(frame: "pd.DataFrame", columns: Iterable[str], low: float, high: float) -> tuple["pd.DataFrame", int]:
    """Return the frame with values outside low to high made missing, and how many there were."""
    columns = list(columns)
    outside = (frame[columns] < low) | (frame[columns] > high)
    return frame.assign(**frame[columns].mask(outside).to_dict("series")), int(outside.sum().sum())


def note(count: int, what: str, words: str) -> tuple[str, ...]:
    """Return ("3 <what>s: <words>",), or () for none."""
    return (f"{count:,} {what}{'' if count == 1 else 's'}: {words}",) if count else ()


def span(values: "pd.Series") -> str:
    """Return "2000 to 2018" for years, "2020-01 to 2021-06" for dates."""
    first, last = values.min(), values.max()
    first, last = (f"{v:%Y-%m}" if hasattr(v, "strftime") else f"{int(v)}" for v in (first, last))
    return first if first == last else f"{first} to {last}"
