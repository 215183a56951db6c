"""Blinding: arms permuted as they were assigned, so that only pooled statistics are real (pilots.md 5.3)."""

from dataclasses import replace

import numpy as np
import pandas as pd

from shared_utils.data.study import Study

# Columns that say which arm a row is in; they move together, so that take-up by arm stays what it is.
MOVED = ("treatment", "received", "cohort", "start_date")
# Roles that say it where city.yml itself names the treated: places by their names, a series by its start.
TOLD_BY = {"unit": "treated_units", "time": "interruption"}


def blind(study: Study, seed: int) -> Study:
    """Return the study with arms permuted within strata: over whole clusters or units, or over people.

    Where arms were not drawn, what tells them is permuted: the running variable of a discontinuity, the names of
    the places of a synthetic control, the times of a single series.
    """
    return replace(
        study,
        frame=_permuted(study, study.frame, seed),
        whole=None if study.whole is None else _permuted(study, study.whole, seed),
    )


def _permuted(study: Study, frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    design = study.design
    key = design.get("cluster") or study.subject_id
    strata = [design["strata"]] if isinstance(design.get("strata"), str) else list(design.get("strata") or [])
    roles = [design.get(role) for role in ("treatment", "instrument", "received", "running", "cohort")]
    roles += [design[role] for role, told_by in TOLD_BY.items() if told_by in design]
    moved = [c for c in dict.fromkeys([study.arm, *MOVED, *roles]) if c in frame.columns]
    donor = _donors(frame, key, strata, seed)
    frame = frame.copy()
    # A cluster takes another cluster's arm; who took part stays with each person. A place takes another's name.
    if key != study.subject_id or "treated_units" in design:
        by_cluster = frame.drop_duplicates(key).set_index(key)
        for column in [c for c in moved if c != "received"]:
            frame[column] = frame[key].map(donor).map(by_cluster[column])
    elif study.period is None or "interruption" in design:
        rows = frame.set_index(key).loc[frame[key].map(donor)]
        frame[moved] = rows[moved].to_numpy()
        frame = frame.astype({c: study.frame[c].dtype for c in moved})
    else:
        paths = frame.set_index([key, study.period])[moved]
        wanted = pd.MultiIndex.from_arrays([frame[key].map(donor), frame[study.period]])
        frame[moved] = paths.reindex(wanted).to_numpy()
        frame = frame.astype({c: study.frame[c].dtype for c in moved})
    return frame


def _donors(frame: pd.DataFrame, key: str, strata: list[str], seed: int) -> dict:
    """Return {unit: the unit whose arm it takes}, a permutation within strata."""
    rng = np.random.default_rng(seed)
    units = frame.drop_duplicates(key).sort_values(key)
    groups = [g for _, g in units.groupby(strata, dropna=False)] if strata else [units]
    donors = {}
    for group in groups:
        donors |= dict(zip(group[key], rng.permutation(group[key].to_numpy()), strict=True))
    return donors
