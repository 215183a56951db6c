"""The documents as a person who follows them performs them: each fenced block is done, in order, in one folder.

What a block asks for stands after its language (README and GitHub show the language only):

    sh                  commands, one a line                 sh exit=1          ... which end so (0|1: either)
    sh not-run="why"    not performed here, and why          text               words of what was last printed
    text in=FILE        words of a file                      LANG file=FILE     the file's new content
    diff file=FILE      lines taken out (-) and put in (+)   LANG cell=NB:ID    a new cell above the cell ID
    python              run                                  yaml into=FILE     settings put into those of a city
    sh stays-open=TEXT  a program that goes on while the rest is performed; it says TEXT when it is ready

Every block is one of these, or says why it is not performed: `way` knows no other.
"""

import html
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mistune
import nbformat
from ruamel.yaml import YAML

from shared_utils.config import load_city

ROOT = Path(__file__).resolve().parents[2]
STAND_INS = Path(__file__).with_name("stand_ins")
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ASKED = re.compile(r'([\w-]+)=("[^"]*"|\S+)')


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, what it asks for, and its text."""

    place: str
    language: str
    asked: dict
    text: str

    @property
    def commands(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.strip()] if self.language == "sh" else []


def blocks(page: Path) -> list[Block]:
    """All blocks of a document, in order. AssertionError for one in another form: it would be overlooked."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        asked = {name: value.strip('"') for name, value in _ASKED.findall(match[2])}
        found.append(Block(f"{page.name}, line {line}", match[1], asked, match[3]))
    seen = mistune.create_markdown(renderer=None)(text)
    assert len(found) == sum(_is_code(token) for token in seen), f"{page.name}: a block without fences or a language"
    return found


def _is_code(token: dict) -> int:
    """How many blocks of code a part of a document holds, also deep in a list."""
    return (token["type"] == "block_code") + sum(map(_is_code, token.get("children") or ()))


# Whoever runs the tests need not be known to git.
_SOMEBODY = {f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def copy_of_the_template(folder: Path) -> Path:
    """A clone of this repository with the files as they are now, those too that git does not know yet."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode("utf-8").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "As it is"]):
        subprocess.run(["git", *words], cwd=folder, env=os.environ | _SOMEBODY, check=True)
    return folder


class Session:
    """Somebody in a terminal in `folder`, where `.venv` is active and the shared code is that of the folder.

    `names` are put for words of a command that stand for a name of one's own. Used as a context, its end closes what
    stays open.
    """

    def __init__(self, folder: Path, names: dict[str, str] | None = None):
        self.root = self.here = folder
        self.names, self.open = names or {}, []
        self.said = ""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        plain = {
            "PYTHONPATH": os.pathsep.join([str(folder), str(STAND_INS)]),
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "PYTHONUTF8": "1",
        }
        self.environment = os.environ | plain | _SOMEBODY | {"PATH": path}

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error) -> None:
        for program in reversed(self.open):
            program.terminate()
            program.wait()

    def perform(self, page: Path) -> None:
        """Do everything a document says; AssertionError names the line that does not hold."""
        for block in blocks(page):
            if "not-run" not in block.asked:
                way(block)(self, block)

    def _type(self, block: Block) -> None:
        for command in block.commands:
            for word, own in self.names.items():
                command = command.replace(word, own)
            words = shlex.split(command)
            if words[0] == "cd":
                self.here = (self.here / words[1]).resolve()
                assert self.here.is_dir(), f"{block.place}: {command}"
                continue
            words[0] = shutil.which(words[0], path=self.environment["PATH"]) or words[0]
            if "stays-open" in block.asked:
                self._start(words, block)
            else:
                self._run(words, block)

    def _start(self, words: list[str], block: Block) -> None:
        log = self.root / f"program-{len(self.open)}.log"
        with log.open("wb") as stream:
            self.open.append(subprocess.Popen(words, cwd=self.here, env=self.environment, stdout=stream, stderr=stream))
        ends = time.monotonic() + 180
        while block.asked["stays-open"] not in log.read_text(encoding="utf-8", errors="replace"):
            assert time.monotonic() < ends and self.open[-1].poll() is None, f"{block.place}: {log.read_text('utf-8')}"
            time.sleep(0.2)

    def _run_python(self, block: Block) -> None:
        self._run([sys.executable, "-c", block.text], block)

    def _run(self, words: list[str], block: Block) -> None:
        done = subprocess.run(words, cwd=self.here, env=self.environment, capture_output=True, encoding="utf-8")
        self.said = done.stdout + done.stderr
        wanted = block.asked.get("exit", "0").split("|")
        assert str(done.returncode) in wanted, f"{block.place}: {words[1:]} ended {done.returncode}\n{self.said}"

    def _compare(self, block: Block) -> None:
        """Each line of the block must stand in what was said, whatever spaces, line breaks and tags are between."""
        shown = self.said
        if "in" in block.asked:
            shown = words_of(self.here / block.asked["in"])
        for line in block.text.splitlines():
            assert _squeezed(line) in _squeezed(shown), f"{block.place}: nobody said: {line}\n{shown[-3000:]}"

    def _write(self, block: Block) -> None:
        file = self.here / block.asked["file"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8", newline="\n")

    def _put_in(self, block: Block) -> None:
        """The settings of a block beside those of a file, which must still be those of a city."""
        file = self.here / block.asked["into"]
        settings = YAML()  # keeps what else stands there as it is written
        settings.preserve_quotes, settings.width = True, 1000
        whole = settings.load(file.read_text(encoding="utf-8"))
        _put(settings.load(block.text), whole)
        with file.open("w", encoding="utf-8", newline="\n") as stream:
            settings.dump(whole, stream)
        load_city(file.parent)

    def _change(self, block: Block) -> None:
        file = self.here / block.asked["file"]
        before, lines = file.read_text(encoding="utf-8"), block.text.splitlines()
        old = "\n".join(line[1:] for line in lines if line[:1] != "+")
        new = "\n".join(line[1:] for line in lines if line[:1] != "-")
        assert before.count(old) == 1, f"{block.place}: these lines stand {before.count(old)} times in {file.name}"
        file.write_text(before.replace(old, new), encoding="utf-8", newline="\n")

    def _add_cell(self, block: Block) -> None:
        name, _, above = block.asked["cell"].rpartition(":")
        notebook = nbformat.read(self.here / name, as_version=4)
        make = nbformat.v4.new_code_cell if block.language == "python" else nbformat.v4.new_markdown_cell
        position = [cell.id for cell in notebook.cells].index(above)
        notebook.cells.insert(position, make(block.text.rstrip("\n")))
        nbformat.write(notebook, self.here / name)


def words_of(page: Path) -> str:
    """What a person reads of a file, without the tags of a page."""
    return _squeezed(html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))))


def way(block: Block) -> Callable[[Session, Block], None]:
    """How a block is performed. AssertionError for one that nobody could perform."""
    ways = {"sh": Session._type, "text": Session._compare, "diff": Session._change}
    asked = {"cell": Session._add_cell, "file": Session._write, "into": Session._put_in}
    chosen = ways.get(block.language) or next((asked[name] for name in asked if name in block.asked), None)
    chosen = chosen or {"python": Session._run_python}.get(block.language)
    assert chosen, f"{block.place}: nobody can perform such a block of {block.language}"
    return chosen


def _put(more: dict, settings: dict) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(settings.get(key), dict):
            _put(value, settings[key])
        else:
            settings[key] = value


def _squeezed(text: str) -> str:
    return " ".join(text.split())
