"""Pseudonyms: the known answer of pilots.md A.9, one person typed several ways, and where the salt lives."""

import os
import stat
import sys

import pytest

from shared_utils.data import pseudonyms
from shared_utils.errors import EmiError

KEY = bytes(31) + b"\x01"


def test_known_answer():
    assert pseudonyms.pseudonym(KEY, "newark", "AB-001234") == "p_m2cqqkgfjdlloofireq2"
    assert pseudonyms.fingerprint(KEY) == "e522b66d"


@pytest.mark.parametrize("typed", ["AB-001234", " ab-001234 ", "Ab-001234\u00a0", "\uff21\uff22-001234"])
def test_normalise_keeps_the_dash(typed):
    assert pseudonyms.normalise(typed) == "AB-001234"


def test_variants_in_case_spaces_and_dashes_are_one_person():
    forms, clashes = pseudonyms.canonical(["AB001234", "ab 001234", "AB-001234", "AB - 001234", "XY-9"])
    assert clashes == []
    assert len({forms[raw] for raw in ("AB001234", "ab 001234", "AB-001234", "AB - 001234")}) == 1
    assert forms["XY-9"] == "XY-9"


def test_ids_that_could_be_two_people_are_a_clash():
    assert pseudonyms.canonical(["1-23", "12-3"])[1] == [["1-23", "12-3"]]


def test_kinds_and_cities_never_share_a_pseudonym():
    made = {pseudonyms.pseudonym(KEY, city, "1", kind) for city in ("newark", "tulsa")
            for kind in ("participant", "unit", "service")}
    assert len(made) == 6


def test_salt_is_made_once_and_only_the_owner_can_read_it(tmp_path, monkeypatch):
    monkeypatch.delenv("EMI_SALT_X", raising=False)
    salt = pseudonyms.city_salt(tmp_path / "crosswalk", "EMI_SALT_X")
    assert len(salt) == 32 and salt == pseudonyms.city_salt(tmp_path / "crosswalk", "EMI_SALT_X")
    if sys.platform != "win32":
        assert stat.S_IMODE(os.stat(tmp_path / "crosswalk" / ".salt").st_mode) == 0o600


def test_salt_comes_from_the_environment_first(tmp_path, monkeypatch):
    monkeypatch.setenv("EMI_SALT_X", KEY.hex())
    assert pseudonyms.city_salt(tmp_path / "crosswalk", "EMI_SALT_X") == KEY
    assert not (tmp_path / "crosswalk").exists()


@pytest.mark.parametrize("written", ["abc", "zz" * 32, "00" * 31])
def test_a_broken_salt_is_refused_without_being_shown(tmp_path, monkeypatch, written):
    monkeypatch.setenv("EMI_SALT_X", written)
    with pytest.raises(EmiError, match="not 64 hex digits") as refused:
        pseudonyms.city_salt(tmp_path, "EMI_SALT_X")
    assert written not in str(refused.value)


def test_synthetic_salt_is_fixed_by_city_and_seed():
    assert pseudonyms.synthetic_salt("newark", 1) == pseudonyms.synthetic_salt("newark", 1)
    assert len({pseudonyms.synthetic_salt(c, s) for c in ("newark", "tulsa") for s in (1, 2)}) == 4
