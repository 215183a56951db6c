"""The only file that calls diff-diff (pinned vendor, see docs/decisions): the Bacon decomposition and discontinuities.

Kept thin so that a new version meets one file, with the published cases of tests/designs as its acceptance
tests. Not called, because they are wrong in 3.13.0: HonestDiD('relative_magnitude'). The library is
imported when first used; its import takes seconds.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from shared_utils.designs import _neighbours


def _library():
    """Return diff_diff, with its slowest loop replaced by the same without one."""
    import diff_diff
    from diff_diff import _rdrobust_port

    _rdrobust_port.rdrobust_res_nn = _neighbours.residuals
    return diff_diff


def bacon(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the two-by-two comparisons of a full panel: columns comparison, treated, against, value, weight.

    frame: columns unit, time (integers), first (0 = never) and y, one row a unit and time.
    """
    import diff_diff

    result = diff_diff.BaconDecomposition(weights="exact").fit(
        frame, outcome="y", unit="unit", time="time", first_treat="first"
    )
    names = {
        "comparison_type": "comparison",
        "treated_group": "treated",
        "control_group": "against",
        "estimate": "value",
        "weight": "weight",
    }
    found = result.to_dataframe()[list(names)].rename(columns=names)
    found["against"] = found["against"].replace("never_treated", 0)
    return found.astype({"treated": int, "against": int})


@dataclass(frozen=True)
class Discontinuity:
    """A local-polynomial fit at the cutoff. value and se are bias-corrected with the robust standard
    error.
    """

    value: float
    se: float
    interval: tuple[float, float]
    p: float
    conventional: float
    conventional_se: float
    h: tuple[float, float]
    b: tuple[float, float]
    n_h: tuple[int, int]
    first_stage: float | None
    first_stage_se: float | None


def discontinuity(
    y, running, received=None, covariates=None, *, bandwidth=None, kernel="triangular", p=1, level=0.95
) -> Discontinuity:
    """Fit at cutoff 0, treated at running >= 0; MSE-optimal bandwidth unless given; nearest-neighbour
    variance.

    Returns rdrobust's three rows. Raises ValueError when the sides are too thin.
    """
    frame = pd.DataFrame({"y": y, "running": running})
    names = []
    if received is not None:
        frame["received"] = received
    for name, column in ({} if covariates is None else covariates).items():
        names.append(f"covariate {name}")
        frame[names[-1]] = np.asarray(column)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mass points in the running variable are reported by diagnose
        r = (
            _library()
            .RegressionDiscontinuity(cutoff=0.0, p=p, kernel=kernel, h=bandwidth, alpha=1 - level)
            .fit(
                frame,
                outcome="y",
                running="running",
                takeup="received" if received is not None else None,
                covariates=names or None,
            )
        )
    return Discontinuity(
        float(r.att),
        float(r.se),
        tuple(map(float, r.conf_int)),
        float(r.p_value),
        float(r.att_conventional),
        float(r.se_conventional),
        (float(r.h_left), float(r.h_right)),
        (float(r.b_left), float(r.b_right)),
        (int(r.n_h_left), int(r.n_h_right)),
        None if r.first_stage is None else float(r.first_stage),
        None if r.first_stage_se is None else float(r.first_stage_se),
    )


@dataclass(frozen=True)
class Density:
    """The test that the density is continuous. h and n: bandwidth and rows, below and above the cutoff. detectable:
    the smallest jump, as a share of the density, that the test finds in 8 of 10 samples.
    """

    t: float
    p: float
    h: tuple[float, float]
    n: tuple[int, int]
    detectable: float


def density_test(running) -> Density:
    """Test that the density of `running` is continuous at 0 (Cattaneo, Jansson and Ma 2020, JASA 115)."""
    import diff_diff

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mass points in the running variable are reported by diagnose
        r = diff_diff.RDDensityTest().fit(pd.DataFrame({"running": np.asarray(running, float)}), running="running")
    return Density(
        float(r.t_stat),
        float(r.p_value),
        (float(r.h_left), float(r.h_right)),
        (int(r.n_eff_left), int(r.n_eff_right)),
        float(2.8 * r.se_diff / max((r.f_left + r.f_right) / 2, 1e-300)),
    )
