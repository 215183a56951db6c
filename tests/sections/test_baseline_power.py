"""What designs without a formula can detect: redrawn groups give the error the planned analysis has, and hide it."""

import numpy as np
import pytest

from shared_utils import designs
from shared_utils.sections import baseline_power, baseline_redrawn
from shared_utils.stats import power

SLOWER = ("racine", "newark", "rochester")
CITIES = [pytest.param(key, marks=pytest.mark.full) for key in ("detroit", *SLOWER)]


@pytest.fixture
def looked_at(monkeypatch):
    """Every frame that is analysed while a test runs."""
    frames, main_row = [], designs.main_row

    def watched(frame, design):
        frames.append(frame)
        return main_row(frame, design)

    monkeypatch.setattr(designs, "main_row", watched)
    return frames


@pytest.mark.parametrize("key", CITIES)
def test_redrawn_pilots_detect_what_the_planned_analysis_would_and_look_at_no_real_group(open_book, looked_at, key):
    book = open_book("baseline", key)
    study, found = book.study, baseline_power.minimum_detectable(book)
    group = {"did_staggered": "cohort", "rd": study.design.get("running")}.get(study.design["type"], "treatment")
    same = [frame[group].equals(study.frame[group]) for frame in looked_at]
    assert looked_at and not any(same)
    planned = baseline_redrawn._main(book, study.frame)
    # a fifth: five redrawn pilots of 16 % spread each, or 30 counted, and real effects left in the data as noise
    df = power.NORMAL if np.isnan(planned["df"]) else planned["df"]
    expected = power.multiplier(df) * planned["se"]
    assert found.mde == pytest.approx(expected, rel=0.20)
    assert "pilots" in found.formula


@pytest.mark.parametrize("effect", [0.12, -0.12])
def test_flipped_shares_move_by_the_effect_and_stay_shares(effect):
    rng = np.random.default_rng(0)
    values = np.r_[np.ones(12_000), np.zeros(28_000), np.full(500, np.nan)]
    flipped = baseline_redrawn._flipped(values, effect, rng)
    # the number of flips is binomial, so the mean moves by the effect give or take four of its errors
    assert np.nanmean(flipped) - 0.3 == pytest.approx(effect, abs=4 * np.sqrt(0.25 * 40_000) / 40_000)
    assert set(flipped[:-500]) == {0.0, 1.0} and np.isnan(flipped[-500:]).all()


@pytest.mark.full
def test_with_every_family_known_the_same_classrooms_detect_less_than_now(open_book):
    book = open_book("baseline", "dayton")
    rows = {row["sample"]: row for row in baseline_power.detectable(book).table.rows}
    now, full = rows["as now"], rows["as assigned, all outcomes known"]
    assert (full["n"], now["n"]) == (48, 48)
    # between no gain (all of the error from classrooms) and that of as many more people drawn one by one
    known = book.study.frame[book.config.primary.id].notna().mean()
    assert now["mde"] * np.sqrt(known) < full["mde"] < now["mde"]


@pytest.mark.full
def test_what_others_found_is_marked_beside_what_is_worthwhile(open_book):
    book = open_book("baseline", "dayton")
    section = baseline_power.detectable(book)
    assert "worthwhile: 2.7 points; found elsewhere: 4 points" in section.figure.alt
    assert "Found elsewhere: 4 points (York and Loeb 2014)." in " ".join(section.table.notes)
