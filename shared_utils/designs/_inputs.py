"""The door of the room: a table and a design mapping in, checked arrays out, every refusal in words.

Unknown keys, missing columns, values that are not 0/1, empty groups and fewer than two clusters are refused
with the valid names and the nearest one. Missing outcomes are dropped and counted; missing covariates get
the mean and a missing-indicator, and the row's note says so. Where draws or ties could depend on the order of the
rows (Spec.ordered) they are put into one canonical order, so that the order of the table can change no number, not
even a permutation p; elsewhere it moves nothing but the last bits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from shared_utils.designs._errors import DesignError, listed, no_column
from shared_utils.designs._order import canonical
from shared_utils.errors import nearest
from shared_utils.stats.covariates import CovariateError, label_codes, numeric_columns

COMMON = (
    "type",
    "outcome",
    "covariates",
    "strata",
    "cluster",
    "weights",
    "level",
    "alternative",
    "seed",
    "options",
    "labels",
)
ALWAYS = ("type", "outcome", "level", "alternative", "seed", "options", "labels")
ALTERNATIVES = ("two-sided", "greater", "less")


@dataclass(frozen=True)
class Option:
    """One entry of `options`: its default and either the allowed words or an inclusive range."""

    default: object
    choices: tuple = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Spec:
    """What one design type takes.

    columns   key -> kind of the column it names: binary (0/1), number (rows without it are dropped and
              counted), amount (a number in every row), positive, probability, label, time, or cohort (a time;
              empty means never)
    optional  the keys of `columns` that may be left out
    values    keys that hold a value, not a column (control, cutoff, ...)
    uses      which of covariates, strata, cluster and weights the type knows
    options   name -> Option
    ordered   options -> whether draws or ties depend on the order of the rows; panels order themselves
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    optional: tuple = ()
    values: tuple = ()
    uses: tuple = ("covariates",)
    options: Mapping[str, Option] = field(default_factory=dict)
    splines: bool = False
    ordered: Callable[[Mapping], bool] = lambda options: options.get("ri_draws") != 0

    @property
    def keys(self) -> tuple:
        return (*ALWAYS, *self.uses, *self.columns, *self.values)


@dataclass(frozen=True)
class Inputs:
    """One outcome of one design, checked: all arrays have one entry an analysed row, in canonical order."""

    type: str
    outcome: str
    y: np.ndarray
    roles: Mapping[str, np.ndarray]
    values: Mapping[str, object]
    covariates: pd.DataFrame
    strata: np.ndarray | None
    cluster: np.ndarray | None
    weights: np.ndarray | None
    options: Mapping[str, object]
    level: float
    alternative: str
    seed: int
    labels: tuple[str, str]
    n_missing: int
    notes: tuple[str, ...] = ()

    @property
    def binary(self) -> bool:
        return bool(np.isin(self.y, (0.0, 1.0)).all())

    def keep(self, rows: np.ndarray, note: str = "") -> "Inputs":
        """Return the same inputs with only `rows` (a mask), and a note saying why."""

        def cut(array):
            return None if array is None else array[rows]

        return Inputs(
            **{
                **self.__dict__,
                "y": self.y[rows],
                "covariates": self.covariates.iloc[rows].reset_index(drop=True),
                "roles": {key: cut(values) for key, values in self.roles.items()},
                "strata": cut(self.strata),
                "cluster": cut(self.cluster),
                "weights": cut(self.weights),
                "notes": (*self.notes, note) if note else self.notes,
            }
        )


def check_design(design: Mapping, spec: Spec) -> None:
    """Refuse a design mapping with unknown keys, missing keys or option values that do not exist."""
    kind = design["type"]
    for key in design:
        if key not in spec.keys:
            what = f"'{key}' is not used by {kind}" if key in COMMON else f"unknown design key '{key}'"
            raise DesignError(f"Design {kind}: {what}.{nearest(key, spec.keys)}", f"Valid keys: {listed(spec.keys)}.")
    needed = [key for key in ("outcome", *spec.columns, *spec.values) if key not in spec.optional]
    absent = [key for key in needed if design.get(key) is None or np.size(design[key]) == 0 or str(design[key]) == ""]
    if absent:
        raise DesignError(
            f"Design {kind}: {listed(absent)} {'is' if len(absent) == 1 else 'are'} not given.",
            "Name the column (or value) in the design.",
        )
    if design.get("alternative", "two-sided") not in ALTERNATIVES:
        raise DesignError(
            f"Design {kind}: alternative {design['alternative']!r} does not exist."
            f"{nearest(design['alternative'], ALTERNATIVES)}",
            f"Valid: {listed(ALTERNATIVES)}.",
        )
    if not 0.5 <= float(design.get("level", 0.95)) < 1:
        raise DesignError(f"Design {kind}: level {design['level']} is not between 0.5 and 1.", "Use 0.95.")
    _check_options(kind, design.get("options") or {}, spec.options)


def _check_options(kind: str, given: Mapping, options: Mapping[str, Option]) -> None:
    for name, value in given.items():
        if name not in options:
            raise DesignError(
                f"Design {kind}: unknown option '{name}'.{nearest(name, options)}",
                f"Valid options: {listed(options) or 'none'}.",
            )
        option = options[name]
        if option.choices and value not in option.choices:
            raise DesignError(
                f"Design {kind}: option {name} = {value!r} does not exist.{nearest(value, option.choices)}",
                f"Valid: {listed(option.choices)}.",
            )
        bounded = option.low is not None or option.high is not None
        if bounded and value is not None:
            low, high = (
                (-np.inf if option.low is None else option.low),
                (np.inf if option.high is None else option.high),
            )
            if isinstance(value, str) or not low <= value <= high:
                raise DesignError(
                    f"Design {kind}: option {name} = {value!r} is not a number from {low:g} to {high:g}.",
                    f"The default is {option.default}.",
                )


def prepare(frame: pd.DataFrame, design: Mapping, outcome: str, spec: Spec) -> Inputs:
    """Return the checked inputs of one outcome. Raises DesignError in words."""
    kind = design["type"]
    _check_columns(frame, design, outcome, spec)
    y = numbers(frame, outcome, kind, "outcome")
    roles = {
        key: _role(frame, design[key], kind, key, spec.columns[key])
        for key in spec.columns
        if design.get(key) not in (None, "")
    }
    seen = ~np.isnan(y)
    for key, values in roles.items():  # a family without a verified income is on neither side of the limit
        if spec.columns[key] == "number":
            seen &= ~np.isnan(values)
    if not seen.any():
        raise DesignError(
            f"Design {kind}: outcome '{outcome}' is missing in all {len(frame)} rows.",
            "Check the source and the mapping of this outcome.",
        )
    try:
        covariates, notes = numeric_columns(frame, names_of(design.get("covariates")), spec.splines, seen)
    except CovariateError as problem:
        raise DesignError(f"Design {kind}: {problem.message}.", problem.hint) from None
    arrays = {key: values[seen] for key, values in roles.items()}
    groups = {key: _groups(frame, design.get(key), kind, key) for key in ("strata", "cluster")}
    if groups["cluster"] is not None and len(np.unique(groups["cluster"][seen])) < 2:
        raise DesignError(
            f"Design {kind}, outcome '{outcome}': fewer than two clusters have an outcome.",
            "Check the cluster column; one cluster cannot tell chance from effect.",
        )
    weights = _weights(frame, design.get("weights"), kind)
    if names := names_of(design.get("strata")):
        unknown = int(frame.loc[seen, names].isna().any(axis=1).sum())
        notes += [f"stratum missing for {unknown}: kept as a stratum of their own"] if unknown else []
    inputs = Inputs(
        type=kind,
        outcome=outcome,
        y=y[seen],
        roles=arrays,
        values={key: design.get(key) for key in spec.values},
        covariates=covariates,
        strata=None if groups["strata"] is None else groups["strata"][seen],
        cluster=None if groups["cluster"] is None else groups["cluster"][seen],
        weights=None if weights is None else weights[seen],
        options={
            **{name: option.default for name, option in spec.options.items()},
            **(design.get("options") or {}),
        },
        level=float(design.get("level", 0.95)),
        alternative=design.get("alternative", "two-sided"),
        seed=int(design.get("seed", 0)),
        labels=tuple(design.get("labels") or ("treated", "comparison")),
        n_missing=int((~seen).sum()),
        notes=tuple(notes),
    )
    return inputs.keep(_canonical_order(inputs)) if spec.ordered(inputs.options) else inputs


def need_groups(inputs: Inputs, key: str, smallest: int = 2) -> None:
    """Refuse a 0/1 role in which a group has fewer than `smallest` analysed rows."""
    for value in (1, 0):
        n = int((inputs.roles[key] == value).sum())
        if n < smallest:
            raise DesignError(
                f"Design {inputs.type}, outcome '{inputs.outcome}': {n} row(s) with {key} = {value} have an "
                f"outcome; at least {smallest} are needed.",
                "Check the column, or wait until more outcomes are recorded.",
            )


def need_variation(inputs: Inputs) -> None:
    """Refuse an outcome with one value only: there is no spread to compare against."""
    if np.ptp(inputs.y) == 0:
        raise DesignError(
            f"Design {inputs.type}: outcome '{inputs.outcome}' is {inputs.y[0]:g} in all "
            f"{len(inputs.y)} rows, so nothing can be compared.",
            "Check the source of this outcome.",
        )


def numbers(frame, column, kind, key) -> np.ndarray:
    """Return a column as floats, missing as NaN; booleans, nullable, categorical and numeric text are read."""
    series = frame[column]
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return _finite(series.to_numpy(dtype=float), kind, column, key)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if pd.api.types.is_datetime64_any_dtype(series):
        raise DesignError(
            f"Design {kind}: column '{column}' ({key}) holds dates, not numbers.", "Name a numeric column."
        )
    if pd.api.types.is_string_dtype(series.dtype) or series.dtype == object:
        series = series.where(series.astype("string").str.strip() != "")
    try:
        values = pd.to_numeric(series).to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError):
        bad = next(v for v in series.dropna() if _not_a_number(v))
        raise DesignError(
            f"Design {kind}: column '{column}' ({key}) holds {bad!r}, which is not a number.",
            "Give a numeric column, or map the words to numbers.",
        ) from None
    return _finite(values, kind, column, key)


def _finite(values: np.ndarray, kind: str, column: str, key: str) -> np.ndarray:
    if np.isinf(values).any():
        raise DesignError(
            f"Design {kind}: column '{column}' ({key}) holds infinite values.",
            "Replace them by the true value or leave them empty.",
        )
    return values


def _not_a_number(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return True
    return False


def _check_columns(frame, design, outcome, spec) -> None:
    kind = design["type"]
    if not isinstance(frame, pd.DataFrame):
        raise DesignError(f"Design {kind}: the data are a {type(frame).__name__}, not a pandas DataFrame.")
    if frame.empty:
        raise DesignError(f"Design {kind}: the table has no rows.", "Check the join or filter that made it.")
    wanted = [("outcome", outcome)]
    for key in (*spec.columns, *spec.uses):
        wanted += [(key, name) for name in names_of(design.get(key)) if not name.startswith("spline(")]
    unique = frame.columns.is_unique
    for key, name in wanted:
        if name not in frame.columns:
            raise no_column(kind, key, name, frame)
        if not unique and isinstance(frame[name], pd.DataFrame):
            raise DesignError(
                f"Design {kind}: the table has more than one column '{name}' ({key}).",
                "Rename or drop the duplicates.",
            )
    taken = {outcome, *(design[key] for key in spec.columns if isinstance(design.get(key), str))}
    both = [name for name in names_of(design.get("covariates")) if name in taken]
    if both:
        raise DesignError(
            f"Design {kind}: {listed(both)} cannot be a covariate as well.",
            "Covariates are measured before assignment; take it off the list.",
        )


def names_of(given) -> list[str]:
    if given is None or given == "":
        return []
    return [given] if isinstance(given, str) else [str(name) for name in given]


def _role(frame, column, kind, key, what) -> np.ndarray:
    if what in ("label", "time", "cohort"):
        series = frame[column]
        if what == "cohort":  # empty means never
            return series.to_numpy(dtype=object, na_value=None)
        _need_complete(series.isna(), kind, key, column)
        return series.to_numpy(dtype=object) if what == "time" else series.astype(str).to_numpy(dtype=object)
    values = numbers(frame, column, kind, key)
    if what == "number":
        return values
    _need_complete(np.isnan(values), kind, key, column)
    if what == "binary" and not np.isin(values, (0.0, 1.0)).all():
        found = listed(sorted({f"{v:g}" for v in values})[:6])
        raise DesignError(
            f"Design {kind}: column '{column}' ({key}) must hold 0 and 1; it holds {found}.",
            "Code the group that gets the programme 1 and the other 0.",
        )
    if what == "positive" and (values <= 0).any():
        raise DesignError(
            f"Design {kind}: column '{column}' ({key}) must be above zero; its smallest value is {values.min():g}.",
            "Leave out rows with nothing at risk.",
        )
    if what == "probability" and not ((values > 0) & (values < 1)).all():
        raise DesignError(
            f"Design {kind}: column '{column}' ({key}) must lie between 0 and 1, both excluded; "
            f"it goes from {values.min():g} to {values.max():g}.",
            "Give each block's chance of winning, for example 0.42.",
        )
    return values


def _need_complete(missing, kind, key, column) -> None:
    if np.any(missing):
        raise DesignError(
            f"Design {kind}: column '{column}' ({key}) is empty in {int(np.sum(missing))} row(s).",
            "Fill it in, or leave these rows out and say so.",
        )


def _groups(frame, given, kind, key) -> np.ndarray | None:
    """Integer codes of the combinations of the named columns, sorted by label."""
    names = names_of(given)
    if not names:
        return None
    if key == "cluster":
        _need_complete(frame[names].isna().any(axis=1), kind, key, ", ".join(names))
    combined = np.zeros(len(frame), int)
    for name in names:
        codes, levels = label_codes(frame[name])
        combined = combined * len(levels) + codes
    return pd.factorize(combined, sort=True)[0]


def _weights(frame, column, kind) -> np.ndarray | None:
    if column is None:
        return None
    weights = numbers(frame, column, kind, "weights")
    if np.isnan(weights).any() or (weights <= 0).any():
        raise DesignError(
            f"Design {kind}: column '{column}' (weights) has missing, zero or negative values.",
            "Every row needs a weight above zero.",
        )
    return weights


def _canonical_order(inputs: Inputs) -> np.ndarray:
    keys = [inputs.y, *inputs.covariates.to_numpy().T]
    for values in (*inputs.roles.values(), inputs.weights, inputs.strata, inputs.cluster):
        if values is not None:
            keys.append(pd.factorize(values, sort=True)[0] if values.dtype == object else values)
    return canonical(keys)
