"""Bring what changed in the template into a city, and never lose or hide what the city changed.

Three versions are put together: the city as the template made it (from the answers in its record), the city as it is,
and the city as the newest version of the template would make it. All of that happens in memory; the city's folder is
written when everything could be put together, the record last. With a conflict the record keeps the old version: the
update is not over, and says so, until no mark is left in a file. docs/decisions/0010 says why it is not `cruft update`.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared_utils import conflicts
from shared_utils.errors import EmiError
from shared_utils.template import notebooks, origin, sweep, vendoring
from shared_utils.template.city_merge import Merge, put_together, write
from shared_utils.template.origin import PENDING, RECORD, Template

CLEAN, MERGED, RESOLVED, CURRENT = "clean", "merged", "resolved", "already current"
CONFLICT, EDITED, UNCOMMITTED, DETACHED = "conflict", "edited by hand", "uncommitted changes", "no branch"
HALF_WAY = "stopped half-way"
NO_GIT, NO_RECORD, IMPOSSIBLE = "no git", "no record", "not possible"
GOOD = (CLEAN, MERGED, RESOLVED, CURRENT)
SHOWN = 3
FIRST_COMMIT = ("git add --all", 'git commit -m "As it is"')
DROP = "git restore --staged --worktree ."
_CHOOSE = f"Open each place (emi lab), {conflicts.CHOOSE}."
HALF = "An update was cut off while it wrote: some files are new and some old."
# What git does not know there is of the update: an update begins only where nothing else was added.
_BACK = (DROP, f'git clean -d --force --quiet -- {vendoring.PACKAGE} {origin.UNDER_WAY} "*.part"')


class Unfinished(EmiError):
    """An update or a merge that waits for a person."""


@dataclass(frozen=True)
class Outcome:
    """How an update of one city ended. `what` are sentences or places.

    `fix` says what to do, "" when nothing: sentences, then commands on lines of their own that begin with four spaces.
    `numbers` are the lines of the template's change log about numbers between the city's version and the new one.
    """

    city: Path
    state: str
    what: tuple[str, ...] = ()
    fix: str = ""
    numbers: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """True when there is nothing to do for this city but to commit it."""
        return self.state in GOOD


def update(template: Template, city_dir: Path, dry_run: bool = False) -> Outcome:
    """Update one city to the version the template offers; with `dry_run` only say how it would end."""
    record = origin.record_of(city_dir)
    try:
        if refused := _refusal(template, city_dir, record):
            return refused
        if PENDING in record:
            return _resolve(city_dir, record, dry_run)
        if left := _two_texts(city_dir):  # of a merge of branches, or of cruft's own update
            return Outcome(city_dir, CONFLICT, _shortened(left), f"{_CHOOSE} Then:")
        if vendoring.check(city_dir):
            return _edited(city_dir)
        if record["commit"] == template.commit:
            return Outcome(city_dir, CURRENT)
        return _bring(template, city_dir, record, dry_run)
    except EmiError as error:
        return Outcome(city_dir, IMPOSSIBLE, (error.message,), error.hint)


def _refusal(template: Template, city_dir: Path, record: dict | None) -> Outcome | None:
    """Without git nothing could be undone; without a record nobody knows what the city changed."""
    if not sweep.has_git(city_dir) or not sweep.git(city_dir, "ls-files", "--", "city.yml"):
        why = "Its files are not in a git repository, so an update could not be undone."
        return Outcome(city_dir, NO_GIT, (why,), _typed("git init", *FIRST_COMMIT))
    if not sweep.asked(city_dir, "rev-parse", "--verify", "--quiet", "HEAD"):
        return Outcome(city_dir, NO_GIT, ("Nothing is committed yet.",), _typed(*FIRST_COMMIT))
    if record is None:
        why = f"It has no {RECORD}, so nobody can say what the city changed and what the template did."
        return Outcome(city_dir, NO_RECORD, (why,), _how_to_link(template, city_dir))
    if (city_dir / origin.UNDER_WAY).exists():
        return Outcome(city_dir, HALF_WAY, (HALF,), _typed(*_BACK))
    return None


def _how_to_link(template: Template, city_dir: Path) -> str:
    """A city made by the program cookiecutter has no record; its shared code tells the version."""
    commit = template.version_of(city_dir / vendoring.PACKAGE)
    if not commit:
        return (
            "Its shared code is that of no version of this template. Make a new city from the same answers, and bring "
            "over city.yml, mappings/, plan/, city_code/, lessons.yaml, actions.yaml and your notebooks."
        )
    link = f"cruft link {template.folder.resolve()} --checkout {commit}"
    commit_it = 'git commit -m "Where it comes from"'
    return "Give the answers it was made from. " + _typed(link, f"git add {RECORD}", commit_it)


def _edited(city_dir: Path) -> Outcome:
    """The shared code is replaced whole, so a change in it would be lost; it may be committed, and is then in git."""
    found = vendoring.check(city_dir)
    what = tuple(sentence.split(". ")[0] for sentence in found)
    advice = "Move your change to city_code/, or ask for it in the template. "
    if (city_dir / vendoring.PACKAGE / vendoring.MANIFEST).is_file():
        return Outcome(city_dir, EDITED, _shortened(what), advice + _typed(*_restoring(city_dir)))
    return Outcome(city_dir, EDITED, what, _typed(f"git checkout HEAD -- {vendoring.PACKAGE}"))


def _restoring(city_dir: Path) -> list[str]:
    """The git commands that bring the shared code back as it was copied."""
    known, package = vendoring.manifest(city_dir)["files"], vendoring.PACKAGE
    tracked = sweep.asked(city_dir, "ls-files", "-z", "--", package).split("\0")
    commands, committed = {}, False
    for name, kind in vendoring.differences(city_dir).items():
        path = f"{package}/{name}"
        if kind == "added":
            where = "rm --force" if path in tracked else "clean --force --quiet --"
        else:
            where = f"checkout {_last_intact(city_dir, path, known[name])} --"
        commands.setdefault(where, []).append(path)
        committed |= _sha256_at("HEAD", city_dir, path) != known.get(name, "")
    commit = ['git commit --all -m "Shared code as it was copied"'] if committed else []
    return [*(f"git {where} {' '.join(paths)}" for where, paths in commands.items()), *commit]


def _last_intact(city_dir: Path, path: str, sha256: str) -> str:
    """The newest commit that holds a file as it was copied."""
    commits = sweep.asked(city_dir, "log", "--format=%h", "--", path).splitlines()
    return next((commit for commit in commits if _sha256_at(commit, city_dir, path) == sha256), "HEAD")


def _sha256_at(commit: str, city_dir: Path, path: str) -> str:
    """The hash of a file as a commit holds it, "" when it holds none."""
    shown = subprocess.run(["git", "show", f"{commit}:./{path}"], cwd=city_dir, capture_output=True)
    return "" if shown.returncode else vendoring.sha256(shown.stdout)


def _bring(template: Template, city_dir: Path, record: dict, dry_run: bool) -> Outcome:
    if not sweep.asked(city_dir, "symbolic-ref", "--quiet", "HEAD"):
        why = "No branch is checked out (detached HEAD): what is committed now would be on none."
        return Outcome(city_dir, DETACHED, (why,), "NAME is your branch, mostly main. " + _typed("git switch NAME"))
    if changed := sweep.asked(city_dir, "status", "--porcelain", "--untracked-files=no", "--", ".").splitlines():
        fix = f"Commit them, or drop them ({DROP}). " + _typed('git commit --all -m "What was done"')
        return Outcome(city_dir, UNCOMMITTED, _shortened([line.split(maxsplit=1)[1] for line in changed]), fix)
    merge = put_together(template, city_dir, record)
    if not merge.files and not merge.conflicts:
        return Outcome(city_dir, CURRENT, ("nothing in it comes from what changed in the template",))
    if in_the_way := _untracked(city_dir, merge.files):
        what = _shortened([f"{name} is new in the template too" for name in in_the_way])
        return Outcome(city_dir, UNCOMMITTED, what, "Move or commit yours.")
    if not dry_run:
        newer = _moved(record, template.commit)
        write(city_dir, merge.files, {**record, PENDING: template.commit} if merge.conflicts else newer)
    numbers = tuple(numbers_that_change(template.tree(record["commit"]), template.tree(template.commit)))
    return _told(city_dir, merge, numbers)


def _told(city_dir: Path, merge: Merge, numbers: tuple[str, ...]) -> Outcome:
    if merge.conflicts:
        return Outcome(city_dir, CONFLICT, (*merge.conflicts, *merge.notes), _how_to_resolve(city_dir), numbers)
    changed = len(merge.files)
    what = [f"{changed} file{'s' * (changed != 1)} from the template"]
    what += [f"your changes kept in {', '.join(merge.both)}"] if merge.both else []
    what += ["the packages changed: python bootstrap.py setup"] if "requirements.txt" in merge.files else []
    state = MERGED if merge.both or merge.notes else CLEAN
    return Outcome(city_dir, state, (*what, *merge.notes), "", numbers)


def _resolve(city_dir: Path, record: dict, dry_run: bool) -> Outcome:
    """End an update that had conflicts, when none is left."""
    if left := _two_texts(city_dir):
        return Outcome(city_dir, CONFLICT, tuple(left), _how_to_resolve(city_dir))
    for path in sorted((city_dir / "notebooks").glob("*.ipynb")):
        notebooks.parse(path.read_bytes(), path.relative_to(city_dir).as_posix())
    if not dry_run:
        origin.write_record(city_dir, _moved(record, record[PENDING]))
    return Outcome(city_dir, RESOLVED, ("no mark is left",))


def _two_texts(city_dir: Path) -> list[str]:
    """Where two texts still stand in what git has of a city; without git nothing was merged."""
    listed = sweep.asked(city_dir, "ls-files", "-z", "--", ".").split("\0") if sweep.has_git(city_dir) else []
    names = [name for name in listed if sweep.is_looked_into(name) and (city_dir / name).is_file()]
    files = {name: (city_dir / name).read_bytes() for name in names}
    return [f"{name}, {place}" for name, content in files.items() for place in conflicts.places(content, name)]


def check_whole(city_dir: Path) -> None:
    """Raise Unfinished where files of a city are half of an update or of a merge: no result may come of them."""
    if (city_dir / origin.UNDER_WAY).exists():
        raise Unfinished(HALF, _typed(*_BACK, "emi update"))
    if left := _two_texts(city_dir):
        raise Unfinished(f"{'; '.join(_shortened(left))}: {conflicts.WAITS}.", _CHOOSE)


def check_ended(city_dir: Path) -> None:
    """Raise Unfinished as `check_whole` does, where all is chosen but the update was not ended, and for .rej files."""
    check_whole(city_dir)
    others = ("ls-files", "--others", "--exclude-standard", "-z", "--", "*.rej")
    if sweep.has_git(city_dir) and (left := sweep.asked(city_dir, *others).rstrip("\0").split("\0")) != [""]:
        fix = f"Take all of it back ({DROP}), delete {', '.join(left)}, then:  emi update"
        raise Unfinished(f"{left[0]} {conflicts.REJECTED}.", fix)
    if PENDING in (origin.record_of(city_dir) or {}):
        raise Unfinished("An update waits to be ended: no place holds two texts any more.", "Next:  emi update")


def _how_to_resolve(city_dir: Path) -> str:
    return (
        "Each place shows both texts between marks. Open it (emi lab), keep what is right, delete the rest and the "
        "marks, and save; then type the second line. The first line gives the update up instead:\n"
        f'    git -C "{city_dir}" {DROP[4:]}'
    )


def _typed(*commands: str) -> str:
    return "\n    ".join(["In its folder:", *commands])


def _moved(record: dict, commit: str) -> dict:
    context = {**record["context"], "cookiecutter": {**record["context"]["cookiecutter"], "_commit": commit}}
    rest = {key: value for key, value in record.items() if key != PENDING}
    return {**rest, "commit": commit, "context": context}


def _untracked(city_dir: Path, files: dict[str, bytes | None]) -> list[str]:
    """Files that would be written over and that git could not bring back."""
    there = [name for name, content in files.items() if content is not None and (city_dir / name).exists()]
    tracked = set(sweep.asked(city_dir, "ls-files", "-z", "--", ".").split("\0"))
    return [name for name in there if name not in tracked]


def numbers_that_change(old: Path, new: Path) -> list[str]:
    """Return the entries about numbers that a newer version's CHANGELOG.md has and an older one's has not."""
    before, after = (_entries(tree / "CHANGELOG.md") for tree in (old, new))
    return [entry for entry in after if entry.startswith("Numbers that change:") and entry not in before]


def _entries(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [" ".join(entry.split()) for entry in re.findall(r"^\* (.*(?:\n  .*)*)", text, re.MULTILINE)]


def _shortened(found: Sequence[str]) -> tuple[str, ...]:
    return (*found[:SHOWN], f"and {len(found) - SHOWN} more") if len(found) > SHOWN else tuple(found)
