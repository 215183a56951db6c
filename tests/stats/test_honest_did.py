"""Robust intervals for event studies against published output, other implementations and simulation."""

import re
from pathlib import Path

import numpy as np
import pytest
from diff_diff import honest_did as library
from scipy import optimize, stats

from shared_utils.stats.honest_did import EventStudy, breakdown, relative_magnitudes, smoothness

# Benzarti and Carloni (2019), the example data of the authors' R package HonestDiD (BCdata_EventStudy): 4 + 4 periods.
BC = np.array([0.006696352, 0.029345034, -0.006472972, 0.073014990, 0.195961118, 0.312063903, 0.239541546, 0.126042500])
BC_COVARIANCE = 1e-4 * np.array(
    [
        [8.428358124, 4.768686777, 2.618051076, 2.354220342, 1.676371467, 1.128707663, 0.1992816215, -1.368265366],
        [4.768686777, 6.425420288, 3.987425007, 2.435515198, 2.201960306, 1.804591157, 0.3843765080, -0.2960421989],
        [2.618051076, 3.987425007, 5.229949602, 2.117686090, 1.840722252, 1.458527840, 0.7005197403, 0.5952994979],
        [2.354220342, 2.435515198, 2.117686090, 3.089595411, 1.197866077, 1.334081317, 1.016335009, 1.079051726],
        [1.676371467, 2.201960306, 1.840722252, 1.197866077, 3.599704360, 2.478818642, 1.749579242, 1.654256921],
        [1.128707663, 1.804591157, 1.458527840, 1.334081317, 2.478818642, 4.263949813, 2.171437809, 2.892747871],
        [0.1992816215, 0.3843765080, 0.7005197403, 1.016335009, 1.749579242, 2.171437809, 4.886697861, 3.805322049],
        [-1.368265366, -0.2960421989, 0.5952994979, 1.079051726, 1.654256921, 2.892747871, 3.805322049, 7.617394440],
    ]
)
# Medicaid expansions of 2014 and the share of low-income adults with insurance, 43 states, 2008 to 2015 without 2013:
# coefficients and clustered covariance of the regression in the README of HonestDiD, from its data (ehec_data).
MEDICAID = np.array([-0.00528534, -0.01129732, -0.00267598, -0.00141931, 0.00033968, 0.04644686, 0.06920618])
MEDICAID_COVARIANCE = 1e-5 * np.array(
    [
        [7.488485, 6.039876, 4.444619, 3.385766, 4.328014, 4.765882, 2.425130],
        [6.039876, 7.266499, 3.789328, 2.866576, 4.543321, 4.428853, 2.824656],
        [4.444619, 3.789328, 5.052051, 2.673678, 2.778194, 3.060645, 0.963755],
        [3.385766, 2.866576, 2.673678, 4.003222, 2.412861, 2.380869, 0.292390],
        [4.328014, 4.543321, 2.778194, 2.412861, 5.462665, 3.682535, 0.972298],
        [4.765882, 4.428853, 3.060645, 2.380869, 3.682535, 8.375674, 6.321403],
        [2.425130, 2.824656, 0.963755, 0.292390, 0.972298, 6.321403, 10.712358],
    ]
)


def benzarti(weights=(1, 0, 0, 0)):
    return EventStudy(BC, BC_COVARIANCE, 4, np.array(weights, float))


def medicaid():
    return EventStudy(MEDICAID, MEDICAID_COVARIANCE, 5, np.array([1.0, 0.0]))


@pytest.mark.parametrize(
    "m, low, high",
    [(0.5, 0.0240, 0.0672), (1.0, 0.0170, 0.0720), (1.5, 0.00824, 0.0797), (2.0, -0.000916, 0.0881)],
)
def test_relative_magnitudes_of_the_medicaid_example(m, low, high):
    # README of HonestDiD. Its ends are the outermost accepted points of a grid of 1,000 over the estimate -/+ (m times
    # the largest change + 20 standard errors), so that the true end lies outside, by less than one step.
    study = medicaid()
    step = 2 * (m * np.abs(study.changes @ MEDICAID).max() + 20 * np.sqrt(MEDICAID_COVARIANCE[5, 5])) / 999
    ours = relative_magnitudes(study, m)
    rounding = 5e-5
    assert -rounding <= low - ours[0] <= step + rounding and -rounding <= ours[1] - high <= step + rounding
    assert (ours[0] > 0) == (low > 0)  # at 2 the published interval includes zero, which diff-diff's does not


SMOOTHNESS = [
    (0, "0.0259", "0.0607"),
    (0.01, "0.0132", "0.0787"),
    (0.02, "0.00286", "0.0907"),
    (0.03, "-0.00714", "0.101"),
    (0.04, "-0.0171", "0.111"),
    (0.05, "-0.0271", "0.121"),
]


@pytest.mark.parametrize("m, low, high", SMOOTHNESS)
def test_smoothness_of_the_medicaid_example(m, low, high):
    # README of HonestDiD. It simulates the quantile of |N(b, 1)|, which moves ends by up to 0.2 % of the half length.
    ours = smoothness(medicaid(), m)
    noise = 0.002 * (ours[1] - ours[0]) / 2
    for end, published in zip(ours, (low, high), strict=True):
        assert abs(end - float(published)) <= 0.5 * 10.0 ** -len(published.split(".")[1]) + noise


@pytest.mark.parametrize(
    "m, low, high",
    [(0, 0.131411316, 0.2161696482), (0.1, 0.1194440001, 0.4185082143), (0.2, 0.01944400015, 0.5185082143)],
)
def test_smoothness_of_the_packages_own_example(m, low, high):
    # findOptimalFLCI of HonestDiD, to the Monte Carlo error of its quantile
    assert smoothness(benzarti(), m) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(
    "weights, m, low, high",
    [
        ((1, 0, 0, 0), 0.5, (0.11800, 0.11825), (0.2714, 0.2716)),
        ((1, 0, 0, 0), 1.0, (0.0669, 0.0672), (0.3192, 0.3194)),
        ((1, 0, 0, 0), 2.0, (-0.0424, -0.0420), (0.42425, 0.42450)),
        ((0.25, 0.25, 0.25, 0.25), 1.0, (-0.0695, -0.0690), (0.50575, 0.50650)),
    ],
)
def test_relative_magnitudes_beside_another_implementation(weights, m, low, high):
    # moderndid 0.2.0 (Python, the full test with nuisance parameters and simulated critical values): the last rejected
    # and first accepted point of a fine grid. It keeps moments that the two of ours imply, so that the two tests differ
    # a little; both are valid.
    ours = relative_magnitudes(benzarti(weights), m)
    assert min(low) - 6e-4 <= ours[0] <= max(low) + 6e-4 and min(high) - 6e-4 <= ours[1] <= max(high) + 6e-4


def random_study(seed, before=5, after=3, weights=None):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(40, before + after))
    weights = np.full(after, 1 / after) if weights is None else np.asarray(weights, float)
    return EventStudy(rng.normal(size=before + after), root.T @ root / 40 + 0.5, before, weights)


@pytest.mark.parametrize("seed, m", [(0, 0.05), pytest.param(1, 0.3, marks=pytest.mark.full)])
def test_smoothness_equals_diff_diff(seed, m):
    study = random_study(seed, before=3, after=2)
    effects, n = study.effects, study.n_before
    other = library._compute_optimal_flci(
        effects[:n], effects[n:], study.covariance, study.weights, n, len(effects) - n, m
    )
    ours = smoothness(study, m)
    assert ours[1] - ours[0] <= (other[1] - other[0]) * (1 + 1e-9)  # the shortest; the library searches a grid
    assert ours == pytest.approx(other, abs=3e-3)


@pytest.mark.parametrize("weights", [(1, 0, 0), (0.2, 0.3, 0.5), (0, 1, -1)])
def test_the_worst_bias_is_the_one_of_a_linear_program(weights):
    # The estimator's bias, maximised over all d whose slope changes by at most m, d = 0 in the base period
    study = random_study(3, before=4, weights=weights)
    path, m = study.path, 0.7
    bends, line = np.diff(study.changes, axis=0), study.target - (study.weights @ study.steps) * study.changes[-1]
    second = np.diff(np.insert(np.eye(7), 4, 0, axis=0), n=2, axis=0)  # second differences with the base put in
    for u in path.points:
        form = line + u @ bends
        worst = optimize.linprog(-form, A_ub=np.vstack([second, -second]), b_ub=np.full(12, m), bounds=(None, None))
        assert m * (path.constant + np.abs(u).sum()) == pytest.approx(-worst.fun)
        variance = form @ study.covariance @ form
        assert path.v + 2 * path.q @ u + u @ path.big_q @ u == pytest.approx(variance)


def test_the_path_solves_the_lasso_at_every_corner():
    study = random_study(4, before=9)
    path = study.path
    assert not path.points[0].any() and np.abs(path.q + path.big_q @ path.points[-1]).max() < 1e-9  # least variance
    for u in path.points[1:-1]:
        gradient = path.q + path.big_q @ u
        penalty = np.abs(gradient).max()
        on = np.abs(u) > 1e-9
        assert gradient[on] == pytest.approx(-penalty * np.sign(u[on]))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in (1, 2))])
def test_relative_magnitudes_equal_the_slow_way(seed):
    # every cell and value one by one, the first-stage quantile simulated
    study = random_study(seed, before=3, after=2, weights=(0.5, 0.5))
    m, kappa = 0.8, 0.005
    second = (0.05 - kappa) / (1 - kappa)
    draws = np.random.default_rng(0).standard_normal((2, 400_000))
    low, high = relative_magnitudes(study, m)
    step = (high - low) / 60
    accepted = []
    for sign, change in [(sign, change) for sign in (1, -1) for change in study.changes]:
        bound = m * (study.weights @ study.steps) * sign * change
        forms = np.array([study.target - bound, -study.target - bound])
        covariance = forms @ study.covariance @ forms.T
        spread = np.sqrt(np.diag(covariance))
        rho = covariance[0, 1] / spread.prod()
        first = np.quantile(np.maximum(draws[0], rho * draws[0] + np.sqrt(1 - rho**2) * draws[1]), 1 - kappa)
        for value in np.arange(low - 10 * step, high + 10 * step, step):
            z = (forms @ study.effects - np.array([value, -value])) / spread
            lower = (z.min() - rho * z.max()) / (1 - rho)
            quantile = stats.truncnorm.ppf(1 - second, lower, first) if lower < first else lower
            if z.max() <= first and z.max() <= max(quantile, 0):
                accepted.append(value)
    assert (min(accepted), max(accepted)) == pytest.approx((low, high), abs=1.2 * step)


def test_no_violation_is_the_usual_interval():
    study, half = benzarti(), stats.norm.ppf(0.975) * np.sqrt(BC_COVARIANCE[4, 4])
    assert relative_magnitudes(study, 0) == pytest.approx((BC[4] - half, BC[4] + half), rel=1e-6)


def test_units_of_the_outcome_do_not_matter():
    small = EventStudy(BC / 1000, BC_COVARIANCE / 1e6, 4, np.array([1.0, 0, 0, 0]))
    assert np.array(relative_magnitudes(small, 1)) * 1000 == pytest.approx(relative_magnitudes(benzarti(), 1))
    assert np.array(smoothness(small, 1e-4)) * 1000 == pytest.approx(smoothness(benzarti(), 0.1))


@pytest.mark.parametrize("interval", [relative_magnitudes, smoothness])
def test_breakdown_is_where_the_interval_reaches_zero(interval):
    study = medicaid()
    m = breakdown(study, interval)
    assert interval(study, m)[0] > 0 > interval(study, m * 1.001)[0]
    nothing = EventStudy(np.r_[BC[:4], 0.001, BC[5:]], BC_COVARIANCE, 4, np.array([1.0, 0, 0, 0]))
    assert breakdown(nothing, interval) == 0


def test_published_breakdowns():
    # README of HonestDiD: "the breakdown value is about 2" (relative magnitudes), between .02 and .03 (smoothness)
    assert breakdown(medicaid(), relative_magnitudes) == pytest.approx(2, abs=0.1)
    assert 0.02 < breakdown(medicaid(), smoothness) < 0.03


@pytest.mark.parametrize(
    "change, words",
    [
        ({"weights": np.array([1.0, 0, 0])}, "Give 4 weights"),
        ({"weights": np.zeros(4)}, "not all zero"),
        ({"n_before": 8}, "8 of them before the base"),
        ({"covariance": np.ones((8, 8))}, "too few clusters"),
        ({"effects": np.full(8, np.nan)}, "finite"),
    ],
)
def test_refuses(change, words):
    given = {"effects": BC, "covariance": BC_COVARIANCE, "n_before": 4, "weights": np.array([1.0, 0, 0, 0])} | change
    with pytest.raises(ValueError, match=words):
        EventStudy(**given)


def test_refuses_weights_below_zero_and_bounds_below_zero():
    with pytest.raises(ValueError, match="zero or more"):
        relative_magnitudes(benzarti((1, -1, 0, 0)), 1)
    assert np.isfinite(smoothness(benzarti((1, -1, 0, 0)), 0.1)).all()
    for interval in (relative_magnitudes, smoothness):
        with pytest.raises(ValueError, match="bound m"):
            interval(benzarti(), -1)


def test_the_wrong_path_of_the_library_is_never_called():
    package = Path(__file__).parents[2] / "shared_utils"
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8").replace("HonestDiD('relative_magnitude')", "")
        assert not re.search(r"HonestDiD\(|compute_honest_did|relative_magnitude[\"']", text), path


@pytest.mark.full
@pytest.mark.parametrize("m", [0.5, 1.0])
def test_coverage_when_trends_part_as_much_as_allowed(m):
    rng = np.random.default_rng(5)
    draws, covered = 1500, {"down": 0, "up": 0}
    largest = 0.12  # change of trend in the third period before; afterwards each step is m times that
    before = -np.array([0.05 + largest, 0.05 + largest, 0.05, 0.0])
    for way, sign in (("up", 1), ("down", -1)):
        trend = np.r_[before, sign * m * largest * np.arange(1, 5)]
        for _ in range(draws):
            study = EventStudy(
                rng.multivariate_normal(trend, BC_COVARIANCE), BC_COVARIANCE, 4, np.array([0.5, 0.5, 0, 0])
            )
            low, high = relative_magnitudes(study, m)
            covered[way] += low <= 0 <= high
    assert min(covered.values()) >= stats.binom.ppf(0.001, draws, 0.95)


@pytest.mark.full
def test_coverage_of_the_fixed_length_interval():
    rng = np.random.default_rng(6)
    m, draws, covered = 0.05, 2000, 0
    trend = (
        m * np.r_[np.cumsum(np.arange(4))[::-1] * 0.0, np.cumsum(np.arange(1, 5))]
    )  # bends as hard as it may, one way
    for _ in range(draws):
        study = EventStudy(rng.multivariate_normal(trend, BC_COVARIANCE), BC_COVARIANCE, 4, np.array([1.0, 0, 0, 0]))
        low, high = smoothness(study, m)
        covered += low <= 0 <= high
    assert covered >= stats.binom.ppf(0.001, draws, 0.95)
