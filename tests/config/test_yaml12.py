"""The one YAML reader: scalars of YAML 1.2, line numbers, refusals in plain words."""

import pytest

from shared_utils.config import ConfigError
from shared_utils.config.yaml12 import dotted, line_of, load, scalar


@pytest.fixture
def read(tmp_path):
    def reader(text, name="city.yml"):
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
        return load(path)

    return reader


@pytest.fixture
def refused(read):
    """Read a text that must be refused and return its only problem."""

    def reader(text):
        with pytest.raises(ConfigError) as caught:
            read(text)
        (problem,) = caught.value.problems
        assert problem.file == "city.yml" and str(problem).isascii()
        return problem

    return reader


@pytest.mark.parametrize(
    "written, meant",
    [
        ("NO", "NO"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("Y", "Y"),
        ("061", "061"),
        ("-01", "-01"),
        ("00", "00"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("2019-04-01", "2019-04-01"),
        ("2019-04", "2019-04"),
        ("12:30", "12:30"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", None),
        ("0", 0),
        ("-7", -7),
        ("42", 42),
        ("0.05", 0.05),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.", 1.0),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_of_yaml_12(read, written, meant):
    assert read(f"key: {written}\n")[0] == {"key": meant}
    assert type(scalar(written)) is type(meant)


def test_quotes_keep_text(read):
    assert read('a: "39"\nb: \'true\'\nc: "null"\n')[0] == {"a": "39", "b": "true", "c": "null"}


def test_keys_are_text(read):
    assert read("{1: a, true: b, 061: c}\n")[0] == {"1": "a", "true": "b", "061": "c"}


def test_every_key_and_item_has_its_line(read):
    _, lines = read("# comment\ncity:\n  name: X\nlist:\n  - {id: a,\n     kind: b}\n  - c\n")
    assert lines[("city", "name")] == 3
    assert lines[("list", 0, "kind")] == 6 and lines[("list", 1)] == 7
    assert line_of(lines, ("city", "absent", "deeper")) == 2
    assert line_of(lines, ("absent",)) == 0
    assert dotted(("list", 0, "kind")) == "list[0].kind"


def test_byte_order_mark_and_windows_lines(read):
    assert read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")[0] == {"a": 1, "b": 2}


def test_empty_file_is_nothing(read):
    assert read("# only a comment\n") == (None, {})


def test_anchor_and_alias_are_copied(read):
    assert read("a: &x [1, 2]\nb: *x\n")[0] == {"a": [1, 2], "b": [1, 2]}


def test_duplicate_keys_are_all_named(read):
    with pytest.raises(ConfigError) as caught:
        read("a: 1\nb: {c: 1, c: 2}\na: 2\n")
    assert [(p.line, p.key, p.message.split(" is")[0]) for p in caught.value.problems] == [
        (2, "b.c", "the key 'c'"),
        (3, "a", "the key 'a'"),
    ]
    assert "already on line 1" in caught.value.problems[1].message


def test_alias_bomb_is_refused(refused):
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 12):
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    problem = refused(bomb)
    assert problem.line == 5 and "more than 20,000 values" in problem.message


@pytest.mark.parametrize(
    "text, line, words",
    [
        ("a:\n\tb: 1\n", 2, "starts with a tab. Use spaces"),
        ("a: 1\n\tb: 2\n", 2, "starts with a tab"),
        ("city\n  key: a\n", 1, "colon is missing after the key. Write 'city: '"),
        ("city:\n  key dayton\n  name: D\n", 2, "Write 'key: '"),
        ("a: 1\nb\nc: 2\n", 2, "Write 'b: '"),
        ('a: 1\nb: "open\nc: 2\n', 2, 'never closed. Add "'),
        ('a: "one\nb: "two"\n\nc: "three"\n', 1, 'Add the missing "'),
        ("a:\n  b: \t[\n", 2, "Use spaces"),
        ('a: "Dayton\nb: "OH"\n', 1, 'not closed. Add the missing "'),
        ("a: 'it's'\n", 1, "quote"),
        ('a: "x" y\n', 1, "text after the closing quote"),
        ('path: "C:\\data"\n', 1, "backslash"),
        ("a: [1, 2\nb: 3\n", 1, "'[' on this line is not closed"),
        ("a: {x: 1\nb: 3\n", 1, "'{' on this line is not closed"),
        ("title: Jobs: the pilot\n", 1, "second colon on this line"),
        ("a:\n   b: 1\n  c: 2\n", 3, "indentation does not fit"),
        ("a: 1\n  b: 2\n", 2, "indented under a line that already has a value"),
        ("a: @x\n", 1, "cannot start with @"),
        ("a: %x\n", 1, "cannot start with %"),
        ("a: \x01\n", 1, "control character"),
        ("a: *nope\n", 1, "points to no finished"),
        ("a: &x [*x]\n", 1, "points to no finished"),
        ("a: !!python/object:os.system x\n", 1, "the tag"),
        ("? [a]\n: 1\n", 1, "a key must be plain text"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("[" * 60 + "]" * 60 + "\n", 1, "nested more than 50 deep"),
    ],
    ids=lambda value: value.strip()[:20] if isinstance(value, str) else "",
)
def test_syntax_errors_in_plain_words(refused, text, line, words):
    problem = refused(text)
    assert problem.line == line
    assert words in problem.message


def test_other_encoding_is_named_with_its_line(read):
    with pytest.raises(ConfigError, match=r"city\.yml line 2: a character here is not UTF-8"):
        read(b"a: 1\nname: Espa\xf1ola\n")


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path / "city.yml")


def test_a_file_is_read_again_when_it_has_changed_and_readers_share_nothing(read):
    data, lines = read("a: [1]\n")
    data["a"].append(2)
    lines[("b",)] = 9
    assert read("a: [1]\n") == ({"a": [1]}, {("a",): 1, ("a", 0): 1})
    assert read("a: [3]\n")[0] == {"a": [3]}
