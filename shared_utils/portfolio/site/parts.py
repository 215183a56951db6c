"""What several pages show of a city: its main result, its tag, its steps, its measures."""

from dataclasses import dataclass

from shared_utils import results
from shared_utils.portfolio import synthesis
from shared_utils.portfolio.collect import City, Portfolio, in_words
from shared_utils.portfolio.site import charts, sources, words
from shared_utils.portfolio.site.language import english as t
from shared_utils.portfolio.site.words import Effect

MIN_POINTS = 3  # fewer values are no line
MANY_CITIES = 30  # more are too many for one list at the top of a page, or for one page of tables
MARKS = {
    "done": "ok",
    "late": "near",
    "stale": "near",
    "blinded": "wait",
    "missing": "wait",
    "failed": "off",
    "edited": "off",
    "unreadable": "off",
}


@dataclass(frozen=True)
class Tag:
    """A status: the sign (ok, half, near, off, wait) and its word. Colour never stands alone."""

    sign: str
    word: str


def primaries(city: City) -> list[Effect]:
    """The main results that may be printed: the one for the portfolio first, then other programs tested."""
    return [Effect(row) for row in synthesis.main_rows(city)]


def impact_state(city: City) -> str:
    """done or stale, or why there is no main result: missing, blinded, failed, unreadable, hidden, unknown."""
    step = city.steps["impact"]
    if not step.shown or primaries(city):
        return step.state
    return "hidden" if any(row["suppressed"] for row in synthesis.primary_rows(city)) else "unknown"


def no_result(city: City) -> str:
    """Why a city has no main result, in a sentence."""
    state = impact_state(city)
    lock = city.config.pilot.data_lock if city.config else None
    reason = next((row.get("null_reason") for row in synthesis.primary_rows(city)), None) or t.endless
    return t.no_result[state].format(lock=words.day(lock) if lock else "", reason=reason)


def tag(city: City) -> Tag:
    """The decision of the rule, or what is being waited for."""
    state = impact_state(city)
    if state not in ("done", "stale"):
        return Tag(MARKS.get(state, "wait"), t.waiting[state])
    decision = city.record("impact")["decision"]
    if not decision or not decision.get("recommendation"):
        return Tag("wait", t.waiting["none"])
    word, sign = t.decisions[words.decision_key(decision)]
    return Tag(sign, word)


def steps(city: City) -> list[dict]:
    """The three notebooks with their state, the date of their data, and a link to the page, if released."""
    return [
        {
            "name": t.notebooks[step.notebook],
            "sign": MARKS[step.state],
            "when": f"{step.as_of:%b %Y}" if step.as_of else "",
            "state": t.step_states[step.state],
            "href": f"{step.notebook}.html" if step.page else "",
        }
        for step in city.steps.values()
    ]


def effect_view(city: City, effect: Effect) -> dict:
    """An estimate for the templates: printed numbers, words, and the drawing of its interval."""
    value, low, high = effect.shown
    m = (effect.row.get("mwe") or {}).get("value")
    treated, comparison = (city.arm(arm) for arm in effect.row["contrast"])
    outcome, verdict = city.outcome(effect.row["outcome_id"]), t.verdicts[effect.reading]
    return {
        "source": sources.of_estimate(city, effect.row),
        "value": {"raw": value, "text": effect.signed(value)},
        "low": {"raw": low, "text": effect.signed(low)},
        "high": {"raw": high, "text": effect.signed(high)},
        "unit": effect.unit,
        "said": effect.said(value),
        "range": effect.said_range,
        "look": {"too small": "unclear"}.get(effect.reading, effect.reading),
        "verdict": verdict,
        "outcome": outcome,
        "compared": t.compared.format(treated=treated, comparison=words.lower_first(comparison)),
        "treated": treated,
        "line": charts.interval(*effect.benefit, m),
        "n": _analysed(city, effect.row, treated, words.lower_first(comparison)),
        "base": _ratio_base(effect.row),
        "worthwhile": effect.worthwhile,
        "alt": f"{outcome}: {effect.said(value)}, {effect.said_range}. {verdict}.",
    }


def units(city: City) -> str:
    """What the city's result counts: people, families, tracts."""
    record = city.record("impact")
    return (record["design"].get("unit_label") if record else "") or "people"


def count_by_arm(row: dict) -> tuple[list[int | None], bool]:
    """([treated, comparison], whether they count places): a row on places counts its clusters."""
    places = any(name.endswith("_clusters") for name in row["n"])
    return [row["n"].get(f"{arm}{'_clusters' if places else ''}") for arm in row["contrast"]], places


def _analysed(city: City, row: dict, treated: str, comparison: str) -> str:
    (n1, n0), places = count_by_arm(row)
    if n1 is None or n0 is None:
        return ""
    groups = {"treated": treated, "n1": words.plain(n1), "comparison": comparison, "n0": words.plain(n0)}
    return t.analysed.format(**groups, units=units(city), rounded="" if places else t.rounded)


def _ratio_base(row: dict) -> str:
    """The comparison's rate, which a ratio must never stand without; "" for differences."""
    value = row["display"].get("comparison")
    if value is None:
        return ""
    return t.ratio_base.format(level=f"{words.plain(value)} {row['display']['comparison_unit']}".strip())


def measures(city: City) -> list[dict]:
    """The city's monthly measures (all people together), each with its latest row and its series."""
    by_id: dict[str, list[dict]] = {}
    for row in sources.indicators(city):
        if row["group_dim"] == "all":
            by_id.setdefault(row["indicator_id"], []).append(row)
    return [_measure(city, name, sorted(rows, key=lambda r: r["period"])) for name, rows in by_id.items()]


def _measure(city: City, indicator_id: str, rows: list[dict]) -> dict:
    shown = [row for row in rows if row["value"] is not None]
    last = shown[-1] if shown else rows[-1]
    unit, target = last["unit"], last["target"]
    digits = words.digits_of(*(row["value"] for row in shown))
    in_unit = words.plain if words.is_long(unit) else lambda value: words.with_unit(value, unit)
    target_text = "" if target is None else t.targets[last["direction"]].format(target=in_unit(target))
    good = None
    if shown and target is not None:
        good = last["value"] >= target if last["direction"] == "increase" else last["value"] <= target
    return {
        "id": indicator_id,
        "version": last["definition_version"],
        "unit_name": unit,
        "source": last["source"],
        "label": city.indicator(indicator_id),
        "value": words.with_unit(last["value"], unit, digits) if shown else t.hidden,
        "number": (
            words.plain(last["value"], digits) if words.is_long(unit) else words.with_unit(last["value"], unit, digits)
        )
        if shown
        else t.hidden,
        "unit": unit if words.is_long(unit) else "",
        "month": words.month(last["period"]),
        "target": target_text,
        "placeholder": last.get("target_source") == "placeholder" and target is not None,
        "reached": good,
        "variation": _sign(t.variation, last["variation"]),
        "assurance": _sign(t.assurance, last["assurance"]),
        "series": [
            (
                words.month(row["period"]),
                words.with_unit(row["value"], unit, digits) if row["value"] is not None else t.hidden,
                row["source"] if row["value"] is not None else "",
            )
            for row in rows
        ],
        "line": charts.series([row["value"] for row in rows], target) if len(shown) >= MIN_POINTS else None,
        "start": words.month(rows[0]["period"]),
        "end": words.month(rows[-1]["period"]),
        "first": words.with_unit(shown[0]["value"], unit, digits) if shown else t.hidden,
    }


def dim_name(dim: str) -> str:
    """The plain name of a way of grouping people, for the middle of a sentence."""
    return t.dims.get(dim) or in_words(dim).lower()


def group_name(city: City, dim: str, value: str) -> str:
    """The plain name of a group of people: the city's own, else the common one."""
    dims = city.config.subgroups.dims if city.config else ()
    labels = next((declared.labels for declared in dims if declared.id == dim), {})
    return labels.get(value) or t.groups.get(value) or in_words(value)


def _sign(table: dict, name: str) -> Tag:
    word, sign, _ = table[name]
    return Tag(sign, word)


def standard_text(row: dict) -> str:
    """The effect in standard deviations as the record prints it, "" when it has none."""
    d = (row.get("standardized") or {}).get("d")
    return "" if d is None else words.plain(d)


def chance(cities) -> str:
    """What chance alone would make of the main comparisons shown, in a sentence."""
    contrasts, _, any_of_them = synthesis.expected_by_chance(cities)
    if not contrasts:
        return t.chance_none
    return t.chance.format(contrasts=words.number_word(contrasts), chance=times_in_100(any_of_them))


def times_in_100(probability: float) -> int:
    """To the nearest 5, smaller ones to the nearest 1: the rates behind it are simulated."""
    return round(100 * probability) if probability < 0.05 else 5 * round(20 * probability)


def equity_flags(city: City) -> list[dict]:
    """The gaps between groups that the city's monitoring points at."""
    record = city.record("monitoring")
    return [flag for flag in record["flags"] if flag["code"] == "EQUITY"] if record else []


def equity_gaps(city: City) -> int | None:
    """How many such gaps there are; None without a monitoring record."""
    return len(equity_flags(city)) if city.record("monitoring") else None


def equity(city: City) -> str:
    """How many gaps there are, in a sentence."""
    gaps = equity_gaps(city)
    return t.no_monitoring if gaps is None else t.gaps[min(gaps, 2)].format(n=gaps)


def plan(record: dict) -> str:
    """When the analysis plan was locked, in words."""
    locked = record["plan"]["locked_at"]
    return t.plans[record["plan"]["status"]].format(date=words.day(locked) if locked else "")


def deviations(record: dict) -> str:
    """How many changes to the plan were recorded, in words."""
    return t.deviations.format(all=record["plan"]["deviations"], primary=record["plan"]["deviations_primary"])


def cost(costs: dict | None) -> str:
    """What a participant and the pilot cost, with the quality of the amounts; "" when nothing is recorded."""
    total, each = (costs or {}).get("total_usd"), (costs or {}).get("per_participant_usd")
    if total is None:
        return ""
    amounts = {
        "total": words.with_unit(total, "USD"),
        "each": words.with_unit(each, "USD") if each else "",
        "quality": t.cost_quality.get(costs.get("quality"), ""),
    }
    return (t.cost if each else t.cost_total).format(**amounts)


def watermark(cities) -> str:
    """One line for a page that shows several cities: it names every city whose numbers are synthetic, or says all."""
    names = [city.name for city in cities if city.watermark]
    if len(names) == len(cities) > MANY_CITIES:
        return results.watermark("synthetic", t.any_of_cities.format(n=len(cities)))
    return results.watermark("synthetic", words.listed(names)) if names else ""


def footer(portfolio: Portfolio) -> str:
    """How many records the site was made from, and how new they are."""
    records = [record for city in portfolio.cities for record in city.records]
    if not records:
        return t.footer_empty
    newest = max(record["run"]["as_of"] for record in records)
    versions = sorted({str(record["provenance"]["code"].get("shared_utils", "unknown")) for record in records})
    return t.footer.format(records=len(records), newest=words.day(newest), code=words.listed(versions))


def array(outcome: str, effect: Effect, t) -> dict | None:
    """The effect as 100 squares, for shares, in the language `t`."""
    if not effect.in_100:
        return None
    p1, p0 = effect.in_100
    first, second = min(p1, p0), max(p1, p0)
    difference = "same" if p1 == p0 else "more" if p1 > p0 else "fewer"
    return {
        "squares": charts.squares(first, second),
        "alt": t.array_alt.format(p1=p1, p0=p0, label=outcome),
        "both": t.array_keys["both"].format(n=first),
        "difference": t.array_keys[difference].format(n=second - first),
        "same": p1 == p0,
    }
