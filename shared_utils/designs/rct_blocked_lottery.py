"""Lottery with different odds by block: what did winning change?

Question: the mean difference in the outcome if every applicant had won against none (ITT), all applicants
    counted.
Assumption in plain words: within a block chance alone decided, with the stated odds; people whose outcome is
    missing do not differ between winners and others of the same block.
Estimator: least squares weighted by one over the chance of the draw that happened (1/P for winners, 1/(1-P)
    for the others), with centred block indicators and covariates. Weighting makes winning unrelated to the
    block, so that blocks count by their applicants and not by the precision they happen to have (Gerber and
    Green 2012, Field Experiments, section 4.5; Imbens and Rubin 2015, chapter 9).
Variance: HC2 of the weighted fit, t with N - k. p_ri: permutation within blocks.
Rows: main, unadjusted (no covariates), naive (plain difference, wrong: odds differ by block), and with
    `received` cace, anderson_rubin and first_stage with the same weights.
"""

import numpy as np

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs, Option, Spec, names_of, need_variation
from shared_utils.designs._regression import adjusted
from shared_utils.designs._result import row
from shared_utils.designs._robustness import Change, Specification, planned, rows
from shared_utils.designs.rct_individual import (
    both_arms_in_strata,
    complier_rows,
    first_stage_flags,
    group_facts,
    one_armed_flags,
    randomization_p,
)
from shared_utils.stats import assignment

SPEC = Spec(
    columns={"treatment": "binary", "assign_prob": "probability", "received": "binary"},
    optional=("received",),
    uses=("covariates", "strata"),
    options={"ri_draws": Option(2000, low=0, high=100_000)},
)
SMALL_BLOCK = 20


def estimate(inputs: Inputs) -> list[dict]:
    """Rows: main (ITT), unadjusted, naive, and with `received` cace, anderson_rubin and first_stage."""
    inputs = both_arms_in_strata(_with_blocks(inputs), "treatment")
    need_variation(inputs)
    won = inputs.roles["treatment"]
    weighted = Inputs(**{**inputs.__dict__, "weights": draw_weights(inputs)})
    rows = [
        _itt(weighted, won, "main", True, randomization_p(inputs, won)),
        _itt(weighted, won, "unadjusted", False),
    ]
    plain = Inputs(**{**inputs.__dict__, "strata": None})
    naive = adjusted(plain, {"won": won}, "none", "HC2")
    rows.append(
        row(
            plain,
            estimand="association",
            value=naive.value("won"),
            se=naive.se("won"),
            df=naive.df,
            method=naive.method,
            role="naive",
            **group_facts(plain, won),
            note="wrong: ignores that the chance of winning differs by block",
        )
    )
    if "received" in inputs.roles:
        rows += complier_rows(inputs, won, weighted.weights)
    return rows


def diagnose(inputs: Inputs) -> list[dict]:
    """Flags: shares of winners against the stated odds (DQ109, block), one-armed blocks, weak first stage."""
    inputs = _with_blocks(inputs)
    audit = assignment.audit(inputs.roles["treatment"], inputs.strata, inputs.roles["assign_prob"])
    bad = audit[~audit["compatible"]]
    flags = []
    if len(bad):
        flags.append(
            {
                "code": "DQ109",
                "severity": "block",
                "scope": inputs.outcome,
                "affects_primary": True,
                "message": f"In {len(bad)} of {len(audit)} blocks the share of winners does not fit the stated "
                f"chance (smallest p = {audit['p'].min():.2g}).",
            }
        )
    flags += one_armed_flags(inputs, "treatment")
    if "received" in inputs.roles:
        flags += first_stage_flags(inputs, inputs.roles["treatment"], severity="serious", affects_primary=False)
    return flags


def specifications(frame, design: dict) -> list[Specification]:
    """Pre-listed: block effects, Lin by block, without blocks under 20 applicants, naive (pilots.md 5.3)."""
    listed = [
        Specification("block_effects", "block effects: blocks count by their precision", _as_trial("ancova")),
        Specification("lin_by_block", "difference within each block, weighted by its applicants", _as_trial("lin")),
    ]
    blocks = names_of(design["strata"])
    if not _in_large_block(frame, blocks).all():
        words = f"without blocks under {SMALL_BLOCK} applicants"
        listed.append(Specification("without_small_blocks", words, rows(lambda f: _in_large_block(f, blocks))))
    words = "plain difference: ignores that the chance of winning differs by block"
    return [*listed, Specification("naive", words, planned, role="naive", kind="wrong")]


def _in_large_block(frame, blocks: list[str]) -> np.ndarray:
    size = frame.groupby(blocks, dropna=False, observed=True)[blocks[0]].transform("size")
    return (size >= SMALL_BLOCK).to_numpy()


def _as_trial(adjustment: str) -> Change:
    """The same lottery as a stratified trial, without the weights."""

    def change(frame, design):
        kept = {key: value for key, value in design.items() if key != "assign_prob"}
        given = {**(design.get("options") or {}), "adjustment": adjustment}
        return frame, {**kept, "type": "rct_individual", "options": given}

    return change


def draw_weights(inputs: Inputs) -> np.ndarray:
    """Return one over the chance of each person's own draw."""
    won, chance = inputs.roles["treatment"], inputs.roles["assign_prob"]
    return won / chance + (1 - won) / (1 - chance)


def _itt(inputs, won, role, covariates, p_ri=np.nan) -> dict:
    fit = adjusted(inputs, {"won": won}, "ancova", "HC2", covariates)
    return row(
        inputs,
        estimand="ITT",
        value=fit.value("won"),
        se=fit.se("won"),
        df=fit.df,
        method=f"inverse-probability weighted {fit.method}",
        role=role,
        p_ri=p_ri,
        note=fit.note,
        **group_facts(inputs, won),
    )


def _with_blocks(inputs: Inputs) -> Inputs:
    if inputs.strata is None:
        raise DesignError(
            f"Design {inputs.type}: strata (the lottery blocks) are not given.",
            "Name the block column in 'strata'.",
        )
    chance = inputs.roles["assign_prob"]
    for block in np.unique(inputs.strata):
        values = np.unique(chance[inputs.strata == block])
        if np.ptp(values) > 1e-9:
            raise DesignError(
                f"Design {inputs.type}: one block has {len(values)} different values of assign_prob "
                f"({values[0]:g} to {values[-1]:g}).",
                "Each set of people with the same chance is a block of its own.",
            )
    return inputs
