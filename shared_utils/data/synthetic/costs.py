"""Every city's monthly ledger: placeholders with a start-up and a part that follows participation."""

import numpy as np
import pandas as pd

from shared_utils.data.synthetic.common import PILOT, World, covid_volume

# Category, fund source, one_time, in_kind, share of the monthly fixed budget (start-up: of one month).
FIXED = (
    ("staff", "city", False, False, 0.55),
    ("evaluation", "philanthropy", False, False, 0.12),
    ("overhead", "city", False, False, 0.10),
    ("in_kind", "other", False, True, 0.08),
)
START_UP = (
    ("technology", "initiative_flexible_funding", 1.6),
    ("contracts", "initiative_flexible_funding", 2.2),
)


def ledger(world: World, plan: dict) -> pd.DataFrame:
    """Return T7 rows. `plan`: `monthly_fixed` USD, `per_person` USD, `people` reached over the pilot,
    `category` of the part that follows people, `arm` that causes it.
    """
    rng = world.rng("costs")
    volume = covid_volume(world, PILOT)
    served = plan["people"] * volume / volume.sum()
    rows = [(PILOT[0], category, plan["arm"], plan["monthly_fixed"] * times, False, fund, True)
            for category, fund, times in START_UP]  # fmt: skip
    for month, people in zip(PILOT, served, strict=True):
        for category, fund, once, in_kind, part in FIXED:
            arm = plan["arm"] if category in ("staff", "in_kind") else None
            amount = plan["monthly_fixed"] * part * (1 + 0.04 * rng.standard_normal())
            rows.append((month, category, arm, amount, in_kind, fund, once))
        amount = plan["per_person"] * people * (1 + 0.10 * rng.standard_normal())
        rows.append((month, plan["category"], plan["arm"], amount, False, "initiative_flexible_funding", False))
    columns = ["period", "category", "arm", "amount_usd", "is_in_kind", "fund_source", "one_time"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["period"] = pd.PeriodIndex(frame["period"]).to_timestamp()
    frame["amount_usd"] = np.round(frame["amount_usd"], 2)
    frame["quality"] = "placeholder"
    frame.insert(0, "cost_id", [f"c_{i + 1:03d}" for i in range(len(frame))])
    return frame
