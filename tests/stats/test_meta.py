"""Random effects against statsmodels and known truth; and what may not be put together."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from statsmodels.stats.meta_analysis import combine_effects

from shared_utils.stats import meta

EMPLOYMENT = pd.DataFrame(
    {
        "city": ["Cincinnati", "New Orleans", "Tulsa"],
        "domain": "employment",
        "estimand_class": "ITT",
        "d": [0.19, 0.05, 0.33],
        "se": [0.08, 0.09, 0.10],
        "data_mode": "synthetic",
        "blocked": False,
        "blinded": False,
        "stale": False,
        "portfolio_contrast": True,
    }
)


def cities(*values, se=0.1):
    """One row a city with the given effects."""
    row = EMPLOYMENT.iloc[[0]]
    table = pd.concat([row] * len(values), ignore_index=True)
    return table.assign(city=[f"City {i}" for i in range(len(values))], d=list(values), se=se)


def studies(k, tau, rng):
    se = rng.uniform(0.05, 0.25, k)
    return rng.normal(0.2, tau, k) + rng.normal(0, se), se


@pytest.mark.parametrize("seed", range(6))
def test_weights_q_and_interval_agree_with_statsmodels(seed):
    y, se = studies(6, 0.15, np.random.default_rng(seed))
    ours, theirs = meta.random_effects(y, se), combine_effects(y, se**2, method_re="pm", use_t=True)
    assert ours.q == pytest.approx(theirs.q)
    # at statsmodels' own tau2 (Paule-Mandel) the same mean, standard error and Hartung-Knapp standard error
    mu, se_model, factor = meta._weighted(y, se**2 + theirs.tau2)
    assert (mu, se_model) == pytest.approx((theirs.mean_effect_re, theirs.sd_eff_w_re))
    assert se_model * np.sqrt(factor) == pytest.approx(theirs.sd_eff_w_re_hksj)


@pytest.mark.parametrize("seed", range(6))
def test_tau2_solves_the_equation_of_restricted_maximum_likelihood(seed):
    y, se = studies(5, 0.2, np.random.default_rng(seed))

    def score(tau2):  # Viechtbauer 2005, equation 9, as an equation
        w = 1 / (se**2 + tau2)
        mu = w @ y / w.sum()
        return (w**2 * (y - mu) ** 2).sum() - w.sum() + (w**2).sum() / w.sum()

    found = meta.random_effects(y, se).tau2
    expected = optimize.brentq(score, 0, 10) if score(0) > 0 else 0.0
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_equal_precision_has_a_closed_form():
    y = np.array([0.1, 0.3, 0.2, 0.6])
    found = meta.random_effects(y, np.full(4, 0.1))
    assert found.mu == pytest.approx(y.mean()) and found.tau2 == pytest.approx(y.var(ddof=1) - 0.01)
    half = stats.t.ppf(0.975, 3) * y.std(ddof=1) / 2
    assert (found.low, found.high) == pytest.approx((y.mean() - half, y.mean() + half))


def test_agreeing_studies_keep_the_floor():
    found = meta.random_effects([0.2, 0.2, 0.2], [0.1, 0.1, 0.1])
    assert found.tau2 == 0 and found.hk_se == pytest.approx(0) and found.modified_hk_se == found.se
    assert found.high - found.mu == pytest.approx(stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)) and found.i2 == 0


@pytest.mark.parametrize(
    "y, se, words",
    [([0.1, 0.2], [0.1, 0.1], "too few"), ([0.1, 0.2, np.nan], [0.1] * 3, "value"), ([1, 2, 3], [1, 0, 1], "above 0")],
)
def test_random_effects_refuses_in_words(y, se, words):
    with pytest.raises(ValueError, match=words):
        meta.random_effects(y, se)


@pytest.mark.full
@pytest.mark.parametrize(
    "k, tau, prediction_holds",
    [(3, 0.0, 0.95), (3, 0.2, 0.95), (6, 0.2, 0.88), (9, 0.1, 0.84), (9, 0.4, 0.92)],  # where it falls short: module
)
def test_the_interval_covers_the_mean_and_the_prediction_another_pilot(k, tau, prediction_holds):
    rng = np.random.default_rng(k)
    mean, another, runs = [], [], 1000
    for _ in range(runs):
        found = meta.random_effects(*studies(k, tau, rng))
        mean.append(found.low <= 0.2 <= found.high)
        another.append(found.prediction_low <= rng.normal(0.2, tau) <= found.prediction_high)
    assert np.mean(mean) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / runs)
    assert np.mean(another) > prediction_holds


# --- What may be put together -----------------------------------------------------------------------------------------


def test_three_pilots_are_pooled_with_the_range_in_words_only():
    found = meta.pool(EMPLOYMENT)
    assert found.k == 3 and found.reasons == () and found.prediction == "text" and found.without is None
    assert found.too_wide and found.result == meta.random_effects(EMPLOYMENT.d, EMPLOYMENT.se)


@pytest.mark.parametrize("k, prediction", [(3, "text"), (4, "text"), (5, "drawn"), (7, "drawn")])
def test_the_range_is_drawn_from_five_pilots(k, prediction):
    found = meta.pool(cities(*np.linspace(0.15, 0.25, k), se=0.05))
    assert found.prediction == prediction
    assert (found.without is None) == (k == 3)
    assert found.too_wide == (k == 3)  # t with one degree of freedom is 12.7


def test_leave_one_out_names_the_city_that_is_left_out():
    table = cities(0.1, 0.1, 0.1, 0.1, 0.9)
    found = meta.pool(table).without.set_index("without")
    assert found.mu["City 4"] == pytest.approx(0.1) and (found.mu.drop("City 4") > 0.2).all()


@pytest.mark.parametrize("k, words", [(0, "no pilot"), (1, "one pilot only"), (2, "two pilots are shown side by side")])
def test_fewer_than_three_are_never_pooled(k, words):
    found = meta.pool(EMPLOYMENT.head(k))
    assert found.result is None and found.without is None and words in found.reasons[0]


@pytest.mark.parametrize(
    "row, column, value, words",
    [
        (1, "estimand_class", "TOT_LATE", "different kinds of estimand: ITT, TOT_LATE"),
        (1, "estimand_class", "ATT", "different kinds of estimand: ATT, ITT"),
        (0, "domain", "housing", "different domains: employment, housing"),
        (2, "data_mode", "city", "never put together"),
        (2, "blocked", True, "Tulsa: a check failed"),
        (1, "blinded", True, "New Orleans: the result is still blinded"),
        (0, "stale", True, "Cincinnati: the result is out of date"),
        (1, "city", "Tulsa", "Tulsa: more than one estimate"),
        (2, "portfolio_contrast", False, "Tulsa: only the contrast chosen in its plan"),
    ],
)
def test_what_forbids_pooling_is_said_in_words(row, column, value, words):
    table = EMPLOYMENT.astype({column: object})
    table.loc[row, column] = value
    found = meta.pool(table)
    assert found.result is None and len(found.reasons) == 1 and words in found.reasons[0]


def test_every_reason_is_given():
    table = EMPLOYMENT.head(2).assign(blinded=[True, False], data_mode=["city", "synthetic"])
    assert len(meta.pool(table).reasons) == 3


def test_nine_cities_have_no_grand_mean():
    table = cities(*np.linspace(0, 0.4, 9)).assign(domain=["employment"] * 3 + ["housing"] * 3 + ["savings"] * 3)
    assert meta.pool(table).result is None
    assert meta.pool(table[table.domain == "savings"]).result is not None


@pytest.mark.parametrize(
    "table, words",
    [
        (EMPLOYMENT.drop(columns="stale"), "lack stale"),
        (EMPLOYMENT.assign(estimand_class="LATE"), "Unknown estimand_class: LATE"),
        (EMPLOYMENT.assign(data_mode="real"), "Unknown data_mode: real"),
        (EMPLOYMENT.assign(d=[0.1, None, 0.2]), "needs d and a standard error"),
        (EMPLOYMENT.assign(blinded=[True, None, False]), "blinded must be true or false"),
    ],
)
def test_a_table_that_cannot_be_judged_is_refused(table, words):
    with pytest.raises(ValueError, match=words):
        meta.pool(table)


def test_nullable_columns_work():
    table = EMPLOYMENT.convert_dtypes().astype({"domain": "category", "estimand_class": "category"})
    assert meta.pool(table).result == meta.pool(EMPLOYMENT).result
