# ruff: noqa: E501 - sentences read better unbroken
# fmt: off
"""Every sentence of the site, in one place (United States English), so that a second language can be added.

Words follow pilots.md 5.0 and the sentence bank of 5.3: plain verbs, natural frequencies, the interval in
words, the comparison named, never "significant" or "proves", and "no effect" is not said of a range that also
holds a worthwhile one.
"""

NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()

# Page furniture
SKIP = "Skip to main content"
ABOUT_DATA, ABOUT_NAV = "About the data", "Main"
NAV = [
    ("index.html", "Portfolio"),
    ("index.html#cities", "Cities"),
    ("index.html#measures", "Measures"),
    ("index.html#effects", "Effects"),
    ("index.html#lessons", "Lessons"),
    ("methods.html", "Methods"),
]
FOOTER = "Made from {records} released result records. Newest data: {newest}. Code version {code}."
FOOTER_EMPTY = "No city has released results yet."
ALL_CITIES = "All cities"

# Index: top
KICK = "Results to {newest}"
KICK_EMPTY = "No results yet"
HEADLINE = "{cities} tried new ways to help people get ahead"
LEAD = (
    "Each city ran one program, chose one main measure in advance, and compared people in the program with "
    "people or places that were not. This page shows where each city stands, what changed, and how sure we "
    "can be."
)
LEAD_ONE = (
    "The city ran one program, chose one main measure in advance, and compared people in the program with "
    "people or places that were not. This page shows what changed, and how sure we can be."
)
HERO_TITLE = "Where does the evidence point to expanding the program?"
HERO_UNIT = "of {measured} with a result"
HERO_NONE = "No city has an impact result yet."
HERO_TEXT = (
    "Each city named how large a gain would be worth the cost. A city is counted here when its plan was fixed "
    "before results were seen, its likely range shows a gain and its best estimate passes that mark."
)
HERO_CHANCE = (
    "If no program worked at all, chance would still point to expanding at least once about {chance} times "
    "in 100 (main comparisons: {contrasts})."
)
FACTS = {
    "results": "cities with an impact result, of {total}",
    "analyses": "analyses finished, of {total} planned",
    "plans": "plans fixed before results were known, of {total}",
    "targets": "short-term measures at or past target, of {total}",
}

# Index: cities
CITIES_TITLE = "Where each city stands"
CITIES_INTRO = (
    "Cities are in alphabetical order. The large number is the change in the main measure, in its own "
    "units. The line shows the likely range: to the right is better, the dashed mark is the smallest "
    "gain the city said would be worth the cost."
)
LIKELY, TO = "likely range", "to"
ANALYSES_OF = "Analyses of {city}"
NOTEBOOKS = {"baseline": "Baseline", "monitoring": "Monitoring", "impact": "Impact"}
STEP_STATES = {
    "done": "",
    "late": "data late",
    "blinded": "blinded",
    "failed": "run failed",
    "unreadable": "not readable",
    "missing": "not yet",
}
NO_RESULT = {
    "missing": "No impact result has been released yet.",
    "blinded": "Results stay hidden until the data are complete and the plan is locked ({lock}), so that nobody can steer them.",
    "failed": "The last impact run did not finish. Nothing is shown from it.",
    "unreadable": "The released impact record could not be read. Nothing is shown from it.",
    "hidden": "The main result rests on too few people to be shown.",
    "unknown": "The main result could not be worked out: {reason}",
}
ENDLESS = "its likely range has no end."
NOTHING = "This city has released no results yet."
LATE = "Monitoring data are late: the newest are from {date}."

# Decisions: what the rule says (pilots.md 0.3), its word, and the sign that goes with the word
DECISIONS = {
    "SCALE firm": ("Expand", "ok"),
    "SCALE staged": ("Expand in steps", "ok"),
    "ADAPT": ("Adapt", "half"),
    "STOP": ("Stop", "off"),
    "STOP harm": ("Stop: did worse", "off"),
    "KEEP LEARNING": ("Keep learning", "near"),
}
WAITING = {
    "missing": "No result yet",
    "blinded": "Blinded",
    "failed": "Run failed",
    "unreadable": "Not readable",
    "hidden": "Too few people",
    "unknown": "Not known",
    "none": "No decision",
}

# Sentence bank (pilots.md 5.3). {effect} is like "7.5 points higher".
WITH_WITHOUT = "about {p1} in 100 with the program, {p0} in 100 without it"
WITH = "{effect} with the program than without it"
RANGE_ONE_WAY = "between {low} and {high} {way}"
RANGE_TWO_WAYS = "between {low} {way_low} and {high} {way_high}"
BANK = {
    "SCALE firm": "The program improved this measure: {levels}. Even the low end of the likely range ({low}) is "
    "above the {m} the city set as worthwhile.",
    "SCALE staged": "The program improved this measure: {levels}. The best estimate is above the {m} the city set "
    "as worthwhile, but effects as small as {low} are also compatible. Expand in steps and keep "
    "measuring.",
    "ADAPT": "The program works, but the gain ({best}; {range}) is smaller than the {m} the city said would be worth the cost.",
    "STOP": "The data rule out a gain as large as {m} (the most favorable likely value is {high}). Other benefits "
    "may exist, but not on the measure chosen in advance.",
    "STOP harm": "People in the program did worse on this measure: {levels}. The whole likely range, {range}, lies "
    "on the worse side.",
    "KEEP LEARNING": "We cannot tell yet. The likely range, {range}, includes no effect and includes a worthwhile "
    "one. This is not evidence of no effect.",
    "guarded": "The estimate is {best} ({range}), but a safeguard of the plan holds the decision back ({reason}).",
    "no rule": "The estimate is {best} ({range}). No rule was applied to it.",
}
EXAGGERATION = " At this sample size, clear results tend to overstate the true effect by about {ratio} times."
VERDICTS = {"better": "Better", "worse": "Worse", "unclear": "Cannot tell", "too small": "No worthwhile gain"}
HIGHER, LOWER, NO_CHANGE = "higher", "lower", "no change"

# How people were compared, by design (pilots.md 1)
DESIGNS = {
    "rct_individual": "People were assigned by lottery: some were offered the program, the others got usual services.",
    "rct_cluster": "Whole groups, such as classrooms, were assigned by lottery to the program or to usual practice.",
    "did_staggered": "Places started one after another. Changes in places that had started are compared with changes "
    "in places that had not.",
    "iv_encouragement": "A lottery decided who was invited. The effect is for people who took part because of the invitation.",
    "rct_blocked_lottery": "There were more applicants than places, so a lottery at each site decided who got one.",
    "panel_did": "Changes in the pilot areas are compared with changes in similar areas over the same months.",
    "observational_aipw": "People chose the program themselves. They are compared with similar people who did not; "
    "differences nobody measured may remain.",
    "rd": "People just inside the limit for the program are compared with people just outside it.",
    "rct_multiarm": "People were assigned by lottery to one of several programs or to usual services.",
    "synthetic_control": "The pilot's place is compared with a mix of other places that moved as it did before the start.",
    "interrupted_time_series": "The months since the start are compared with where the months before were heading. No "
    "other place is compared.",
    "time_to_event": "How soon something happened is compared between people with the program and people without it.",
    "descriptive": "There is no comparison group: the numbers describe, they do not show what the program caused.",
}

# Measures
MEASURES_TITLE = "Short-term measures, city by city"
MEASURES_INTRO = (
    "The latest value of each measure that a city follows every month. Measures are defined city by city and are not averaged."
)
MEASURES_NONE = "No city has released monitoring results yet."
MEASURE_COLUMNS = ("Measure", "Latest", "Change", "Against target")
TARGET = "target {target}"
CHANGE_KEY, TARGET_KEY = "Change over time", "Against target"
VARIATION = {
    "improvement": ("Improving", "ok", "beyond normal month-to-month variation"),
    "concern": ("Concern", "off", "worse beyond normal month-to-month variation"),
    "common_cause": ("Steady", "near", "normal month-to-month variation"),
    "not_assessed": ("Too early", "wait", "not enough months to tell"),
}
ASSURANCE = {
    "reliably_meets": ("Meets", "ok", "the target lies outside the normal range, on the good side"),
    "reliably_misses": ("Misses", "off", "the target lies outside the normal range, on the bad side"),
    "hit_and_miss": ("Hit and miss", "near", "the target lies inside the normal range"),
    "not_assessed": ("Too early", "wait", "not enough months to tell"),
}
TARGETS = {"increase": "{target} or more", "decrease": "{target} or less"}
PLACEHOLDER = "Targets marked with an asterisk are placeholders until the city sets its own."
HIDDEN, NO_VALUE = "hidden", "no value"
HIDDEN_WHY = "Hidden: fewer than 11 people, or a number from which fewer than 11 could be worked out."

# Effects
EFFECTS_TITLE = "The main result of each city, side by side"
EFFECTS_INTRO = (
    "Main measures differ from city to city, so the drawing puts them on one common scale (standard "
    "deviations, right is better). The column beside it gives each result in its own units."
)
EFFECT_COLUMNS = ("City and main measure", "Comparison did better", "Program did better", "Common scale", "In its own units")
DOMAINS = {"employment": "Employment", "education": "Education", "housing": "Housing", "savings": "Savings", "": "Other"}
HOW_TO_READ = [
    (
        "How to read this",
        "The square is the best estimate, the line its likely range. A filled square means the "
        "whole range lies on one side of zero; a hollow one means we cannot rule out no difference.",
    ),
    (
        "Why there is no average",
        "The cities measured different things in different ways. An average over them would "
        "describe no program that exists, so none is given, and cities are not ranked.",
    ),
    ("What chance alone would do", "{chance}"),
]
CHANCE = (
    "If the programs did nothing at all, at least one result would still come out as “expand” about {chance} times "
    "in 100 (main comparisons: {contrasts}). One such result among many is weak evidence."
)
CHANCE_NONE = "With no results yet, there is nothing that chance could have made."
LEVEL_NOTE = "Likely ranges are {levels} intervals."
LEVEL_SEVERAL = " Where a city tested several programs at once, its ranges are wider, so that they hold together."

# Lessons
LESSONS_TITLE = "What the cities would tell the next one"
LESSONS_NONE = "No city has released lessons yet."
LESSONS_CITY = "What the city would tell the next one"
LESSON_TYPES = {
    "implementation": "Running the program",
    "recruitment": "Reaching people",
    "data": "Data",
    "partnership": "Partners",
    "equity": "Equity",
    "measurement": "Measuring",
    "cost": "Cost",
    "covid": "COVID-19",
}
SEEN_IN, BACKED_BY, CONFIDENCE = "Seen in", "Backed by", "Confidence"
STAFF = "what staff saw"
NUMBERED = "a number in the record ({evidence})"
CONFIDENCES = {"high": "high: data in the record", "medium": "medium: several observations", "low": "low: one view"}

# How it was made
HOW_TITLE = "How these numbers were made"
HOW = [
    "Every city runs the same three notebooks: baseline, monitoring and impact. This site is built from the records "
    "those notebooks released, and prints no number that is not in them.",
    "The main measure, the smallest gain worth the cost and the decision rule were written into each city's plan. "
    "The rule recommends; people decide.",
    "No count from 1 to 10 is shown, and no share that rests on so few people. Counts are rounded to the nearest "
    "5 and may not add up.",
]
METHODS_LINK = "Methods and definitions"
FILES_TITLE = "Look closer"
FILES_CITY = "{city}: results in full"

# City page
QUESTION = "What does the evidence say?"
DECISION_TITLE = "What the rule in the plan says"
RULE_LINE = "Rule {rule}: {reason}"
RULE_LETTERS = {
    "b": "best estimate",
    "L": "least favorable likely value",
    "U": "most favorable likely value",
    "m": "smallest gain worth the cost",
    "0": "no difference",
}
GUARDRAILS = "Safeguards that changed the result: {list}."
CITY_DECISION = "The city's own decision: {decision}."
NO_CITY_DECISION = "The city has not recorded its own decision yet."
EFFECT_TITLE = "What was the effect?"
ARRAY_ALT = "Of every 100, {p1} with the program and {p0} without it: {label}."
ARRAY_KEYS = {
    "both": "{n} of 100 either way",
    "more": "{n} more with the program",
    "fewer": "{n} fewer with the program",
    "same": "no difference in whole numbers",
    "rest": "all others",
}
COMPARED = "{treated}, compared with {comparison}"
ANALYSED = "Analyzed: {treated} {n1}, {comparison} {n0} ({units}{rounded})."
ROUNDED = ", rounded"
RATIO_BASE = "Expected without the program: {level}."
CITY_MEASURES_TITLE = "Short-term measures"
CITY_MEASURES_INTRO = "The solid line is the measure, the dashed line its target. Each drawing has its own scale."
SERIES_ALT = "Line from {first} in {start} to {last} in {end}; target {target}. {variation}."
NO_TARGET = "none"
SERIES_NONE = "The latest value of each measure. Earlier months have not been released."
SHOW_NUMBERS = "Show the numbers"
MONTH, VALUE = "Month", "Value"
GROUPS_TITLE = "Who is reached, and for whom did it work?"
GROUPS_INTRO = "Groups are compared with care: small groups are hidden, and with many groups some differ by chance."
GROUP_COLUMNS = ("Group", "Effect and likely range")
GROUP_EFFECTS = "Effect by {dim}"
REACH = "Measures by {dim}, latest month with data"
# Groups of the data model (pilots.md 2.2) and ways of grouping that are not plain words already; city.yml wins.
GROUPS = {
    "black_nh": "Black", "white_nh": "White", "hispanic": "Hispanic or Latino", "asian_nh": "Asian",
    "aian_nh": "American Indian or Alaska Native", "nhpi_nh": "Native Hawaiian or Pacific Islander",
    "mena": "Middle Eastern or North African", "multi_other_nh": "Several or other", "female": "Women and girls",
    "male": "Men and boys", "nonbinary_other": "Nonbinary or other", "single_adult_children": "One adult with children",
    "two_plus_adults_children": "Two or more adults with children",
    "single_adult_no_children": "One adult, no children",
    "two_plus_adults_no_children": "Two or more adults, no children",
}
DIMS = {"race_ethnicity": "race and ethnicity", "opportunity_tercile": "neighborhood opportunity"}
OTHER_TITLE = "Other outcomes"
OTHER_INTRO = "These were measured too. They do not change the decision."
OTHER_COLUMNS = ("Outcome", "Effect and likely range", "Reading")
STATUS_TITLE = "Data, plan and trust"
STATUS = {
    "mode": "Data",
    "as_of": "Data up to",
    "plan": "Plan",
    "deviations": "Changes to the plan",
    "rating": "Strength of the design",
    "tier": "Tier (the initiative’s own label)",
    "robust": "Other reasonable analyses",
    "audit": "Privacy audit",
    "hidden": "Cells hidden for privacy",
    "cost": "Cost",
}
MODES = {"synthetic": "synthetic stand-in data, not this city’s", "city": "the city’s own data"}
PLANS = {
    "prospective": "locked on {date}, before the first outcome",
    "before_unblinding": "locked on {date}, before results were unblinded",
    "retrospective": "locked on {date}, after results could be seen",
    "none": "no locked plan",
}
DEVIATIONS = "{all} in all, {primary} to the main analysis"
ROBUST = "{n} analyses; {share}% lead to the same decision"
AUDITED = "passed"
COST = "about {each} a participant, {total} in all ({quality})"
COST_TOTAL = "{total} in all ({quality})"
COST_QUALITY = {"actual": "actual", "estimate": "estimate", "placeholder": "placeholder, not a real amount"}
FLAGS_TITLE = "Warnings to read with these results"
FLAGS_NONE = "The checks raised no warnings."
SEVERITY = {
    "block": ("Stops a decision", "off"),
    "serious": ("Serious", "off"),
    "warn": ("Note", "near"),
    "info": ("For information", "wait"),
}
PAGES_TITLE = "The three analyses in full"
ABOUT = {"population": "Who", "activities": "What was done", "primary": "Main measure", "design": "Compared how"}

# Notebook page
CONTENTS = "On this page"
NOTEBOOK_TITLE = "{notebook}: {city}"

# Methods page
METHODS_TITLE = "How to read this site, and how it was made"
METHODS_INTRO = "Short definitions of every word and sign on these pages."
METHODS = [
    (
        "The decision rule",
        [
            "b is the best estimate of the gain in the main measure, L and U are the ends of its likely range (all turned "
            "so that higher is better), and m is the smallest gain the city said in its plan would be worth the cost.",
            "Expand: L is above zero and b is at least m; “in steps” when L is below m. Adapt: L is above zero but b is "
            "below m. Stop: L is not above zero and U is below m. Keep learning: the range includes no effect and a "
            "worthwhile one.",
            "Safeguards (harm to a group, cost above the ceiling, serious warnings, no locked plan) can only make the "
            "result more careful. The rule recommends; people decide.",
        ],
    ),
    (
        "Likely range",
        [
            "A 95% interval. If the same study could be repeated many times, about 95 in 100 such ranges would hold the "
            "true effect. Cities that tested several programs use wider ranges."
        ],
    ),
    (
        "The common scale",
        [
            "Differences are divided by the spread of the measure (Hedges g); shares use ln(odds ratio) / 1.65 (Cox index), "
            "rates ln(rate ratio) / 1.65. Higher is better. It lets results stand side by side; it does not make "
            "different measures the same.",
            "No average over cities is given. Averages need at least three cities with the same kind of main measure and "
            "the same kind of comparison, and even then say little about a further city.",
        ],
    ),
    (
        "Chance",
        [
            "Each design points to expanding in 1 to 4 of 100 pilots whose program does nothing (found by simulation). "
            "With several main comparisons the chance of at least one is larger; the first page says how large."
        ],
    ),
    (
        "Measures over time",
        [
            "A change counts when a month lies outside the limits, 7 months in a row lie on one side of the center or rise "
            "or fall, or 2 of 3 months are far from the center. Limits come from the first 12 usable months. Months "
            "disturbed by COVID-19 are drawn but not used for limits."
        ],
    ),
    (
        "Privacy",
        [
            "The site reads only what cities released. Counts of 1 to 10 people, shares on fewer than 11 people, and "
            "numbers from which such a count follows are hidden; counts are rounded to 5, effects to two digits of their "
            "standard error. Before anything leaves a city, an audit works out what could be learned of every hidden count "
            "from all its pages together; what does not pass is not released."
        ],
    ),
]
