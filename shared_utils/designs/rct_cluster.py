"""Cluster-randomised trial: what did it change for the people of clusters that were assigned the programme?

Question: the mean difference in the outcome of people if all clusters had the programme against none (ITT
    at the person's level; clusters count by their size).
Assumption in plain words: chance alone decided which clusters got it (within strata); people do not move
    between clusters because of it; people whose outcome is missing do not differ between the groups.
Estimator: least squares with stratum effects and covariates; `options.model: mixed` for a random intercept a cluster
    by restricted maximum likelihood with its own standard error (designs/_mixed.py).
Variance: CR2 by cluster with Satterthwaite degrees of freedom (designs/_clustered.py), or `options.se` CR1, CR3 (the
    jackknife) or wild (restricted bootstrap, p and interval by inverting its test, designs/_wild.py). Person-level
    errors are not offered: ignoring classrooms rejects a true null 22 % of the time in the Dayton design.
p_ri: permutation of whole clusters within strata.
Rows: main, wild (below 40 clusters, where the main row is another: the same estimate with the bootstrap's p and
    interval) and unadjusted (stratum effects, no covariates); all carry `icc`, the share of the variance within strata
    and groups that lies between clusters. `n` counts people, `n_clusters` what was randomised; `method` says both.
"""

import numpy as np

from shared_utils.designs import _wild
from shared_utils.designs._clustered import clustered, icc
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_groups, need_variation
from shared_utils.designs._mixed import random_intercept
from shared_utils.designs._regression import independent, strata_dummies
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Specification, keys, options
from shared_utils.designs._trial_choices import cluster_means, without_each_stratum
from shared_utils.designs.rct_individual import group_facts, randomization_p, whole_clusters

FEW_CLUSTERS, UNEQUAL = 30, 0.6
WILD_BELOW = 40
UNITS = "counts people, randomised clusters"
ERRORS = {"CR1": "CR1, t", "CR2": "CR2, Satterthwaite t", "CR3": "CR3 (jackknife), t"}
SPEC = Spec(
    columns={"treatment": "binary"},
    uses=("covariates", "strata", "cluster"),
    options={
        "model": Option("ols", ("ols", "mixed")),
        "se": Option("CR2", (*ERRORS, "wild")),
        "wild_weights": Option("rademacher", tuple(_wild.POINTS)),
        "ri_draws": Option(2000, low=0, high=100_000),
    },
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (ITT), wild below 40 clusters, and unadjusted."""
    _check_clusters(inputs)
    need_variation(inputs)
    treated, n_clusters = inputs.roles["treatment"], len(np.unique(inputs.cluster))
    base = np.column_stack([np.ones(len(inputs.y)), treated, strata_dummies(inputs.strata, len(inputs.y))])
    full = np.column_stack([base, inputs.covariates.to_numpy()])
    facts = {
        "estimand": "ITT",
        "n_clusters": n_clusters,
        "icc": icc(inputs.y, base, inputs.cluster),
        **group_facts(inputs, treated),
    }
    rows = [_row(inputs, full, "main", p_ri=randomization_p(inputs, treated), **facts)]
    if n_clusters < WILD_BELOW and inputs.options["model"] == "ols" and inputs.options["se"] != "wild":
        rows.append(_wild_row(inputs, independent(full), "wild", **facts))
    return [*rows, _row(inputs, base, "unadjusted", **facts)]


def specifications(frame, design: dict) -> list[Specification]:
    """Pre-listed: mixed model, means of clusters, no covariates, without each stratum in turn (pilots.md 5.3)."""
    listed = [
        Specification("mixed_model", "random intercept for each cluster", options(model="mixed")),
        Specification("cluster_means", "means of clusters, each counted once", cluster_means, kind="estimand"),
    ]
    if design.get("covariates"):
        listed.append(Specification("no_covariates", "without baseline covariates", keys(covariates=None)))
    return listed + without_each_stratum(frame, design)


def _row(inputs: Inputs, matrix, role: str, **facts) -> dict:
    """One row with the standard error and model the options ask for."""
    matrix, words = independent(matrix), _words(inputs, role)
    if inputs.options["model"] == "mixed":
        value, se, df = random_intercept(inputs.y, matrix, inputs.cluster, 1)
        method = f"random intercept a cluster (REML){words}, between-within t"
    elif inputs.options["se"] == "wild":
        return _wild_row(inputs, matrix, role, **facts)
    else:
        value, se, df = clustered(inputs.y, matrix, inputs.cluster, 1, inputs.options["se"])
        method = f"OLS{words}, {ERRORS[inputs.options['se']]}"
    return row(inputs, value=value, se=se, df=df, method=f"{method}; {UNITS}", role=role, **facts)


def _words(inputs: Inputs, role: str) -> str:
    """What the regression holds beside the treatment."""
    parts = ["strata"] if inputs.strata is not None else []
    parts += ["covariates"] if role != "unadjusted" and inputs.covariates.shape[1] else []
    return f" with {' and '.join(parts)}" if parts else ""


def _wild_row(inputs: Inputs, matrix, role: str, **facts) -> dict:
    weights = inputs.options["wild_weights"]
    found = _wild.bootstrap(inputs.y, matrix, inputs.cluster, 1, weights, inputs.seed)
    low, high = found.interval(inputs.level)
    count = f"all {found.draws}" if found.exact else f"{found.draws}"
    return row(
        inputs,
        value=found.value,
        se=found.se,
        df=facts["n_clusters"] - 1,
        interval=(low, high),
        p=found.p(0.0, inputs.alternative),
        role=role,
        method=f"OLS{_words(inputs, role)}, wild cluster bootstrap ({weights}, {count} draws), se CR1; {UNITS}",
        note="" if np.isfinite([low, high]).all() else "so few clusters cannot rule out any value at this level",
        **facts,
    )


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: fewer than 30 clusters or unequal sizes (CV > 0.6), where CR2 leans on few clusters."""
    _check_clusters(inputs)
    sizes = np.bincount(inputs.cluster)
    sizes = sizes[sizes > 0]
    flags = []
    if len(sizes) < FEW_CLUSTERS:
        flags.append(
            _flag(
                inputs,
                "few_clusters",
                f"There are {len(sizes)} clusters, fewer than {FEW_CLUSTERS}. Read the p from groups drawn again "
                "beside the interval.",
            )
        )
    spread = sizes.std(ddof=1) / sizes.mean()
    if spread > UNEQUAL:
        flags.append(
            _flag(
                inputs,
                "unequal_clusters",
                f"Some clusters are much larger than others (sizes spread by {spread:.2f} of their mean, above "
                f"{UNEQUAL}).",
            )
        )
    return flags


def _flag(inputs: Inputs, code: str, message: str) -> dict:
    return {
        "code": code,
        "severity": "warn",
        "scope": inputs.outcome,
        "message": message,
        "affects_primary": True,
    }


def _check_clusters(inputs: Inputs) -> None:
    where = f"Design {inputs.type}, outcome '{inputs.outcome}'"
    if inputs.cluster is None:
        raise DesignError(f"Design {inputs.type}: cluster is not given.", "Name the column of the assigned clusters.")
    need_groups(inputs, "treatment")
    treated = inputs.roles["treatment"]
    if not whole_clusters(treated, inputs.cluster):
        raise DesignError(
            f"{where}: a cluster holds both groups.",
            "Clusters are assigned as a whole; check the cluster column and the assignment file.",
        )
    for value in (1, 0):
        n = len(np.unique(inputs.cluster[treated == value]))
        if n < 2:
            raise DesignError(
                f"{where}: {n} cluster(s) with treatment = {value}; at least two are needed in each group.",
                "With one cluster a side, chance and effect cannot be told apart.",
            )
    if inputs.strata is not None:
        pairs = len(np.unique(inputs.cluster * (inputs.strata.max() + 1) + inputs.strata))
        if pairs > len(np.unique(inputs.cluster)):
            raise DesignError(
                f"{where}: a cluster lies in more than one stratum.",
                "Strata group whole clusters (for example the site of a classroom).",
            )
