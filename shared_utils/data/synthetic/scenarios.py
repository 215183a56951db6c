"""The scenarios of pilots.md 4.1, declared once: what each changes and which cities it can be asked of."""

from dataclasses import dataclass

from shared_utils.errors import EmiError, nearest

RANDOMISED = ("cincinnati", "dayton", "lansing", "neworleans", "tulsa")
FOLLOWED_UP = ("cincinnati", "dayton", "lansing", "neworleans", "racine", "rochester", "tulsa")
ENLARGEABLE = ("cincinnati", "racine", "rochester", "tulsa")


class SyntheticError(EmiError):
    """Synthetic data were asked for that cannot be made."""


@dataclass(frozen=True)
class Scenario:
    """One way the world can be. `effect` multiplies every effect; `cities` empty means all nine."""

    about: str
    cities: tuple[str, ...] = ()
    why_not: str = ""
    effect: float = 1.0
    heterogeneous: bool = True
    covid: bool = True
    size: int = 1


SCENARIOS: dict[str, Scenario] = {
    "default": Scenario("the parameters of pilots.md 4.3 with realistic mess"),
    "homogeneous": Scenario("the same effect for everyone", heterogeneous=False),
    "null": Scenario("no effect on any outcome", effect=0.0),
    "harm": Scenario("every effect turned round", effect=-1.0),
    "large_n_small_effect": Scenario(
        "ten times the people and four tenths of the effect: clear, but smaller than worthwhile",
        ENLARGEABLE, "only designs of up to 2,000 single people with a clear default effect can be enlarged",
        effect=0.4, size=10),
    "weak_nudge": Scenario(
        "an invitation that moves take-up by 2 points among 2,000 households",
        ("lansing",), "no encouragement is part of this design"),
    "manipulated_cutoff": Scenario(
        "60 % of readier families just above the limit report just below it, and there is no effect",
        ("rochester",), "no cutoff is part of this design", effect=0.0),
    "pretrend_violation": Scenario(
        "treated places were already on another path before the start",
        ("detroit", "newark"), "no before-and-after comparison of places is part of this design"),
    "differential_attrition": Scenario(
        "readier people of the comparison group answer the follow-up more often",
        FOLLOWED_UP, "nobody is followed up one by one in this design"),
    "broken_randomization": Scenario(
        "staff let the readier people in",
        RANDOMISED, "nothing is randomised in this design"),
    "dirty_data": Scenario("four times the mess, and defects a person must fix"),
    "late_data": Scenario("the last three months arrive late and thin"),
    "no_covid": Scenario("COVID-19 never happens", covid=False),
    "relabelled_indicator": Scenario("one indicator changes its definition in October 2019"),
}  # fmt: skip


def for_city(name: str, city: str) -> Scenario:
    """Return a scenario, or refuse in words: unknown, or without meaning for the city's design."""
    if name not in SCENARIOS:
        raise SyntheticError(
            f"There is no scenario '{name}'.{nearest(name, SCENARIOS)}", f"Scenarios: {', '.join(SCENARIOS)}."
        )
    found = SCENARIOS[name]
    if found.cities and city not in found.cities:
        raise SyntheticError(
            f"Scenario '{name}' cannot be made for {city}: {found.why_not}.",
            f"It can be made for: {', '.join(found.cities)}.",
        )
    return found
