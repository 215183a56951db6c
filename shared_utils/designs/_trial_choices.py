"""Pre-listed specifications that the randomised designs share (pilots.md 5.3)."""

import numpy as np
import pandas as pd

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import names_of, numbers
from shared_utils.designs._robustness import Change, Specification, keys, options, rows
from shared_utils.errors import EmiError
from shared_utils.stats import assignment, attrition
from shared_utils.stats.covariates import labels, numeric_columns

RESPONSE_WEIGHT = "response_weight"


def without_covariates(frame: pd.DataFrame, design: dict) -> list[Specification]:
    """Leave out the covariates, then the strata too; the latter is wrong where strata had different odds."""
    listed = []
    if design.get("strata"):
        same = _same_odds(frame, design)
        words = "no covariates or strata" if same else "no covariates or strata: ignores that odds differ by stratum"
        kind = "choice" if same else "wrong"
        listed.append(Specification("no_covariates", words, keys(covariates=None, strata=None), kind=kind))
    elif design.get("covariates"):
        listed.append(Specification("no_covariates", "no covariates", keys(covariates=None)))
    if design.get("strata") and design.get("covariates"):
        listed.append(Specification("strata_only", "strata, no covariates", keys(covariates=None)))
    return listed


def logit(frame: pd.DataFrame, design: dict) -> list[Specification]:
    """The average marginal effect of a logit, for outcomes of 0 and 1."""
    y = numbers(frame, design["outcome"], design["type"], "outcome")
    if not np.isin(y[~np.isnan(y)], (0.0, 1.0)).all():
        return []
    return [Specification("logit", "logistic regression, average difference in chance", options(adjustment="logit"))]


def response_weighted(frame: pd.DataFrame, design: dict, treatment: str) -> list[Specification]:
    """Weight people with an outcome by one over their chance of having one, where some have none."""
    y = numbers(frame, design["outcome"], design["type"], "outcome")
    if not design.get("covariates") or not np.isnan(y).any():
        return []
    return [Specification("attrition_weights", "weighted for who has an outcome", _weighted(treatment))]


def without_each_stratum(frame: pd.DataFrame, design: dict) -> list[Specification]:
    """Leave out one stratum at a time, where there are two or more."""
    strata = names_of(design.get("strata"))
    if not strata or len(found := sorted(set(_stratum(frame, strata)))) < 2:
        return []
    name = " and ".join(strata)
    return [
        Specification(f"without_{one}", f"without {name} {one}", rows(lambda f, one=one: _stratum(f, strata) != one))
        for one in found
    ]


def cluster_means(frame: pd.DataFrame, design: dict) -> tuple[pd.DataFrame, dict]:
    """One row a cluster, the mean of its people with an outcome, as an individually randomised trial of clusters."""
    outcome, treatment = design["outcome"], design["treatment"]
    strata, clusters = names_of(design.get("strata")), names_of(design["cluster"])
    y = numbers(frame, outcome, design["type"], "outcome")
    seen = frame[~np.isnan(y)]
    table, _ = numeric_columns(seen, names_of(design.get("covariates")))
    means = pd.DataFrame({f"mean {name}": column.to_numpy() for name, column in table.items()}, index=seen.index)
    covariates = list(means)
    means[outcome] = y[~np.isnan(y)]
    by = [labels(seen[name]) for name in clusters]
    first = seen[[treatment, *strata]].groupby(by).first()
    kept = {k: design[k] for k in ("level", "alternative", "seed", "labels") if k in design}
    return means.groupby(by).mean().join(first), {
        **kept,
        "type": "rct_individual",
        "outcome": outcome,
        "treatment": treatment,
        "covariates": covariates,
        "strata": strata,
        "options": {"adjustment": "ancova", "ri_draws": 0},
    }


def _weighted(treatment: str) -> Change:
    def change(frame, design):
        outcome = design["outcome"]
        seen = frame.assign(**{outcome: numbers(frame, outcome, design["type"], "outcome")})
        try:
            weights = attrition.response_weights(seen, outcome, treatment, names_of(design["covariates"]))
        except (ValueError, EmiError) as problem:
            raise DesignError(str(problem)) from None
        given = design.get("weights")
        weights = weights * (1.0 if given is None else numbers(frame, given, design["type"], "weights"))
        return frame.assign(**{RESPONSE_WEIGHT: weights}), {**design, "weights": RESPONSE_WEIGHT}

    return change


def _same_odds(frame: pd.DataFrame, design: dict) -> bool:
    """Whether one chance of assignment to every arm fits all strata (an exact test in each)."""
    arm = labels(frame[design["treatment" if "treatment" in design else "arm"]])
    strata = _stratum(frame, names_of(design["strata"]))
    return all(assignment.audit(arm == one, strata, (arm == one).mean())["compatible"].all() for one in set(arm))


def _stratum(frame: pd.DataFrame, strata: list[str]) -> np.ndarray:
    """The stratum of each row in words."""
    parts = [pd.Series(labels(frame[name])) for name in strata]
    return parts[0].str.cat(parts[1:], sep=" / ").to_numpy(dtype=str)
