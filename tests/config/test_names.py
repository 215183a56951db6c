"""The names every reader shares, and that reading them needs the standard library alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared_utils import config
from shared_utils.config import names
from shared_utils.errors import EmiError

ROOT = Path(__file__).resolve().parents[2]


def test_names_need_only_the_standard_library():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from shared_utils.config.names import PRESETS, preset_path, starter_path\n"
        "from shared_utils.config import STATES\n"
        "assert preset_path(PRESETS[0]).exists() and starter_path('rd').exists() and len(STATES) == 52"
    )
    # -S: no site-packages, -I: nothing from the environment either.
    subprocess.run([sys.executable, "-S", "-I", "-c", code], check=True)


def test_lists_are_complete():
    assert len(config.PRESETS) == 9 and len(config.DESIGN_TYPES) == 13 and len(config.DOMAINS) == 4
    assert {p.stem for p in (names.HERE / "presets").glob("*.yml")} == set(config.PRESETS)
    assert {p.stem for p in (names.HERE / "starters").glob("*.yml")} == set(config.DESIGN_TYPES)


def test_fips_codes_are_two_digits_and_unique():
    codes = list(names.STATE_FIPS.values())
    assert all(len(code) == 2 and code.isdigit() for code in codes) and len(set(codes)) == 52
    assert (names.STATE_FIPS["CT"], names.STATE_FIPS["PR"], names.STATES["DC"]) == ("09", "72", "District of Columbia")


@pytest.mark.parametrize(
    "ask, name, near",
    [(config.preset_path, "newarc", "newark"), (config.starter_path, "rct_indivdual", "rct_individual")],
)
def test_unknown_names_are_refused(ask, name, near):
    with pytest.raises(EmiError, match=f"'{name}' is not a .*Did you mean '{near}'"):
        ask(name)


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError):
        config.load_town  # noqa: B018
