"""Realistic mess in the files (pilots.md 4.4), each defect logged with the rows it hit.

The default mess is what intake puts right by itself: exact copies, ids typed differently, blanks, codes a
mapping lists, service events of people who are in no list. Scenario dirty_data has four times as much of it
and, on top, defects that a person must look at. Each file has its own random stream, so a new file changes no
other file.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from shared_utils.data.synthetic.common import RawFile, World
from shared_utils.data.synthetic.writers import dates_as_text

COPIES, ID_VARIANTS, CODES, ORPHANS = 0.015, 0.01, 0.01, 0.003
NEAR_COPIES, BAD_DATES, LATE_DATES, BAD_MONEY, NEW_TRACTS = 0.005, 0.005, 0.02, 0.003, 0.02
YES, NO = ("yes", "Yes ", "1"), ("no", "No ", "0")


@dataclass
class Log:
    """Defects of all files; `entries` goes to truth/defects.json."""

    entries: list[dict] = field(default_factory=list)

    def add(self, file: RawFile, defect: str, found_by: str, hit: pd.DataFrame, column: str = "") -> None:
        """Note one defect of a file and the ids of the rows it hit, as the city means them."""
        if len(hit):
            ids = sorted(hit[file.id].astype(str).str.strip().str.upper()) if file.id else []
            self.entries.append(
                {"file": file.name, "defect": defect, "found_by": found_by, "column": column,
                 "count": len(hit), "ids": ids}
            )  # fmt: skip


def apply(world: World, file: RawFile, log: Log) -> pd.DataFrame:
    """Return the file's rows with its mess; `file.frame` itself stays clean."""
    rng = world.rng("mess", file.name)
    dirty = world.scenario_name == "dirty_data"
    times = 4 if dirty else 1
    frame = dates_as_text(file)
    _blank(rng, frame, file, times, log)
    _recode(rng, frame, file, times, log)
    if dirty:
        _break_cells(rng, frame, file, log)
    if file.id:
        rows = _pick(rng, len(frame), ID_VARIANTS * times)
        frame[file.id] = frame[file.id].astype(object)
        for k, row in enumerate(rows):
            text = str(frame[file.id].iloc[row])
            forms = (text.lower(), f" {text}", f"{text} ", *([text.replace("-", "")] if dirty else []))
            frame.iloc[row, frame.columns.get_loc(file.id)] = forms[k % len(forms)]
        log.add(file, "id typed differently", "normalise, DQ102", file.frame.iloc[rows], file.id)
    if file.orphans:
        frame = _orphans(rng, frame, file, times, log)
    if file.duplicates:
        rows = _pick(rng, len(frame), COPIES * times)
        log.add(file, "exact copy of a row", "DQ102", frame.iloc[rows])
        frame = _insert_after(frame, frame.iloc[rows], rows)
    if dirty and file.duplicates and file.may_miss:
        frame = _near_copies(rng, frame, file, log)
    return frame


def _blank(rng, frame: pd.DataFrame, file: RawFile, times: int, log: Log) -> None:
    """Blank cells at random given the site: some sites keep poorer records than others."""
    weight = np.ones(len(frame))
    if file.site:
        codes = frame[file.site].astype("category").cat.codes.to_numpy()
        weight = np.linspace(0.6, 1.4, max(codes.max() + 1, 2))[codes]
    for column, rate in file.may_miss.items():
        hit = np.flatnonzero(rng.random(len(frame)) < np.minimum(rate * times * weight, 0.6))
        frame[column] = frame[column].astype(object).where(~np.isin(np.arange(len(frame)), hit), None)
        log.add(file, "blank cell", "DQ106", file.frame.iloc[hit], column)


def _recode(rng, frame: pd.DataFrame, file: RawFile, times: int, log: Log) -> None:
    for column in file.yes_no:
        rows = _pick(rng, len(frame), CODES * times)
        position = frame.columns.get_loc(column)
        for k, row in enumerate(rows):
            told = frame.iloc[row, position]
            if told is not None and not pd.isna(told):
                frame.iloc[row, position] = (YES if str(told).upper().startswith("Y") else NO)[k % 3]
        log.add(file, "code written differently", "value_maps", file.frame.iloc[rows], column)


def _break_cells(rng, frame: pd.DataFrame, file: RawFile, log: Log) -> None:
    """Plant what intake must refuse or flag: impossible and future dates, decimal commas, 2020 tracts."""
    for column in file.dates:
        position = frame.columns.get_loc(column)
        frame[column] = frame[column].astype(object)
        for defect, found_by, rate, dates in (
            ("impossible date", "DQ105", BAD_DATES, ("02/30/2020", "13/25/2019")),
            ("future date", "DQ105", BAD_DATES, (_typed(file, "2031-07-04"),)),
            ("enrolled after the window", "DQ110", LATE_DATES, (_typed(file, "2020-01-20"),)),
        ):
            rows = _pick(rng, len(frame), rate)
            for k, row in enumerate(rows):
                frame.iloc[row, position] = dates[k % len(dates)]
            log.add(file, defect, found_by, file.frame.iloc[rows], column)
    if file.money:
        rows = _pick(rng, len(frame), BAD_MONEY)
        frame[file.money] = frame[file.money].astype(object)
        for k, row in enumerate(rows):
            usd = frame.iloc[row, frame.columns.get_loc(file.money)]
            if usd is not None and not pd.isna(usd):
                bad = f"{float(usd) / 12:.0f}" if k % 2 else f"{float(usd):.2f}".replace(".", ",")
                frame.iloc[row, frame.columns.get_loc(file.money)] = bad
        log.add(file, "monthly income or decimal comma", "DQ104", file.frame.iloc[rows], file.money)
    if file.tract:
        rows = _pick(rng, len(frame), NEW_TRACTS)
        for row in rows:
            frame.iloc[row, frame.columns.get_loc(file.tract)] = f"999998{row % 90000:05d}"
        log.add(file, "tract of the 2020 vintage", "DQ107", file.frame.iloc[rows], file.tract)


def _typed(file: RawFile, day: str):
    """Return a date as the file's other cells have it: text in a CSV, a date in a workbook."""
    date = pd.Timestamp(day)
    return date.strftime(file.date_format) if file.name.endswith(".csv") else date


def _orphans(rng, frame: pd.DataFrame, file: RawFile, times: int, log: Log) -> pd.DataFrame:
    rows = _pick(rng, len(frame), ORPHANS * times)
    strays = frame.iloc[rows].copy()
    prefix = str(file.frame[file.id].iloc[0]).split("-")[0]
    strays[file.id] = [f"{prefix}-9{k:05d}" for k in range(len(rows))]
    if file.frame.columns[0] != file.id:  # the log numbers its entries
        strays[file.frame.columns[0]] = [f"s_9{k:05d}" for k in range(len(rows))]
    log.add(file, "event of somebody in no list", "DQ103", strays, file.id)
    return _insert_after(frame, strays, rows)


def _near_copies(rng, frame: pd.DataFrame, file: RawFile, log: Log) -> pd.DataFrame:
    rows = _pick(rng, len(frame), NEAR_COPIES)
    copies = frame.iloc[rows].copy()
    column = next(iter(file.may_miss))
    copies[column] = frame[column].iloc[(rows + 7) % len(frame)].to_numpy()
    log.add(file, "copy of a row with another value", "DQ102", copies, column)
    return _insert_after(frame, copies, rows)


def _pick(rng, n: int, rate: float) -> np.ndarray:
    """Return round(rate x n) distinct row numbers, in order."""
    return np.sort(rng.choice(n, round(rate * n), replace=False))


def _insert_after(frame: pd.DataFrame, extra: pd.DataFrame, rows) -> pd.DataFrame:
    both = pd.concat([frame.reset_index(drop=True), extra.set_axis(np.asarray(rows) + 0.5)])
    return both.sort_index(kind="stable").reset_index(drop=True)
