"""Where people stand relative to a cutoff: sides, donut, narrow windows, and signs that somebody moved them."""

import numpy as np

from shared_utils.designs._errors import DesignError
from shared_utils.designs._inputs import Inputs
from shared_utils.errors import nearest
from shared_utils.stats.intervals import binomial_p

SIDES = ("at_or_above", "above", "at_or_below", "below")
SMALLEST_SIDE = 10
WINDOW_SIDE = 20  # rows a side in the narrowest window of local randomisation
HEAPED = 0.05  # share of rows on round numbers beyond chance that is worth saying
ROUND = np.outer(10.0 ** np.arange(-2, 6), (1, 2.5, 5)).ravel()


def distance(inputs: Inputs) -> np.ndarray:
    """Return the running variable as distance into the treated side; zero and above is treated.

    treated_side: at_or_above (the default), above, at_or_below or below. With above or below, families exactly at the
        cutoff are not eligible: they are put a hair's breadth on the comparison side.
    """
    side = signed(inputs.roles["running"], inputs.values["cutoff"], inputs.values["treated_side"])
    for name, n in (("treated", (side >= 0).sum()), ("comparison", (side < 0).sum())):
        if n < SMALLEST_SIDE:
            raise DesignError(
                f"Design rd, outcome '{inputs.outcome}': {n} row(s) on the {name} side of {inputs.values['cutoff']}.",
                f"At least {SMALLEST_SIDE} a side are needed; check the cutoff and treated_side.",
            )
    return side


def signed(running: np.ndarray, cutoff, where: str | None) -> np.ndarray:
    """Return `running` as distance into the treated side. Raises DesignError for a side or cutoff that is none."""
    where = where or "at_or_above"
    if where not in SIDES:
        raise DesignError(
            f"Design rd: treated_side {where!r} does not exist.{nearest(where, SIDES)}",
            f"Valid: {', '.join(SIDES)}.",
        )
    try:
        gap = running - float(cutoff)
    except (TypeError, ValueError):
        raise DesignError(
            f"Design rd: cutoff {cutoff!r} is not a number.",
            "Give the limit in units of the running variable.",
        ) from None
    side = gap if where.endswith("above") else -gap
    return side if where.startswith("at_or") else np.where(side == 0, -1e-9 * np.nanstd(side), side)


def without_donut(inputs: Inputs) -> Inputs:
    """Leave out the rows closer to the cutoff than options.donut, and say how many they are."""
    width = float(inputs.options["donut"])
    near = np.abs(distance(inputs)) < width
    if not near.any():
        return inputs
    return inputs.keep(~near, f"{int(near.sum())} rows closer to the cutoff than {width:g} left out")


def narrowest_window(side: np.ndarray) -> float:
    """Return the half-width of the narrowest symmetric window with 20 rows on each side, or all of a shorter side."""
    return max(np.sort(np.abs(rows))[:WINDOW_SIDE][-1] for rows in (side[side >= 0], side[side < 0]))


def window_p(side: np.ndarray, share: float = 0.10) -> float:
    """Return the exact binomial p for equal counts in the `share` of rows nearest the cutoff (20 at least).

    Cattaneo, Idrobo and Titiunik 2020, A practical introduction to regression discontinuity designs: close
    enough to the cutoff, either side is as likely.
    """
    near = np.sort(np.abs(side))[: max(20, int(share * len(side)))]
    inside = np.abs(side) <= near[-1]
    return binomial_p(int((side[inside] >= 0).sum()), int(inside.sum()), 0.5)


def heap(running: np.ndarray, bandwidth: float) -> tuple[float, float, float] | None:
    """Return (step, share of rows on its multiples, share expected) of the coarsest round step that stands out.

    Round steps are 1, 2.5, 5 times powers of ten, up to half the bandwidth. A variable recorded in steps of r is on
    multiples of a step s with chance r / s if nothing else matters; a step stands out when its share is more than 5
    points, and three standard errors, above that. None: no step does.
    """
    found = []
    for step in ROUND[(ROUND <= bandwidth / 2) & (ROUND > 2 * _resolution(running))]:
        expected = _resolution(running) / step
        share = float(_on_multiples(running, step).mean())
        noise = np.sqrt(max(expected, 1 / len(running)) / len(running))
        if share - expected > max(HEAPED, 3 * noise):
            found.append((share - expected, float(step), share, expected))
    if not found:
        return None
    most = max(excess for excess, *_ in found)
    return max(one[1:] for one in found if one[0] > 0.8 * most)


def _resolution(running: np.ndarray) -> float:
    """The finest of 100, 10, 1, 0.1, 0.01 in whose multiples all values lie; 0 when none does."""
    return next((step for step in (100.0, 10.0, 1.0, 0.1, 0.01) if _on_multiples(running, step).all()), 0.0)


def _on_multiples(values: np.ndarray, step: float) -> np.ndarray:
    return np.abs(values / step - np.round(values / step)) < 1e-6
