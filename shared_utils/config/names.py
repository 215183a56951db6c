"""Names declared once: cities, design types, domains, states.

Standard library only: the template's hooks read this file where nothing but cookiecutter is installed.
"""

from pathlib import Path

from shared_utils.errors import EmiError, nearest

HERE = Path(__file__).resolve().parent

# Order of table 1.0; a city's place in it seeds its synthetic data, so never reorder.
PRESETS = ("cincinnati", "dayton", "detroit", "lansing", "neworleans", "newark", "racine", "rochester", "tulsa")

DESIGN_TYPES = (
    "rct_individual",
    "rct_cluster",
    "did_staggered",
    "iv_encouragement",
    "rct_blocked_lottery",
    "panel_did",
    "observational_aipw",
    "rd",
    "rct_multiarm",
    "synthetic_control",
    "interrupted_time_series",
    "time_to_event",
    "descriptive",
)
PERIODS = ("day", "week", "month", "quarter", "year")
# One row a place and period; people elsewhere, but for the one row a period of an interrupted time series.
PANEL_TYPES = ("did_staggered", "panel_did", "synthetic_control")

DOMAINS = ("employment", "education", "housing", "savings")

# Postal code -> (name, FIPS code). The 50 states, the District of Columbia and Puerto Rico.
_STATES = {
    "AL": ("Alabama", "01"),
    "AK": ("Alaska", "02"),
    "AZ": ("Arizona", "04"),
    "AR": ("Arkansas", "05"),
    "CA": ("California", "06"),
    "CO": ("Colorado", "08"),
    "CT": ("Connecticut", "09"),
    "DE": ("Delaware", "10"),
    "DC": ("District of Columbia", "11"),
    "FL": ("Florida", "12"),
    "GA": ("Georgia", "13"),
    "HI": ("Hawaii", "15"),
    "ID": ("Idaho", "16"),
    "IL": ("Illinois", "17"),
    "IN": ("Indiana", "18"),
    "IA": ("Iowa", "19"),
    "KS": ("Kansas", "20"),
    "KY": ("Kentucky", "21"),
    "LA": ("Louisiana", "22"),
    "ME": ("Maine", "23"),
    "MD": ("Maryland", "24"),
    "MA": ("Massachusetts", "25"),
    "MI": ("Michigan", "26"),
    "MN": ("Minnesota", "27"),
    "MS": ("Mississippi", "28"),
    "MO": ("Missouri", "29"),
    "MT": ("Montana", "30"),
    "NE": ("Nebraska", "31"),
    "NV": ("Nevada", "32"),
    "NH": ("New Hampshire", "33"),
    "NJ": ("New Jersey", "34"),
    "NM": ("New Mexico", "35"),
    "NY": ("New York", "36"),
    "NC": ("North Carolina", "37"),
    "ND": ("North Dakota", "38"),
    "OH": ("Ohio", "39"),
    "OK": ("Oklahoma", "40"),
    "OR": ("Oregon", "41"),
    "PA": ("Pennsylvania", "42"),
    "RI": ("Rhode Island", "44"),
    "SC": ("South Carolina", "45"),
    "SD": ("South Dakota", "46"),
    "TN": ("Tennessee", "47"),
    "TX": ("Texas", "48"),
    "UT": ("Utah", "49"),
    "VT": ("Vermont", "50"),
    "VA": ("Virginia", "51"),
    "WA": ("Washington", "53"),
    "WV": ("West Virginia", "54"),
    "WI": ("Wisconsin", "55"),
    "WY": ("Wyoming", "56"),
    "PR": ("Puerto Rico", "72"),
}
STATES = {code: name for code, (name, _) in _STATES.items()}
STATE_FIPS = {code: fips for code, (_, fips) in _STATES.items()}


def preset_path(key: str) -> Path:
    """Return the complete city.yml of one of the nine cities (default configuration, synthetic data)."""
    return _known(key, PRESETS, "city preset", "presets")


def starter_path(design_type: str) -> Path:
    """Return the short city.yml for a new city with one analysis file and this design type.

    The file holds the tokens @CITY_KEY@ @CITY_NAME@ @STATE@ @SLUG@ @TITLE@ @DOMAIN@ @START@ @END@, to be
    replaced as text.
    """
    return _known(design_type, DESIGN_TYPES, "design type", "starters")


def _known(name: str, valid: tuple[str, ...], what: str, folder: str) -> Path:
    if name not in valid:
        raise EmiError(f"'{name}' is not a {what}. Allowed: {', '.join(valid)}.{nearest(name, valid)}")
    return HERE / folder / f"{name}.yml"
