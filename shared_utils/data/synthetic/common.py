"""What all nine processes share (pilots.md 4.2): random streams, places, people, readiness, COVID.

Every number here is a placeholder for a city that does not exist. Demographic mixes are labelled
placeholders.
"""

import zlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr

from shared_utils.data.synthetic.scenarios import Scenario

# Order is part of the data: a stream is its position. New streams go at the end.
STREAMS = (
    "units",
    "people",
    "assignment",
    "outcomes",
    "services",
    "indicators",
    "mess",
    "costs",
    "population",
)

COVID_START = pd.Timestamp("2020-03-16")
PILOT = pd.period_range("2019-04", "2020-09", freq="M")
TERCILES = np.array(["low", "middle", "high"])
TERCILE_EFFECT = np.array([1.25, 1.0, 0.75])
POPULATION_DRAWS = 40_000


@dataclass(frozen=True)
class World:
    """What a process gets: which city, which seed, which scenario."""

    key: str
    index: int
    seed: int
    scenario_name: str
    scenario: Scenario

    def rng(self, stream: str, part: str = "") -> np.random.Generator:
        """Return the generator of one stream, or of one named part of it.

        A part (a file, an indicator) has its own generator, so adding one never moves another's draws.
        """
        key = (self.index, STREAMS.index(stream))
        if part:
            key += (zlib.crc32(part.encode("utf-8")),)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=self.seed, spawn_key=key)))


@dataclass(frozen=True)
class Mix:
    """Placeholder shares of one city's participants; each mapping sums to 1."""

    race: dict[str, float]
    gender: dict[str, float]
    household: dict[str, float]


@dataclass
class RawFile:
    """One file as a city would send it, in its own headers and codes.

    How it is written: `sheet` and `title` rows of a workbook; `date_format`, `encoding` and `delimiter` of a
    CSV. What mess.py may do to it: `id` is typed in other ways; `may_miss` (column -> share) goes blank, more
    often at some `site`s; `yes_no` columns are coded by several hands; rows get `duplicates`; a log gets
    `orphans`; in dirty data `dates`, `money` and `tract` go wrong.
    """

    name: str
    frame: pd.DataFrame
    sheet: str = ""
    title: tuple[str, ...] = ()
    date_format: str = "%m/%d/%Y"
    encoding: str = "utf-8"
    delimiter: str = ","
    id: str = ""
    may_miss: dict[str, float] = field(default_factory=dict)
    site: str = ""
    yes_no: tuple[str, ...] = ()
    duplicates: bool = False
    orphans: bool = False
    dates: tuple[str, ...] = ()
    money: str = ""
    tract: str = ""


@dataclass
class Draw:
    """What a process returns: the city's files, its tracts, its indicator series and the truth about both."""

    files: list[RawFile]
    tracts: pd.DataFrame
    mix: Mix
    series: list
    truth: dict
    costs: dict


def tracts(world: World, n: int, mix: Mix) -> pd.DataFrame:
    """Return n synthetic tracts: GEOID in state 99 (which does not exist), poverty, mobility, composition.

    `kfr_pooled_pooled_p25 ~ N(0.40, 0.05)` clipped to 0.25-0.60 and correlated -0.6 with poverty; `tercile`
    is within the city, low opportunity first. Race shares lean with poverty around the city's mix.
    """
    rng = world.rng("units")
    z = rng.standard_normal(n)
    kfr = np.clip(0.40 + 0.05 * (-0.6 * z + 0.8 * rng.standard_normal(n)), 0.25, 0.60).round(4)
    rank = kfr.argsort(kind="stable").argsort(kind="stable")
    households = np.round(np.exp(7.3 + 0.25 * rng.standard_normal(n))).astype(int)
    renter_share = np.clip(0.55 + 0.08 * z + 0.08 * rng.standard_normal(n), 0.15, 0.92)
    frame = pd.DataFrame({
        "geoid": [f"99999{100 * (i + 1):06d}" for i in range(n)],
        "poverty_z": z,
        "kfr": kfr,
        "tercile": TERCILES[rank * 3 // n],
        "households": households,
        "renter_households": np.round(households * renter_share).astype(int),
        "poverty_share": np.clip(0.26 + 0.09 * z, 0.02, 0.70).round(4),
        "median_rent": np.round(880 - 70 * z + 60 * rng.standard_normal(n), -1),
        "median_hh_income": np.round(36_000 * np.exp(-0.22 * z + 0.10 * rng.standard_normal(n)), -2),
        "hs_or_more_share": np.clip(0.82 - 0.05 * z + 0.03 * rng.standard_normal(n), 0.4, 0.99).round(4),
        "unemployment_share": np.clip(0.09 + 0.03 * z + 0.02 * rng.standard_normal(n), 0.01, 0.4).round(4),
        "family_renter_share": np.clip(0.38 + 0.10 * rng.standard_normal(n), 0.05, 0.8).round(4),
    })  # fmt: skip
    names = list(mix.race)
    lean = np.where(np.isin(names, ["black_nh", "hispanic"]), 0.5, -0.1)
    logits = np.log([mix.race[name] for name in names]) + np.outer(z, lean) + 0.3 * rng.standard_normal((n, len(names)))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for name, share in zip(names, shares.T, strict=True):
        frame[f"share_{name}"] = share.round(4)
    return frame


def people(rng: np.random.Generator, n: int, place: pd.DataFrame, mix: Mix, age: tuple[int, int]) -> pd.DataFrame:
    """Return n people: latent readiness `u ~ N(0, 1)`, a tract, and demographics that follow the tract.

    Poorer tracts send more applicants. `age` is the inclusive range in years.
    """
    u = rng.standard_normal(n)
    tract = choose(rng, n, place.index.to_numpy(), tract_weights(place))
    shares = place[[f"share_{name}" for name in mix.race]].to_numpy()[tract]
    race = np.array(list(mix.race))[
        (rng.random(n)[:, None] > shares.cumsum(axis=1) / shares.sum(axis=1, keepdims=True)).sum(axis=1)
    ]
    household = choose(rng, n, list(mix.household), list(mix.household.values()))
    with_children = np.char.endswith(household, "_children") & ~np.char.endswith(household, "no_children")
    size = np.where(np.char.startswith(household, "single"), 1, 2) + np.where(with_children, 1 + rng.poisson(0.9, n), 0)
    return pd.DataFrame({
        "u": u,
        "tract": tract,
        "tract_id": place["geoid"].to_numpy()[tract],
        "tercile": place["tercile"].to_numpy()[tract],
        "race_ethnicity": race,
        "gender": choose(rng, n, list(mix.gender), list(mix.gender.values())),
        "household_type": household,
        "household_size": np.minimum(size, 12),
        "with_children": with_children,
        "age": rng.integers(age[0], age[1] + 1, n),
        "income": np.round(np.exp(9.75 + 0.10 * u + 0.35 * rng.standard_normal(n)), -1),
    })  # fmt: skip


def choose(rng: np.random.Generator, n: int, values, weights) -> np.ndarray:
    """Return n draws from `values` with the given weights (which need not sum to 1)."""
    weights = np.asarray(weights, dtype=float)
    return np.asarray(values)[np.searchsorted(np.cumsum(weights / weights.sum())[:-1], rng.random(n))]


def tract_weights(place: pd.DataFrame) -> np.ndarray:
    """Return the share of applicants each tract sends."""
    weights = place["renter_households"].to_numpy() * np.exp(0.3 * place["poverty_z"].to_numpy())
    return weights / weights.sum()


def effect_multiplier(world: World, tercile, reference=None, weights=None) -> np.ndarray:
    """Return each subject's multiplier of the effect: 1.25 / 1.0 / 0.75 by tercile, rescaled to a mean of 1.

    The mean is taken over `reference` (default: the subjects themselves) with `weights`, so the overall
    effect stays the one of pilots.md table 1.0; the scenario's overall factor (0 for null, -1 for harm) comes
    on top.
    """

    def by_tercile(names):
        names = np.asarray(names)
        return TERCILE_EFFECT[np.select([names == t for t in TERCILES], range(3), default=1)]

    if not world.scenario.heterogeneous:
        return np.full(len(tercile), float(world.scenario.effect))
    mean = np.average(by_tercile(tercile if reference is None else reference), weights=weights)
    return world.scenario.effect * by_tercile(tercile) / mean


def person_multiplier(world: World, group: pd.DataFrame, place: pd.DataFrame) -> np.ndarray:
    """Return `effect_multiplier` of people, rescaled over the city's applicants (not over the sample)."""
    return effect_multiplier(world, group["tercile"], place["tercile"], tract_weights(place))


def blocked(rng: np.random.Generator, block, share: float | dict = 0.5) -> np.ndarray:
    """Return 0/1 with share x size treated in each block; a fraction of a place is drawn."""
    block = np.asarray(block)
    treated = np.zeros(len(block), dtype=int)
    for name in sorted(set(block.tolist())):
        rows = np.flatnonzero(block == name)
        wanted = (share[name] if isinstance(share, dict) else share) * len(rows)
        count = int(np.floor(wanted + rng.random()))
        treated[rng.permutation(rows)[:count]] = 1
    return treated


def broken(rng: np.random.Generator, block, u, share: float | dict = 0.5) -> np.ndarray:
    """Return a sabotaged assignment: readier people get in, and more of them than the rule allows."""
    chance = np.array([share[b] for b in block]) if isinstance(share, dict) else np.full(len(block), share)
    return (rng.random(len(chance)) < expit(np.log(chance / (1 - chance)) + 0.9 + 0.8 * np.asarray(u))).astype(int)


def assign(world: World, block, u, share: float | dict = 0.5) -> np.ndarray:
    """Return the 0/1 assignment within blocks, honest or (scenario broken_randomization) not."""
    rng = world.rng("assignment")
    if world.scenario_name == "broken_randomization":
        return broken(rng, block, u, share)
    return blocked(rng, block, share)


def observed(world: World, rng: np.random.Generator, u, arm, share: dict[int, float], due=None) -> np.ndarray:
    """Return 0/1: is the follow-up seen? `share` by arm; in scenario differential_attrition the comparison
    arm (0) answers with chance expit(1.35 + 0.9 u) instead. Surveys due after COVID began lose 10 points.
    """
    chance = np.array([share[int(a)] for a in arm])
    if world.scenario_name == "differential_attrition":
        chance = np.where(np.asarray(arm) == 0, expit(1.35 + 0.9 * np.asarray(u)), chance)
    if due is not None and world.scenario.covid:
        chance = chance - 0.10 * (pd.DatetimeIndex(due) >= COVID_START)
    return (rng.random(len(chance)) < chance).astype(int)


def covid_volume(world: World, months: pd.PeriodIndex) -> np.ndarray:
    """Return the service volume of each month against normal: x0.65 in March 2020, x0.3 in April and May,
    then rising evenly to x0.6 in September 2020.
    """
    if not world.scenario.covid:
        return np.ones(len(months))
    since = (months.year - 2020) * 12 + months.month - 3
    return np.interp(since, [-1, 0, 1, 2, 6], [1.0, 0.65, 0.3, 0.3, 0.6])


def dates_between(rng: np.random.Generator, n: int, start: str, end: str) -> pd.DatetimeIndex:
    """Return n dates uniform on [start, end], in order."""
    first, last = pd.Timestamp(start), pd.Timestamp(end)
    days = np.sort(rng.integers(0, (last - first).days + 1, n))
    return first + pd.to_timedelta(days, unit="D")


def plus_days(dates, days) -> pd.DatetimeIndex:
    """Return dates shifted by whole days."""
    return pd.DatetimeIndex(dates) + pd.to_timedelta(np.asarray(days), unit="D")


def exits(world: World, start: pd.DatetimeIndex, share: float) -> tuple[pd.Series, np.ndarray]:
    """Return exit dates and reasons of the people who left; blank for the others."""
    rng, n = world.rng("people", "exits"), len(start)
    left = rng.random(n) < share
    when = pd.Series(plus_days(start, rng.integers(20, 240, n)))
    reason = choose(rng, n, ["moved", "withdrew", "lost", "other"], [0.3, 0.25, 0.35, 0.1])
    return when.where(left), np.where(left, reason, None)


def months_after(dates, months) -> pd.DatetimeIndex:
    """Return the first day of the month `months` after each date's month."""
    return (pd.DatetimeIndex(dates).to_period("M") + months).to_timestamp()


def ids(prefix: str, n: int, first: int = 1001) -> np.ndarray:
    """Return n ids as a city prints them, e.g. CIN-001001."""
    return np.array([f"{prefix}-{first + i:06d}" for i in range(n)])


def identifiers(n: int, area_code: str) -> dict[str, list[str]]:
    """Return fake identifiers of impossible form: 555-01xx numbers, example.org, SSN area 000."""
    return {
        "name": [f"Synthetic Person {i:06d}" for i in range(1, n + 1)],
        "phone": [f"({area_code}) 555-0{100 + i % 100}" for i in range(n)],
        "email": [f"person{i:06d}@example.org" for i in range(1, n + 1)],
        "ssn": [f"000-{i % 99 + 1:02d}-{i % 9999 + 1:04d}" for i in range(n)],
        "address": ["1 Synthetic Way"] * n,
    }


def share(values) -> float:
    """Return a mean as a plain number rounded to six digits, for truth.json."""
    return round(float(np.mean(values)), 6)


def quantile_count(uniform, mean) -> np.ndarray:
    """Return counts 0-6 whose draw is shared across potential outcomes: the same uniform, another mean."""
    p = np.clip(np.asarray(mean, dtype=float) / 6, 0.001, 0.999)[:, None]
    k = np.arange(6)
    choose_k = np.array([1, 6, 15, 20, 15, 6])
    cdf = np.cumsum(choose_k * p**k * (1 - p) ** (6 - k), axis=1)
    return (np.asarray(uniform)[:, None] > cdf).sum(axis=1)


def normal_cdf(x) -> np.ndarray:
    """Return the standard normal distribution function, to turn a correlated normal into a uniform."""
    return ndtr(x)


def taken(p: pd.DataFrame, arm) -> np.ndarray:
    """Return 0/1: who takes part under this arm; always-takers do in both, compliers only when invited."""
    invited = np.asarray(arm) == 1
    return ((p["type"] == "always") | ((p["type"] == "complier") & invited)).astype(int).to_numpy()


def complier_truths(p: pd.DataFrame, outcome: tuple) -> dict[str, float]:
    """Return ITT, CACE and nuisances from (taking part, not taking part): outcomes of a sample, or chances."""
    gain, complier = outcome[0] - outcome[1], (p["type"] == "complier").to_numpy()
    return {"itt": (gain * complier).mean(), "cace": gain[complier].mean(), "first_stage": complier.mean(),
            "comparison_mean": np.where(taken(p, 0) == 1, *outcome).mean()}  # fmt: skip
