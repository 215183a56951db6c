"""Known truth: on the protocol's data-generating processes the estimators are unbiased and their intervals
cover.

Bounds are Monte Carlo bounds, not tolerances: the mean within four standard errors of the truth, coverage
above the 0.1 % quantile of a binomial with chance 0.95. Draws are seeded. The full set repeats it with many
more draws, and adds size under the null and the wrong estimators.
"""

import dgps
import numpy as np
import pytest
from scipy import stats

from shared_utils.designs import estimate

FAST = {
    "cincinnati": 40,
    "dayton": 40,
    "detroit": 8,
    "lansing": 12,
    "new_orleans": 40,
    "newark": 6,
    "racine": 40,
    "rochester": 8,
    "tulsa": 40,
}


def rows_for(name, seed, role="main", **kwargs):
    frame, design, true = dgps.ALL[name](np.random.default_rng(seed), **kwargs)
    if name not in ("detroit", "racine", "rochester"):
        design = {**design, "options": {"ri_draws": 0}}
    rows = estimate(frame, design)
    rows = rows[rows.role == role]
    if name == "tulsa":
        rows, true = rows[rows.contrast == "B - control"], true["B"]
    return rows.iloc[0], true


def draws(name, n, first=1000, **kwargs):
    """Columns estimate, true value, covered, rejected."""
    out = []
    for seed in range(first, first + n):
        row, true = rows_for(name, seed, **kwargs)
        out.append((row.value, true, row.ci_low <= true <= row.ci_high, row.p < 0.05, row.se))
    return np.array(out, float).T


def check(name, n):
    value, true, covered, _, se = draws(name, n)
    error = value - true
    assert abs(error.mean()) <= 4 * error.std(ddof=1) / np.sqrt(n), (name, error.mean())
    assert covered.sum() >= stats.binom.ppf(0.001, n, 0.95), (name, covered.mean())
    return error, se


@pytest.mark.parametrize("name", list(FAST))
def test_unbiased_and_covering(name):
    check(name, FAST[name])


@pytest.mark.full
@pytest.mark.parametrize("name", list(FAST))
def test_unbiased_covering_and_honest_in_many_draws(name):
    n = 100 if name in ("newark", "detroit") else 250
    error, se = check(name, n)
    # the mean standard error against the spread of the estimates, whose own error is 1/sqrt(2n)
    assert se.mean() / error.std(ddof=1) == pytest.approx(1, abs=4 / np.sqrt(2 * n) + 0.02)


@pytest.mark.full
@pytest.mark.parametrize("name", [n for n in FAST if n not in ("newark", "detroit")])
def test_size_under_a_true_null(name):
    _, _, _, rejected, _ = draws(name, 300, first=5000, effect=0.0)
    assert rejected.mean() <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 300)


def test_wrong_estimators_are_wrong_and_labelled():
    # two-way fixed effects is too small on average (Detroit), the naive difference too large (Racine)
    seeds = range(1000, 1006)
    twfe = [rows_for("detroit", s, "twfe")[0] for s in seeds]
    right = [rows_for("detroit", s)[0] for s in seeds]
    gap = np.array([t.value - r.value for t, r in zip(twfe, right, strict=True)])
    assert gap.mean() > 0 and "biased" in twfe[0].note
    naive = [rows_for("racine", s, "naive") for s in range(1000, 1040)]
    error = np.array([row.value - true for row, true in naive])
    assert error.mean() > 4 * error.std(ddof=1) / np.sqrt(40) and "biased" in naive[0][0].note


def test_weak_nudge_reports_the_set_and_covers():
    wide, covered = 0, 0
    for seed in range(40):
        frame, design, true = dgps.lansing(np.random.default_rng(seed), complier=0.02, n=2000)
        row = estimate(frame, {**design, "options": {"ri_draws": 0}}).iloc[0]
        wide += abs(row.value) > 1
        covered += row.ci_low <= true <= row.ci_high
        assert row.first_stage_f < 104.7 and "Anderson-Rubin" in row.method
    assert wide >= 8 and covered >= stats.binom.ppf(0.001, 40, 0.95)


@pytest.mark.full
def test_ignoring_classrooms_would_reject_far_too_often():
    wrong = right = 0
    for seed in range(200):
        frame, design, _ = dgps.dayton(np.random.default_rng(seed), effect=0.0)
        people = {k: v for k, v in design.items() if k != "cluster"} | {"type": "rct_individual"}
        wrong += estimate(frame, {**people, "options": {"ri_draws": 0}}).p[0] < 0.05
        right += estimate(frame, {**design, "options": {"ri_draws": 0}}).p[0] < 0.05
    assert wrong >= stats.binom.ppf(0.999, 200, 0.05) and right <= stats.binom.ppf(0.999, 200, 0.05)
