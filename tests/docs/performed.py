"""The documents as a person who follows them performs them: each fenced block is done, in order, in one folder.

What a block asks for stands after its language (README and GitHub show the language only):

    sh                  commands, one a line                 sh exit=1          ... which end so (0|1: either)
    sh not-run="why"    not performed here, and why          text               words of what was last printed
    text in=FILE        words of a file                      LANG file=FILE     the file's new content
    diff file=FILE      lines taken out (-) and put in (+)   LANG cell=NB:ID    a new cell above the cell ID
    python              run                                  yaml               settings that are only shown
"""

import html
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
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
    """All blocks of a document, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        asked = {name: value.strip('"') for name, value in _ASKED.findall(match[2])}
        found.append(Block(f"{page.name}, line {line}", match[1], asked, match[3]))
    assert len(found) * 2 == len(re.findall(r"^ *```", text, re.MULTILINE)), (
        f"{page.name} has a block without a language"
    )
    return found


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
    """Somebody in a terminal in `folder`, where `.venv` is active and the shared code is that of the folder."""

    def __init__(self, folder: Path):
        self.root = self.here = folder
        self.said = ""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        plain = {"PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200", "PYTHONUTF8": "1"}
        self.environment = os.environ | plain | _SOMEBODY | {"PATH": path}

    def perform(self, page: Path) -> None:
        """Do everything a document says; AssertionError names the line that does not hold."""
        for block in blocks(page):
            if "not-run" not in block.asked:
                self._perform(block)

    def _perform(self, block: Block) -> None:
        if block.language == "sh":
            for command in block.commands:
                self._type(command, block)
        elif block.language == "text":
            self._compare(block)
        elif block.language == "diff":
            self._change(block)
        elif "cell" in block.asked:
            self._add_cell(block)
        elif "file" in block.asked:
            file = self.here / block.asked["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8", newline="\n")
        elif block.language == "python":
            self._run([sys.executable, "-c", block.text], block)
        else:
            assert block.language == "yaml", f"{block.place}: nobody can perform a block of {block.language}"

    def _type(self, command: str, block: Block) -> None:
        words = shlex.split(command)
        if words[0] == "cd":
            self.here = (self.here / words[1]).resolve()
            assert self.here.is_dir(), f"{block.place}: {command}"
        else:
            self._run([shutil.which(words[0], path=self.environment["PATH"]) or words[0], *words[1:]], block)

    def _run(self, words: list[str], block: Block) -> None:
        done = subprocess.run(words, cwd=self.here, env=self.environment, capture_output=True, encoding="utf-8")
        self.said = done.stdout + done.stderr
        wanted = block.asked.get("exit", "0").split("|")
        assert str(done.returncode) in wanted, f"{block.place}: {words[1:]} ended {done.returncode}\n{self.said}"

    def _compare(self, block: Block) -> None:
        """Each line of the block must stand in what was said, whatever spaces, line breaks and tags are between."""
        shown = self.said
        if "in" in block.asked:
            shown = html.unescape(re.sub(r"<[^>]+>", "", (self.here / block.asked["in"]).read_text(encoding="utf-8")))
        for line in block.text.splitlines():
            assert _squeezed(line) in _squeezed(shown), f"{block.place}: nobody said: {line}\n{shown[-3000:]}"

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


def _squeezed(text: str) -> str:
    return " ".join(text.split())
