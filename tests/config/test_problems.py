"""Wrong settings: all problems at once, each with file, line, key, value, allowed values and the nearest."""

import pytest

from shared_utils.config import DESIGN_TYPES, ConfigError, load_city, load_portfolio, preset_path
from shared_utils.errors import EmiError


@pytest.fixture
def problems(tmp_path):
    """Load a preset with some of its text replaced; return (problems, lines of the file, message)."""

    def change(preset, *changes):
        text = preset_path(preset).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "city.yml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_city(tmp_path)
        found = caught.value.problems
        assert all(p.file == "city.yml" and str(p).isascii() for p in found)
        return found, text.splitlines(), str(caught.value)

    return change


@pytest.fixture
def problem(problems):
    """The same, for a change that makes exactly one problem; checks that its line is the one changed."""

    def change(preset, old, new, marker=None):
        found, lines, _ = problems(preset, (old, new))
        assert len(found) == 1, [str(p) for p in found]
        if marker is not None:
            assert marker in lines[found[0].line - 1]
        return found[0]

    return change


def test_sentence_of_a_problem(problem):
    found = problem("cincinnati", "type: rct_individual", "type: rct_indivdual", "type: rct_indivdual")
    assert (found.file, found.key, found.value) == ("city.yml", "design.type", "rct_indivdual")
    assert found.allowed == DESIGN_TYPES and found.suggestion == "rct_individual"
    assert str(found) == (
        f"city.yml line {found.line}, design.type: 'rct_indivdual' is not a design type. "
        f"Allowed: {', '.join(DESIGN_TYPES)}. Did you mean 'rct_individual'?"
    )


def test_error_is_the_kind_people_see(problems):
    with pytest.raises(EmiError, match="there is no such file"):
        load_city(preset_path("newark").parent)


def test_unknown_key_lists_the_valid_ones(problem):
    found = problem("newark", "  adoption_date:", "  adoptoin_date:", "adoptoin_date")
    assert found.key == "design.adoptoin_date" and found.suggestion == "adoption_date"
    assert "post_window" in found.allowed and "cutoff" not in found.allowed  # keys of this type only


@pytest.mark.parametrize(
    "preset, old, new, key, value, allowed, near",
    [
        (
            "newark",
            "domain: housing",
            "domain: Housing",
            "pilot.domain",
            "Housing",
            ("employment", "education", "housing", "savings"),
            "housing",
        ),
        ("newark", "state: NJ", "state: New Jersy", "city.state", "New Jersy", None, "NJ"),
        ("newark", "state: NJ", "state: nj", "city.state", "nj", None, "NJ"),
        (
            "newark",
            "estimator: ppml_twfe",
            "estimator: callaway_santanna",
            "design.estimator",
            "callaway_santanna",
            ("ppml_twfe", "ols_twfe"),
            "",
        ),
        (
            "newark",
            "dims:\n    - {id: opp",
            "dims:\n    - {frm: kfr, id: opp",
            "subgroups.dims[0].frm",
            "frm",
            ("id", "from", "cuts", "confirmatory", "level", "descriptive_only", "labels"),
            "from",
        ),
        (
            "newark",
            "chart: u_prime",
            "chart: uprime",
            "indicators[0].chart",
            "uprime",
            ("p", "p_prime", "u", "u_prime", "xmr"),
            "u_prime",
        ),
        (
            "newark",
            "- {type: quality_flags, serious",
            "- {type: quality_flag, serious",
            "decision.guardrails[2].type",
            "quality_flag",
            ("subgroup_harm", "cost_per_unit_max", "quality_flags"),
            "quality_flags",
        ),
        ("newark", "acs:  ", "asc:  ", "data.reference.asc", None, ("opportunity_atlas", "acs", "eviction_lab"), None),
        ("newark", "reporting:", "reportng:", "reportng", "reportng", None, "reporting"),
        ("newark", 'schema_version: "1.0"', "schema_version: 1.0", "schema_version", 1.0, ("1.0",), ""),
        (
            "newark",
            "monitoring_as_of: latest",
            "monitoring_as_of: last",
            "reporting.monitoring_as_of",
            "last",
            ("latest", "YYYY-MM", "YYYY-MM-DD"),
            "",
        ),
        (
            "tulsa",
            "primary_contrasts: [[career_education, control]",
            "primary_contrasts: [[career_educaton, control]",
            "design.primary_contrasts[0][0]",
            "career_educaton",
            ("control", "career_education", "career_education_plus_training"),
            "career_education",
        ),
        (
            "racine",
            "terms: [placement_score",
            "terms: [placement_scor",
            "design.propensity.terms[0]",
            "placement_scor",
            None,
            "placement_score",
        ),
        (
            "dayton",
            "equity: [race_ethnicity, gender",
            "equity: [race, gender",
            "indicators[0].equity[0]",
            "race",
            None,
            "",
        ),
    ],
)
def test_value_allowed_and_nearest(problem, preset, old, new, key, value, allowed, near):
    found = problem(preset, old, new, new.splitlines()[-1].split(":")[0])
    assert (found.key, found.line > 0) == (key, True)
    if value is not None:
        assert found.value == value
    if allowed is not None:
        assert found.allowed == allowed
    if near is not None:
        assert found.suggestion == near


@pytest.mark.parametrize(
    "preset, old, new, key, words",
    [
        ("newark", 'county_fips: "013"', "county_fips: 13", "city.county_fips", 'Write a county code in quotes: "013"'),
        ("newark", 'county_fips: "013"', 'county_fips: "13"', "city.county_fips", "three digits"),
        ("newark", 'state_fips: "34"', 'state_fips: "034"', "city.state_fips", "two digits"),
        ("newark", "key: newark", "key: newark-nj", "city.key", "lower-case letters and _"),
        ("newark", "slug: newark-eviction-prevention", "slug: Newark Eviction", "pilot.slug", "is not a slug"),
        ("newark", 'start: "2019-04-01"', 'start: "4/1/2019"', "pilot.start", "Write year-month-day"),
        ("newark", 'start: "2019-04-01"', 'start: "2019-02-30"', "pilot.start", "is not a date"),
        ("newark", 'data_lock: "2020-10-31"', 'data_lock: "2020-08-31"', "pilot.data_lock", "is not after pilot.end"),
        ("newark", "name: Newark", "name:", "city.name", "is empty"),
        ("newark", "title: Reducing eviction rates", "title: 2019", "pilot.title", 'goes in quotes: "2019"'),
        ("newark", "target: 8.0", "target: about 8", "indicators[0].target", "'about 8' is not a number"),
        ("newark", "synthetic_seed: 20190401", "synthetic_seed: 1.5", "data.synthetic_seed", "is not a whole number"),
        ("newark", "rebase_spc: false", "rebase_spc: no", "events[0].rebase_spc", "'no' is not true or false"),
        ("newark", "rebase_spc: false", "rebase_spc: true", "events[0].rebase_spc", "new limits need rebase_reason"),
        ("newark", "level: 0.95", "level: 95", "decision.level", "it must be below 1"),
        ("newark", "small_cell_min: 11", "small_cell_min: 5", "privacy.small_cell_min", "it must be 11 or more"),
        ("newark", "suppression: true", "suppression: false", "privacy.complementary_suppression", "must stay true"),
        (
            "newark",
            "contact_role: City pilot lead",
            "contact_role: ann@city.org",
            "reporting.contact_role",
            "never a name",
        ),
        (
            "newark",
            '"per 1,000 renter households"',
            "per 1,000 renter households",
            "indicators[0].000 renter households",
            "put the whole text in quotes",
        ),
        (
            "newark",
            "path: public_ref/acs_tracts.csv",
            "path: /data/acs.csv",
            "data.reference.acs.path",
            "inside the city",
        ),
        (
            "newark",
            "path: public_ref/acs_tracts.csv",
            "path: a/../../x.csv",
            "data.reference.acs.path",
            "inside the city",
        ),
        (
            "newark",
            "path: public_ref/acs_tracts.csv",
            'path: "C:/acs.csv"',
            "data.reference.acs.path",
            "inside the city",
        ),
        (
            "newark",
            "covariates: [",
            "covariates: [eviction_judgments, ",
            "covariates[0]",
            "not known before assignment",
        ),
        (
            "newark",
            'end: "2020-02"}     # primary',
            'end: "2020-06"}     # primary',
            "design.post_window.end",
            "runs into event 'covid'",
        ),
        (
            "newark",
            'pre_window: {start: "2017-01", end: "2019-06"}',
            'pre_window: {start: "2017-01", end: "2019-07"}',
            "design.pre_window.end",
            "not before the adoption month",
        ),
        ("newark", "value: -0.10536", "value: -0.2", "decision.minimum_worthwhile_effect.value", "Make them equal"),
        ("newark", "value: -10}", "value: 0}", "outcomes[0].mwe.value", "0 is no change"),
        (
            "newark",
            "primary_family: [eviction_judgments]",
            "primary_family: [eviction_filings]",
            "multiplicity.primary_family[0]",
            "not the primary outcome",
        ),
        (
            "newark",
            "majority_race_ethnicity, confirmatory: false",
            "majority_race_ethnicity, confirmatory: true",
            "subgroups.dims[1].confirmatory",
            "at most one",
        ),
        (
            "newark",
            "dim: opportunity_tercile",
            "dim: gender",
            "decision.guardrails[0].dim",
            "not the confirmatory subgroup",
        ),
        (
            "newark",
            "  treated_rule: pilot_area",
            "  # treated_rule: pilot_area",
            "design.treated_rule",
            "panel_did without data.analysis_file needs treated_rule, adoption_date",
        ),
        (
            "newark",
            "statistic: median, numerator: null",
            "numerator: null",
            None,
            "needs numerator, denominator and per",
        ),
        (
            "cincinnati",
            "received: {from: services",
            "received: {from: service",
            "design.treatment_received.from",
            "'service' is not allowed",
        ),
        (
            "cincinnati",
            '"count(coaching_contact) >= 1"',
            '"coaching > 1"',
            "design.treatment_received",
            "is not a rule",
        ),
        (
            "cincinnati",
            "value: 0.05}      #",
            "value: 5}      #",
            "outcomes[0].mwe.value",
            "write 0.05 for 5 percentage",
        ),
        ("cincinnati", "mwe: {scale: prob_diff", "mwe: {scale: points", "outcomes[0].mwe.scale", "is not the scale"),
        (
            "dayton",
            "published_effect: {scale: points",
            "published_effect: {scale: usd",
            "outcomes[0].published_effect.scale",
            "is not the scale",
        ),
        ("cincinnati", "arms: [control, offer]", "arms: [control, offer, more]", "design.arms", "compares two arms"),
        ("cincinnati", "arm_labels: {control:", "arm_labels: {contrl:", "design.arm_labels.contrl", "is not an arm"),
        (
            "cincinnati",
            'enrollment_window: {start: "2019-04-15"',
            'enrollment_window: {start: "2009-04-15"',
            "design.enrollment_window.start",
            "more than a year outside the pilot",
        ),
        ("cincinnati", "  strata:", "  treatment: offer\n  strata:", "design.treatment", "Remove treatment"),
        ("cincinnati", "kind: binary ", "kind: time_to_event ", "outcomes[0].kind", "cannot be primary"),
        ("cincinnati", "id: earnings_q2", "id: employed_q2", "outcomes[1].id", "used twice"),
        ("dayton", 'end: "2020-03-06"', 'end: "2020-03-20"', "design.followup_window.end", "runs into event 'covid'"),
        ("dayton", "value: 2.7}          #", "value: -2.7}          #", "outcomes[0].mwe.value", "more of"),
        ("rochester", "chart: xmr", "chart: p", "indicators[2].chart", "charts draw ratios"),
        (
            "rochester",
            "  treatment_received: match",
            "  # treatment_received: match",
            "design.treatment_received",
            "who got the service",
        ),
        (
            "tulsa",
            "portfolio_contrast: [career_education_plus_training, control]",
            "portfolio_contrast: [control, career_education]",
            "design.portfolio_contrast",
            "not one of",
        ),
    ],
)
def test_one_wrong_value(problems, preset, old, new, key, words):
    found, _, _ = problems(preset, (old, new))
    if key is not None:
        assert [p.key for p in found] == [key], [str(p) for p in found]
    assert words in found[0].message
    assert found[0].line > 0


def test_missing_block_and_missing_key(problems):
    found, lines, message = problems("newark", ("  slug: newark-eviction-prevention\n", ""))
    assert message.startswith(f"city.yml line {lines.index('pilot:') + 1}, pilot.slug: is missing.")


def test_second_and_absent_primary(problems):
    second = problems("dayton", ("role: secondary", "role: primary"))[0]
    assert [p.key for p in second] == ["outcomes[1].role"]
    none = problems("dayton", ("    role: primary\n", "    role: secondary\n"))[0]
    assert "no outcome has role: primary" in none[0].message


def test_too_few_secondaries(problems):
    found = problems(
        "rochester",
        (
            "emergency_400, label: Can cover a 400 USD expense, role: secondary",
            "emergency_400, label: Can cover a 400 USD expense, role: primary",
        ),
        (
            "hardship_count, label: Material hardships, role: secondary",
            "hardship_count, label: Material hardships, role: primary",
        ),
    )[0]
    assert "1 outcomes have role: secondary. Name 2 to 4." in [p.message for p in found]


def test_all_problems_at_once_in_the_order_of_the_file(problems):
    found, _, message = problems(
        "dayton",
        ("state: OH", "state: Ohio"),
        ("type: rct_cluster", "type: rct_clustr"),
        ('data_lock: "2020-10-31"', 'data_lock: "2019-10-31"'),
        ("role: secondary", "role: primary"),
        ("chart: p,", "chart: pie,"),
        ("small_cell_min: 11", "small_cell_minimum: 11"),
    )
    assert [p.key for p in found] == [
        "city.state",
        "pilot.data_lock",
        "design.type",
        "outcomes[1].role",
        "indicators[0].chart",
        "privacy.small_cell_minimum",
    ]
    assert [p.line for p in found] == sorted(p.line for p in found)
    assert message.count("city.yml line") == 6 and "Correct these 6 problems" in message


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "the file is empty"),
        ("- a\n", "not a block of keys"),
        ("city: newark\n", "'newark' is not a block of keys"),
    ],
)
def test_not_a_settings_file(tmp_path, text, words):
    (tmp_path / "city.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_city(tmp_path / "city.yml")


def test_portfolio_refuses_unknown_keys(tmp_path):
    (tmp_path / "portfolio.yml").write_text("titel: X\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"portfolio\.yml line 1, titel: unknown key.*Did you mean 'title'"):
        load_portfolio(tmp_path)
