"""Who the compliers are, and whether the invitation kept anyone away: what stands beside the LATE.

Everything is a mean within strata, because there the invitation was drawn by chance. With p the invited share of a
stratum, Abadie's kappa (2003, Semiparametric instrumental variable estimation of treatment response models, J.
Econometrics 113(2)) splits the mean of x over everyone in three:

    E[x] = E[x; compliers] + E[x d | not invited] + E[x (1 - d) | invited]
                             always-takers          never-takers

so that the compliers are what is left when those seen to take part uninvited, and to stay away though invited, are
taken off. x = 1 gives the shares.
"""

import numpy as np
import pandas as pd

from shared_utils.designs import _iv
from shared_utils.designs._inputs import Inputs
from shared_utils.designs._regression import adjusted
from shared_utils.designs._result import t_interval, t_p

FIRST_STAGE_COLUMNS = (
    "dimension", "group", "n", "invited", "not_invited", "first_stage", "se", "ci_low", "ci_high", "p",
)  # fmt: skip


def profile(inputs: Inputs) -> pd.DataFrame:
    """Return the table of iv_encouragement.complier_profile."""
    n = len(inputs.y)
    shares, share_parts = _three_groups(inputs, np.ones(n))
    rows = [_line("share of everyone", shares, _se(share_parts, inputs.cluster), 1.0)]
    for name in inputs.covariates:
        x = inputs.covariates[name].to_numpy()
        totals, parts = _three_groups(inputs, x)
        means = np.divide(totals, shares, out=np.full(3, np.nan), where=shares > 0)
        se = _se((parts - means[0] * share_parts) / shares[0], inputs.cluster)
        rows.append(_line(name, means, se, x.mean()))
    return pd.DataFrame(rows)


def _line(name: str, groups, se: float, everyone: float) -> dict:
    compliers, always, never = (float(value) for value in groups)
    return {
        "characteristic": name,
        "compliers": compliers,
        "se": se,
        "always_takers": always,
        "never_takers": never,
        "everyone": float(everyone),
    }


def _three_groups(inputs: Inputs, x) -> tuple[np.ndarray, np.ndarray]:
    """Return (x summed over compliers, always-takers and never-takers, a person of everyone; influence on the first).

    The influence of a person includes that on the stratum's invited share and size; it sums to nought.
    """
    n = len(x)
    invited, received = inputs.roles["instrument"], inputs.roles["treatment"]
    strata = np.zeros(n, int) if inputs.strata is None else inputs.strata
    totals, influence = np.zeros(3), np.empty(n)
    for stratum in np.unique(strata):
        inside = strata == stratum
        z, took, value = invited[inside], received[inside] * x[inside], x[inside]
        stayed = value - took
        p, always, never = z.mean(), took[z == 0].mean(), stayed[z == 1].mean()
        complier = value.mean() - always - never
        totals += inside.mean() * np.array([complier, always, never])
        deviations = (1 - z) / (1 - p) * (took - always) + z / p * (stayed - never)
        influence[inside] = value - value.mean() - deviations + complier
    return totals, (influence - totals[0]) / n


def _se(parts: np.ndarray, cluster) -> float:
    """Return the root of the summed squares of people's, or clusters', parts of the estimate's error."""
    sums = parts if cluster is None else np.bincount(np.unique(cluster, return_inverse=True)[1], parts)
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (sums @ sums)))


def first_stage(inputs: Inputs) -> dict:
    """Return one row of iv_encouragement.first_stages without the group's name."""
    invited, received = inputs.roles["instrument"], inputs.roles["treatment"]
    value, se, df = _difference(inputs, invited, received)
    low, high = t_interval(value, se, df, inputs.level)
    return {
        "n": len(received),
        "invited": float(received[invited == 1].mean()),
        "not_invited": float(received[invited == 0].mean()),
        "first_stage": value,
        "se": se,
        "ci_low": low,
        "ci_high": high,
        "p": t_p(value, se, df, "two-sided") if se > 0 else float(value == 0),  # se 0: no one chose for themselves
    }


def _difference(inputs: Inputs, invited, received) -> tuple[float, float, float]:
    """The difference in take-up within strata: (value, se, df); by cluster where clusters are given."""
    if inputs.cluster is None:
        fit = adjusted(Inputs(**{**inputs.__dict__, "y": received}), {"invited": invited}, "lin", "HC2")
        return fit.value("invited"), fit.se("invited"), fit.df
    exog = _iv.controls(inputs)
    gamma, covariance, df = _iv.reduced_forms(inputs.y, received, invited, exog, inputs.cluster)
    return float(gamma[1]), float(np.sqrt(covariance[1, 1])), df


def monotonicity_flags(stages: pd.DataFrame, outcome: str) -> list[dict]:
    """Return the flags of iv_encouragement.monotonicity_flags."""
    flags = []
    for stage in stages[stages["first_stage"] < 0].to_dict("records"):
        by_chance = stage["p"] / 2 >= 0.05 / len(stages)
        flags.append(
            {
                "code": "monotonicity",
                "severity": "warn" if by_chance else "serious",
                "scope": outcome,
                "affects_primary": True,
                "message": f"Among {stage['dimension']} = {stage['group']}, fewer took part when invited "
                f"({100 * stage['invited']:.0f} against {100 * stage['not_invited']:.0f} in 100). "
                + ("Chance can explain it." if by_chance else "Being asked kept some away."),
            }
        )
    return flags
