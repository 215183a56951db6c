"""Pseudonyms: the known answers of pilots.md A.9, one person typed several ways, and a salt that never shows."""

import base64
import logging
import os
import pickle
import random
import stat
import sys
import traceback

import pytest
from intake_city import SERVICES, SETTINGS, TRACKER, City

from shared_utils.data import identities, pseudonyms, rows, salt, store
from shared_utils.data.pseudonyms import Salt
from shared_utils.errors import EmiError

KEY = bytes(31) + b"\x01"
NEWARK = Salt(KEY)
SECRET = bytes(range(200, 232))


@pytest.fixture
def city(tmp_path, monkeypatch) -> City:
    """A city with SECRET as its salt file."""
    monkeypatch.delenv("EMI_SALT_TESTVILLE", raising=False)
    made = City(tmp_path / "city")
    (made.root / "crosswalk").mkdir()
    (made.root / "crosswalk" / ".salt").write_text(SECRET.hex(), encoding="utf-8")
    return made


# ---------------------------------------------------------------- who becomes what


def test_known_answers():
    assert pseudonyms.pseudonym(NEWARK, "newark", "AB-001234") == "p_m2cqqkgfjdlloofireq2"
    assert NEWARK.fingerprint == "e522b66d"
    several = pseudonyms.pseudonyms(NEWARK, "newark", ["1", "AB-001234", "2"])
    assert several[1] == "p_m2cqqkgfjdlloofireq2" and len(set(several)) == 3
    assert pseudonyms.pseudonyms(NEWARK, "newark", []) == []


def test_known_answers_come_out_of_a_whole_intake(tmp_path, monkeypatch):
    monkeypatch.setenv("EMI_SALT_NEWARK", KEY.hex())
    city = City(tmp_path)
    (tmp_path / "city.yml").write_text(SETTINGS.replace("key: testville", "key: newark"), encoding="utf-8")
    city.write("tracker.csv", TRACKER.replace("AB-001,", "AB-001234,"))
    city.write("services.csv", SERVICES.replace("AB-001,", "\uff21\uff22001234,").replace("ab-001,", " ab 001234,"))
    assert city.intake().salt_fingerprint == "e522b66d"
    tables = city.tables()
    assert tables["participants"]["participant_id"][0] == "p_m2cqqkgfjdlloofireq2"
    assert set(tables["services"]["subject_id"][:2]) == {"p_m2cqqkgfjdlloofireq2"}


@pytest.mark.parametrize("typed", [
    "AB-001234", " ab-001234 ", "Ab-001234\u00a0", "\uff21\uff22-001234", "\uff41\uff42\uff0d001234", "AB-001234\t",
])  # fmt: skip
def test_normalise_keeps_the_dash(typed):
    assert pseudonyms.normalise(typed) == "AB-001234"


def test_normalise_collapses_inner_spaces_and_keeps_one():
    assert pseudonyms.normalise(" a \u2003 b\u00a0\n c ") == "A B C"


def test_variants_in_case_spaces_and_dashes_are_one_person():
    typed = ["AB001234", "ab 001234", "AB-001234", "AB - 001234", "AB\u2013001234"]
    forms, clashes = pseudonyms.canonical([*typed, "XY-9"])
    assert clashes == []
    assert len({forms[raw] for raw in typed}) == 1
    assert forms["XY-9"] == "XY-9"


def test_a_careless_entry_in_a_log_gives_nobody_another_pseudonym(city):
    city.intake()
    before = city.tables()["participants"]["participant_id"].tolist()
    city.change("services.csv", "AB 003", "AB - 003").change("services.csv", "ab-001", "AB001").intake()
    assert city.tables()["participants"]["participant_id"].tolist() == before
    assert set(city.tables()["services"]["subject_id"]) <= set(before)


def test_ids_that_could_be_two_people_are_a_clash():
    assert pseudonyms.canonical(["1-23", "12-3"])[1] == [["1-23", "12-3"]]


def test_kinds_and_cities_never_share_a_pseudonym():
    made = {
        pseudonyms.pseudonym(NEWARK, city, "1", kind)
        for city in ("newark", "tulsa")
        for kind in ("participant", "unit", "service")
    }
    assert len(made) == 6


def test_the_order_of_rows_does_not_matter(city):
    city.intake()
    before = (city.root / "crosswalk" / "crosswalk.csv").read_bytes()
    for name, text in (("tracker.csv", TRACKER), ("services.csv", SERVICES)):
        head, *body = text.splitlines()
        random.Random(1).shuffle(body)
        assert body != text.splitlines()[1:]
        city.write(name, "\n".join([head, *body]) + "\n")
    city.intake()
    assert (city.root / "crosswalk" / "crosswalk.csv").read_bytes() == before


# ---------------------------------------------------------------- where the salt lives


def test_salt_is_made_once_and_only_the_owner_can_read_it(tmp_path, monkeypatch):
    monkeypatch.delenv("EMI_SALT_X", raising=False)
    made = salt.city_salt(tmp_path, "EMI_SALT_X")
    assert made.fingerprint == salt.city_salt(tmp_path, "EMI_SALT_X").fingerprint
    assert [path.name for path in tmp_path.iterdir()] == [".salt"]
    if sys.platform != "win32":
        assert stat.S_IMODE(os.stat(tmp_path / ".salt").st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no modes of files")
def test_the_private_files_are_their_owner_s_alone(city):
    (city.root / "crosswalk" / ".salt").chmod(0o644)  # put back from a backup
    city.intake()
    for name in (".salt", "crosswalk.csv"):
        assert stat.S_IMODE(os.stat(city.root / "crosswalk" / name).st_mode) == 0o600


def test_salt_comes_from_the_environment_first(tmp_path, monkeypatch):
    monkeypatch.setenv("EMI_SALT_X", KEY.hex())
    assert salt.city_salt(tmp_path / "crosswalk", "EMI_SALT_X").fingerprint == NEWARK.fingerprint
    assert not (tmp_path / "crosswalk").exists()


@pytest.mark.parametrize("written", ["not-hex", "zz" * 32, "01" * 31, "01" * 33, "\udcff" * 64])
@pytest.mark.parametrize("by_file", [True, False])
def test_a_broken_salt_is_refused_without_being_shown(tmp_path, monkeypatch, written, by_file):
    monkeypatch.delenv("EMI_SALT_X", raising=False)
    if by_file:
        (tmp_path / ".salt").write_bytes(written.encode("utf-8", "surrogateescape"))
    else:
        monkeypatch.setenv("EMI_SALT_X", written)
    with pytest.raises(EmiError, match="not 64 hex digits") as refused:
        salt.city_salt(tmp_path, "EMI_SALT_X")
    place = "data/private/crosswalk/.salt" if by_file else "the environment variable EMI_SALT_X"
    assert place in refused.value.message
    frames = traceback.TracebackException.from_exception(refused.value, capture_locals=True).stack
    assert not any(written in value for frame in frames[1:] for value in frame.locals.values())


def test_a_lost_salt_is_refused_and_none_is_made(city):
    city.intake()
    before = city.linked_bytes()
    (city.root / "crosswalk" / ".salt").unlink()
    with pytest.raises(EmiError, match="DQ112: the salt of Testville is gone") as refused:
        city.intake()
    assert "Put the old salt back (EMI_SALT_TESTVILLE or data/private/crosswalk/.salt)" in refused.value.hint
    assert city.linked_bytes() == before and not (city.root / "crosswalk" / ".salt").exists()


def test_synthetic_salt_is_fixed_by_city_and_seed():
    prints = {pseudonyms.synthetic_salt(city, seed).fingerprint
              for city in ("newark", "tulsa") for seed in (1, 2) for _ in range(2)}  # fmt: skip
    assert len(prints) == 4


# ---------------------------------------------------------------- the salt is shown nowhere


def spellings(key: bytes) -> dict[str, bytes]:
    """The key as bytes, hex, base64, base32 and as Python and JSON write it."""
    text = key.hex().encode()
    written = {"raw": key, "hex": text, "HEX": text.upper(), "repr": repr(key)[2:-1].encode(),
               "base32": base64.b32encode(key)[:48], "list": repr(list(key))[1:-1].encode()}  # fmt: skip
    for skip in range(3):  # base64 of a text that has 0, 1 or 2 bytes before the key
        written[f"base64 {skip}"] = base64.b64encode(key[skip:])[:36]
        written[f"base64 of hex {skip}"] = base64.b64encode(text[skip:])[:36]
    return written | {f"part of {name}": text[8:32] for name, text in written.items()}


def shown(text: bytes) -> list[str]:
    return [name for name, spelling in spellings(SECRET).items() if spelling in text]


def left_behind(city: City) -> bytes:
    salt_file = city.root / "crosswalk" / ".salt"
    return b"".join(path.read_bytes() for path in city.folder.rglob("*") if path.is_file() and path != salt_file)


def test_the_search_finds_a_salt():
    for text in (SECRET, SECRET.hex().encode(), base64.b64encode(b"." + SECRET), repr({"salt": SECRET}).encode()):
        assert shown(b"before " + text + b" after")


def test_no_byte_that_intake_leaves_shows_the_salt(city, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    done = city.intake()
    city.change("tracker.csv", ",34,", ",old,")
    refused = city.problems()
    out, err = capfd.readouterr()
    said = "".join(map(str, [done, done.to_json(), *refused, *map(repr, refused), out, err, caplog.text]))
    assert shown(said.encode()) == []
    assert shown(left_behind(city)) == []


@pytest.mark.parametrize("room, name", [
    (salt, "_make"), (identities, "canonical"), (Salt, "digest"), (rows, "combine"), (store, "commit"), (store, "put"),
], ids=lambda part: getattr(part, "__name__", part))  # fmt: skip
def test_no_traceback_shows_the_salt_wherever_intake_crashes(city, monkeypatch, room, name):
    if name == "_make":
        (city.root / "crosswalk" / ".salt").unlink()
    text = crash(city, monkeypatch, room, name)
    assert "Salt(" in text or name == "_make"  # the frames that hold it are there
    assert shown(text.encode()) == []


def test_no_traceback_shows_a_salt_of_the_environment(city, monkeypatch):
    (city.root / "crosswalk" / ".salt").unlink()
    monkeypatch.setenv("EMI_SALT_TESTVILLE", SECRET.hex())
    text = crash(city, monkeypatch, identities, "pseudonyms")
    assert "Salt(" in text and shown(text.encode()) == []


def crash(city: City, monkeypatch, room, name: str) -> str:
    """Let intake crash where `room` calls `name`; return the traceback with the local variables of every frame."""

    def crashing(*_, **__):
        raise RuntimeError("crashed")

    monkeypatch.setattr(room, name, crashing)
    with pytest.raises(RuntimeError, match="crashed") as error:
        city.intake()
    return "".join(traceback.TracebackException.from_exception(error.value, capture_locals=True).format())


def test_a_salt_cannot_be_pickled_and_shows_its_fingerprint():
    assert repr(NEWARK) == "Salt(e522b66d)" == str(NEWARK)
    with pytest.raises(TypeError):
        pickle.dumps(NEWARK)
