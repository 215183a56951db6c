"""The room's error and the phrases it shares."""

from shared_utils.errors import EmiError, nearest


class DesignError(EmiError):
    """A table or a design that cannot be estimated as asked, in words."""


def listed(names) -> str:
    """Return names as 'a, b, c', cut after 40."""
    names = [str(name) for name in names]
    return ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "")


def no_column(kind: str, key: str, name: str, frame) -> DesignError:
    """Return the error for a design key that names a column the table does not have."""
    return DesignError(
        f"Design {kind}: column '{name}' ({key}) is not in the table.{nearest(name, frame.columns)}",
        f"Columns: {listed(frame.columns)}.",
    )
