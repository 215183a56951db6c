"""Observational comparison: what did taking part change for those who took part?

Question: the mean effect among participants (ATT), or among all (options.estimand: ATE).
Assumption in plain words: among people with the same covariates, who took part is unrelated to how they
    would have fared otherwise; and for every participant there are comparable people who did not take part.
    No data can show the first; a hidden reason to take part that also helps the outcome biases the result.
Estimator: augmented inverse-probability weighting (Robins, Rotnitzky and Zhao 1994; for the ATT, Moodie,
    Saarela and Stephens 2018; Sant'Anna and Zhao 2020): a logistic model of taking part, a model of the
    outcome in each group it is needed for (logistic for 0/1 outcomes, else linear), weights normalised to sum to
    one. Right when either model is. With options.folds above 1 the models are cross-fitted, folds drawn from `seed`.
    Covariates may be written spline(x): natural cubic spline with four knots (Harrell 2015).
    options.estimator: ipw (Hajek), entropy_balancing (Hainmueller 2012), matching (nearest three within 0.2 standard
    deviations of the logit), regression (g-computation), overlap (Li, Morgan and Zaslavsky 2018: the effect among
    people who might as well have chosen otherwise, estimand ATO whatever options.estimand says).
Trimming: people whose chance of taking part is above options.ps_max (0.95; for the ATE also below 1 -
    ps_max) have no comparison; they are left out, the models are fitted again and the note says how many
    (Crump et al. 2009). Overlap weights fade them out instead, and trim nobody.
Variance: normal. AIPW: of the influence function; it treats the fitted models as known, which is right to first
    order when both are (Tsiatis 2006, chapter 13). ipw, overlap, entropy_balancing, regression: M-estimation, with
    the part that the estimated models have in the error (_group_means.py). matching: Abadie and Imbens (2006), with
    their correction for the estimated chance (2016; _matching.py). Trimming is taken as given.
Rows: main, and naive (difference in means, wrong: people chose).
Columns: ess (effective comparison sample), n_trimmed (for matching, also those without a match), max_smd (largest
    standardised difference after weighting).
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from shared_utils.designs import _group_means, _matching
from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, need_variation
from shared_utils.designs._regression import adjusted
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Specification, options, planned
from shared_utils.designs._weighting import comparison_flags, effective_size, overlap, weighted_smd
from shared_utils.designs.rct_individual import group_facts

SPEC = Spec(
    columns={"treatment": "binary"},
    uses=("covariates",),
    splines=True,
    options={
        "estimator": Option("aipw", ("aipw", "ipw", "entropy_balancing", "matching", "regression", "overlap")),
        "estimand": Option("ATT", ("ATT", "ATE")),
        "folds": Option(1, low=1, high=20),
        "ps_max": Option(0.95, low=0.5, high=1.0),
        "overlap_min_ess": Option(100, low=0),
    },
)
ALTERNATIVES = (
    ("aipw", "doubly robust"),
    ("ipw", "inverse-probability weights"),
    ("entropy_balancing", "weights that balance the covariate means exactly"),
    ("matching", "matching each participant to the three nearest"),
    ("regression", "outcome regression"),
)


def estimate(inputs: Inputs) -> Iterator[dict]:
    """Rows: main (ATT, ATE or ATO) and naive."""
    need_variation(inputs)
    kept, found, left_out = _compared(inputs)
    treated = kept.roles["treatment"]
    yield row(
        kept,
        estimand="ATO" if inputs.options["estimator"] == "overlap" else inputs.options["estimand"],
        value=found.value,
        method=found.words,
        se=found.se,
        note=f"{left_out} left out for lack of comparable people" if left_out else "",
        ess=effective_size(found.weights[treated == 0]),
        n_trimmed=left_out,
        max_smd=float(np.abs(weighted_smd(kept, found.weights)).max(initial=0)),
        **{**group_facts(kept, treated), "mean_comparison": found.comparison},
    )
    naive = adjusted(inputs, {"treatment": inputs.roles["treatment"]}, "none", "HC2", covariates=False)
    yield row(
        inputs,
        estimand="association",
        value=naive.value("treatment"),
        se=naive.se("treatment"),
        df=naive.df,
        method=naive.method,
        role="naive",
        note="biased: people chose whether to take part",
        **group_facts(inputs, inputs.roles["treatment"]),
    )


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: trimmed people, effective comparison sample under overlap_min_ess, imbalance after weighting."""
    kept, found, left_out = _compared(inputs)
    return comparison_flags(kept, found.weights, left_out, inputs.options["overlap_min_ess"])


def specifications(frame: pd.DataFrame, design: Mapping) -> list[Specification]:
    """The other estimators, cross-fitting, no trimming, overlap weights and the naive difference."""
    own = design.get("options") or {}
    chosen = own.get("estimator", "aipw")
    listed = [
        Specification(name, words, options(estimator=name, folds=1)) for name, words in ALTERNATIVES if name != chosen
    ]
    if own.get("folds", 1) == 1:
        crossed = options(estimator="aipw", folds=5)
        listed.append(Specification("cross_fitted", "doubly robust, models fitted on other people", crossed))
    if chosen != "overlap":
        words = "people who might as well have chosen otherwise"
        listed.append(Specification("untrimmed", "nobody trimmed", options(ps_max=1.0)))
        listed.append(Specification("overlap", words, options(estimator="overlap", folds=1), kind="estimand"))
    naive = "those who took part against the others, nothing adjusted"
    return [*listed, Specification("naive", naive, planned, role="naive", kind="wrong")]


def _compared(inputs: Inputs) -> tuple[Inputs, _group_means.Means | _matching.Matched, int]:
    """Return (inputs of the people compared, their mean outcomes with and without, how many were left out)."""
    name, att = inputs.options["estimator"], inputs.options["estimand"] == "ATT"
    folds = int(inputs.options["folds"])
    if folds > 1 and name != "aipw":
        raise DesignError(
            f"Design {inputs.type}: option folds = {folds} belongs to estimator aipw, not {name}.",
            "Take off one of the two.",
        )
    kind = inputs.options["estimand"]
    kept, chance, left_out = overlap(inputs, kind, 1.0 if name == "overlap" else inputs.options["ps_max"])
    if name == "matching":
        found = _matching.match(kept, chance.weights(kind), att)
        return kept.keep(found.left), found, left_out + int((~found.left).sum())
    found = {
        "aipw": lambda: _group_means.aipw(kept, chance, att, folds),
        "ipw": lambda: _group_means.weighted(kept, chance, kind),
        "overlap": lambda: _group_means.weighted(kept, chance, "overlap"),
        "entropy_balancing": lambda: _group_means.balanced(kept, att),
        "regression": lambda: _group_means.regression(kept, chance, att),
    }[name]()
    return kept, found, left_out
