"""Cluster-randomised trial: what did it change for the people of clusters that were assigned the programme?

Question: the mean difference in the outcome of people if all clusters had the programme against none (ITT
    at the person's level; clusters count by their size).
Assumption in plain words: chance alone decided which clusters got it (within strata); people do not move
    between clusters because of it; people whose outcome is missing do not differ between the groups.
Estimator: least squares with stratum effects and covariates.
Variance: CR2 by cluster with Satterthwaite degrees of freedom (designs/_clustered.py). Person-level errors
    are not offered: ignoring classrooms rejects a true null 22 % of the time in the Dayton design.
p_ri: permutation of whole clusters within strata.
Rows: main and unadjusted (stratum effects, no covariates); both carry `icc`, the share of the variance
    within strata and groups that lies between clusters.
"""

import numpy as np

from shared_utils.designs._clustered import cr2, icc
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_groups, need_variation
from shared_utils.designs._regression import independent, strata_dummies
from shared_utils.designs._result import row
from shared_utils.designs.rct_individual import group_facts, randomization_p, whole_clusters

FEW_CLUSTERS, UNEQUAL = 30, 0.6
SPEC = Spec(
    columns={"treatment": "binary"},
    uses=("covariates", "strata", "cluster"),
    options={"ri_draws": Option(2000, low=0, high=100_000)},
)


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (ITT) and unadjusted."""
    _check_clusters(inputs)
    need_variation(inputs)
    treated = inputs.roles["treatment"]
    base = np.column_stack([np.ones(len(inputs.y)), treated, strata_dummies(inputs.strata, len(inputs.y))])
    facts = {
        "n_clusters": len(np.unique(inputs.cluster)),
        "icc": icc(inputs.y, base, inputs.cluster),
        **group_facts(inputs, treated),
    }
    full = np.column_stack([base, inputs.covariates.to_numpy()])
    method = "OLS with {}, CR2, Satterthwaite t"
    rows = []
    for matrix, role, words in ((full, "main", "strata and covariates"), (base, "unadjusted", "strata")):
        value, se, df = cr2(inputs.y, independent(matrix), inputs.cluster, 1)
        rows.append(
            row(
                inputs,
                estimand="ITT",
                value=value,
                se=se,
                df=df,
                method=method.format(words),
                role=role,
                p_ri=randomization_p(inputs, treated) if role == "main" else np.nan,
                **facts,
            )
        )
    return rows


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
                f"{len(sizes)} clusters, fewer than {FEW_CLUSTERS}: read the "
                "randomisation p beside the interval.",
            )
        )
    spread = sizes.std(ddof=1) / sizes.mean()
    if spread > UNEQUAL:
        flags.append(
            _flag(
                inputs,
                "unequal_clusters",
                f"Cluster sizes differ much (coefficient of variation {spread:.2f}, above {UNEQUAL}).",
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
        raise DesignError(
            f"Design {inputs.type}: cluster is not given.", "Name the column of the assigned clusters."
        )
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
        pairs = len(np.unique(np.column_stack([inputs.cluster, inputs.strata]), axis=0))
        if pairs > len(np.unique(inputs.cluster)):
            raise DesignError(
                f"{where}: a cluster lies in more than one stratum.",
                "Strata group whole clusters (for example the site of a classroom).",
            )
