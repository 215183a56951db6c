"""The one error type people see: what is wrong and where, then one thing to do."""

from difflib import get_close_matches


class EmiError(Exception):
    """A problem a person can act on. Shown without a traceback.

    `message` says what is wrong and where (file, sheet, cell, key, line); `hint` says what to do next.
    """

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(message if not hint else f"{message}\n{hint}")


def nearest(name: object, valid) -> str:
    """Return " Did you mean 'x'?" for the closest of `valid`, or "" when none is close."""
    close = get_close_matches(str(name), [str(v) for v in valid], n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
