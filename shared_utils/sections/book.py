"""The book: one city's data and settings as a notebook sees them, and the sections it has shown so far."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import shared_utils
from shared_utils import data, results
from shared_utils.disclosure import Rules, cell_errors
from shared_utils.errors import EmiError, nearest
from shared_utils.results import Flag
from shared_utils.results.notebooks import INTERNAL
from shared_utils.sections import banner, plan_lock

BLIND = ("auto", "on", "off")
DRAWS, FAST_DRAWS = 2000, 200


@dataclass
class Book:
    """Everything a section may use. `sections` holds those already computed, by id, in the order shown."""

    notebook: str
    city_dir: Path
    out_dir: Path  # where its record goes
    data: data.CityData
    plan: plan_lock.PlanStatus
    blinded: bool
    why_blinded: str
    parameters: dict
    run_id: str
    started_at: str
    sections: dict = field(default_factory=dict)
    flags: list[Flag] = field(default_factory=list)
    cache: dict = field(default_factory=dict)  # estimates that several sections use

    @property
    def config(self):
        return self.data.config

    @property
    def study(self):
        """The analysis frame with its design; EmiError while nobody has been assigned."""
        if self.data.study is None:
            raise EmiError(
                f"nobody is known to have been assigned by {self.as_of:%Y-%m-%d}",
                "Choose a later day (as_of), or send who was assigned (assignments).",
            )
        return self.data.study

    @property
    def as_of(self) -> date:
        return self.data.as_of

    @property
    def city(self) -> str:
        return self.config.city.name

    @property
    def rules(self) -> Rules:
        return Rules.from_privacy(self.config.privacy)

    @property
    def descriptive(self) -> bool:
        """True when the design compares nothing: its report describes and says nothing about causes."""
        return self.config.design.type == "descriptive"

    @property
    def draws(self) -> int:
        return FAST_DRAWS if self.parameters["fast"] else DRAWS

    @property
    def seed(self) -> int:
        return self.config.data.synthetic_seed

    @property
    def watermark(self) -> str:
        return results.watermark(self.data.mode, self.city)

    @property
    def code_version(self) -> str:
        return shared_utils.__version__

    @property
    def stamp(self) -> str:
        """What every table and figure of this run carries; only the impact notebook has something to hide."""
        hidden = self.blinded and self.notebook == "impact"
        return ". ".join(filter(None, [self.watermark, "BLINDED" if hidden else ""]))

    def all_flags(self) -> list[Flag]:
        """Flags of the data, the plan and every section so far, each once, the gravest first."""
        found = [*self.flags, *(flag for section in self.sections.values() for flag in section.flags)]
        order = ["block", "serious", "warn", "info"]
        return sorted(dict.fromkeys(found), key=lambda f: (order.index(f.severity), f.code, f.scope, f.message))

    def blocks(self, more=()) -> list[str]:
        """Codes of the flags that make a result unusable, among all so far and `more`."""
        found = [*self.all_flags(), *more]
        return list(dict.fromkeys(flag.code for flag in found if flag.severity == "block"))

    def require_sound_data(self) -> None:
        """Stop a section when a check on the data failed so badly that its numbers would mean nothing."""
        blocking = [flag for flag in self.flags if flag.severity == "block" and flag.code.startswith("DQ")]
        if blocking:
            codes = ", ".join(sorted({flag.code for flag in blocking}))
            raise EmiError(f"the data failed {codes}: {blocking[0].message}", "Mend the data files first (see B2).")

    def _ipython_display_(self):
        from IPython.display import publish_display_data

        bundle, metadata = banner.bundle(self)
        publish_display_data(bundle, metadata)


def open_book(
    notebook: str,
    city_dir,
    as_of: str = "",
    blind: str = "auto",
    run_id: str = "",
    out_dir: str = "",
    fast: bool = False,
) -> Book:
    """Load a city for one notebook: make its data ready, read the plan, and decide what stays hidden.

    Shown, the book is the banner. city_dir: the city's folder or one below it. as_of: "2020-10-31", the day the data
    are seen from ("": as city.yml says). blind: "auto", "on" or "off". run_id: what the record calls this run. out_dir:
    where the record goes, below outputs/internal. fast: fewer random draws.

    Raises EmiError when the folder is not a city's, a parameter is unknown, out_dir lies elsewhere than in the folder
    that never leaves the city, or blind="off" comes too early.
    """
    cell_errors.tell_plainly()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    city_dir = _city_folder(city_dir)
    out = _out_folder(city_dir, out_dir)
    if blind not in BLIND:
        raise EmiError(f"blind is '{blind}'.{nearest(blind, BLIND)}", f"It may be {', '.join(BLIND)}.")
    data.prepare(city_dir)
    city = data.load(city_dir, _day(as_of))
    plan = plan_lock.status(city_dir, city.config, city.tables)
    waiting = _still_blind(city, plan)
    if blind == "off" and waiting:
        raise EmiError(f"blind is 'off', but {waiting}.", "Use 'auto': it shows results as soon as the plan allows.")
    book = Book(
        notebook=notebook,
        city_dir=city_dir,
        out_dir=out,
        data=city,
        plan=plan,
        blinded=bool(waiting) or blind == "on",
        why_blinded=waiting or "this run was asked to stay blind",
        parameters={"as_of": as_of, "blind": blind, "fast": bool(fast)},
        run_id=run_id or f"{city.as_of.isoformat()}-{city.config.city.key}-{notebook}",
        started_at=started,
    )
    book.flags = [
        *(Flag(**flag) for flag in city.intake.get("flags", [])),
        *plan.problems,
        *banner.flags(book),
    ]
    return book


def opener(notebook: str) -> Callable[..., Book]:
    """`open_book` of one notebook, with the signature and the help that Shift+Tab shows there."""

    def open_this(**parameters) -> Book:
        return open_book(notebook, **parameters)

    open_this.__name__, open_this.__doc__ = "open_book", open_book.__doc__
    open_this.__signature__ = inspect.signature(functools.partial(open_book, notebook))
    return open_this


def _city_folder(city_dir) -> Path:
    folder = Path(city_dir or ".").resolve()
    for place in (folder, *folder.parents):
        if (place / "city.yml").is_file():
            return place
    raise EmiError(
        f"There is no city.yml in {folder.name} or the folders above it.",
        "Open the notebook from inside a city's folder, or set city_dir to that folder.",
    )


def _out_folder(city_dir: Path, out_dir: str) -> Path:
    internal = city_dir / INTERNAL
    folder = (city_dir / (out_dir or INTERNAL)).resolve()
    if not folder.is_relative_to(internal.resolve()):
        raise EmiError(f"out_dir is '{out_dir}', which is not below {INTERNAL}.", f'Write it as "{INTERNAL}/my-try".')
    return folder


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise EmiError(f"as_of is '{text}', which is not a date.", 'Write it as "2020-10-31".') from None


def _still_blind(city, plan) -> str:
    """Why outcomes may not be compared yet, or "" when they may (pilots.md 5.3, Blinding).

    A descriptive design compares no groups, so there is nothing to hide.
    """
    if city.config.design.type == "descriptive":
        return ""
    if plan.status == "none":
        return "the analysis plan is not locked"
    lock = city.config.pilot.data_lock
    return (
        f"the data lock is {lock.isoformat()} and the data go up to {city.as_of.isoformat()}"
        if city.as_of < lock
        else ""
    )
