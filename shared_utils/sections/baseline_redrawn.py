"""What designs without a formula can detect (B7): the planned analysis on the city's own data, groups drawn again.

Outcomes are never compared between the groups as they are. Places swap their start of the program; people swap their
distance from the limit; where people chose, each takes part with the chance their covariates give, so that those who
take part differ from the others as much as they do in the city. What the program has already changed stays in the data
and counts as noise, and places with many events swap with places with few, so the answer errs on the large side.

A weighted comparison is simulated: effects are planted into resampled people and its test is counted. Where one
analysis takes a large part of a second (it leaves out each place in turn, or searches for a bandwidth), the hundreds of
pilots a count needs would take minutes. There the mean squared standard error of a few redrawn pilots takes their place
(Burlig, Preonas and Woerman 2020, Panel data and experimental design, J. of Development Economics 144): its Monte Carlo
error is smaller than that of a count, and docs/operating-characteristics.md shows that these standard errors are right.
"""

import numpy as np

from shared_utils import data, designs
from shared_utils.errors import EmiError
from shared_utils.sections import analysis
from shared_utils.stats import power
from shared_utils.stats.covariates import covariate_sources, is_text, numeric_columns
from shared_utils.stats.logistic import chances

SIMULATED, FAST_SIMULATED = 400, 30  # pilots counted
REDRAWN, FAST_REDRAWN = 20, 5  # pilots whose standard errors are averaged
AROUND = (0.7, 1.0, 1.4)  # effects planted, as shares of a first guess


def detectable_effect(book) -> tuple[float, str, dict]:
    """Return (MDE on the estimation scale, how it was found, its inputs) of a design without a formula."""
    if book.config.design.type == "observational_aipw":
        return _by_count(book)
    pilots = FAST_REDRAWN if book.parameters["fast"] else REDRAWN
    frames = (data.blind(book.study, book.seed + pilot).frame for pilot in range(pilots))
    error, df = _typical_error([_main(book, frame) for frame in frames])
    words = f"(t + t) x standard error, its mean square over {pilots} pilots with groups drawn again"
    why = "; counting the results of hundreds would take minutes"
    times = power.multiplier(df)
    return times * error, words + why, {"standard error": error, "multiplier": times, "redrawn pilots": pilots}


def _by_count(book) -> tuple[float, str, dict]:
    """By planting effects into resampled people who take part with their own chance."""
    pilots = FAST_SIMULATED if book.parameters["fast"] else SIMULATED
    (people, covariates), column = _with_chances(book), book.study.design["treatment"]
    outcome = book.config.primary.id
    sign = 1 if book.config.primary.direction == "increase" else -1
    planted = _flipped if people[outcome].dropna().isin([0, 1]).all() else _added

    def redrawn(sample, effect, rng):
        takes_part = rng.random(len(sample)) < sample["chance"].to_numpy()
        values = sample[outcome].to_numpy(copy=True)
        values[takes_part] = planted(values[takes_part], sign * effect, rng)
        return _main(book, sample.assign(**{column: takes_part.astype(int), outcome: values}), covariates=covariates)

    guesses = [redrawn(people, 0.0, np.random.default_rng([book.seed, draw])) for draw in range(FAST_REDRAWN)]
    error, df = _typical_error(guesses)
    try:
        found = power.mde_by_simulation(
            people,
            lambda sample, effect, rng: redrawn(sample, effect, rng)["p"],
            np.array(AROUND) * power.multiplier(df) * error,
            draws=pilots,
            seed=book.seed,
        )
    except ValueError as problem:
        raise EmiError(str(problem)) from None
    words = f"the effect found in 80% of {pilots} simulated pilots (Monte Carlo error {100 * found.mc_se:.0f} points)"
    return found.mde, words, {"simulated pilots": pilots, "effect first tried": power.multiplier(df) * error}


def _with_chances(book) -> tuple:
    """People with a known group: what the analysis reads of them, their chance of taking part given the covariates, and
    the names of those. Hundreds of analyses read them, so they are plain numbers, words as indicators."""
    design, outcome = book.study.design, book.config.primary.id
    people = book.study.frame.dropna(subset=[design["treatment"]]).reset_index(drop=True)
    words = [name for name in covariate_sources(design["covariates"]) if is_text(people[name])]
    indicators, _ = numeric_columns(people, words)
    names = [name for name in design["covariates"] if name not in words]
    read = people[list(dict.fromkeys([design["treatment"], outcome, *covariate_sources(names)]))].astype(float)
    matrix = numeric_columns(people, design["covariates"], splines=True)[0]
    try:
        _, chance = chances(read[design["treatment"]].to_numpy(), np.column_stack([np.ones(len(people)), matrix]))
    except ValueError as problem:
        raise EmiError(f"who takes part: {problem}") from None
    return read.join(indicators).assign(chance=chance), [*names, *indicators]


def _added(values, effect, rng):
    return values + effect


def _flipped(values, effect, rng):
    """Change as many 0s to 1 (or 1s to 0) as move the mean by the effect; what is missing stays missing."""
    mean = np.nanmean(values)
    flips = rng.random(len(values)) < abs(effect) / (1 - mean if effect > 0 else mean)
    return np.where(flips & ~np.isnan(values), float(effect > 0), values)


def _main(book, frame, **changes) -> dict:
    planned = analysis.design(book, book.config.primary.id, draws=0, **changes)
    planned.pop("received", None)  # who took part changes other rows only
    return designs.main_row(frame, planned)


def _typical_error(rows: list[dict]) -> tuple[float, float]:
    """(root mean square of the standard errors, smallest degrees of freedom)."""
    df = min(power.NORMAL if np.isnan(row["df"]) else row["df"] for row in rows)
    return np.sqrt(np.mean([row["se"] ** 2 for row in rows])), df
