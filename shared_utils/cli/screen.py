"""How `emi` talks: plain ASCII words, colour only on a terminal, errors in one sentence with a way out."""

import json
import re
import sys

from shared_utils.errors import EmiError

_STYLES = {"FAILED": "bold red", "blocked": "yellow", "problem": "yellow", "ok": "green"}


class TypedWrong(EmiError):
    """The words after `emi` name something that does not exist."""

    exit_code = 2


class NothingHere(EmiError):
    """There is nothing the command could work on."""

    exit_code = 3


class Screen:
    """Where a command prints: results to stdout; with --json only the object goes there, talk to stderr."""

    def __init__(self, as_json: bool = False):
        from rich.console import Console

        self._as_json = as_json
        # soft_wrap: we wrap ourselves, so that a path to be copied stays in one piece.
        self._console = Console(stderr=as_json, markup=False, highlight=False, emoji=False, soft_wrap=True)
        self.width = min(self._console.width, 100)

    def say(self, *lines: str) -> None:
        """Print lines; a status word on one is coloured where the terminal can."""
        from rich.text import Text

        for line in lines:
            text = Text(line)
            for word, style in _STYLES.items():
                text.highlight_regex(rf"(?<= ){word}(?= |$)", style)
            self._console.print(text)

    def busy(self, doing: str):
        """A context that shows what is being done, on a terminal only; has `update(text)`."""
        # The "line" spinner is ASCII; the default one is not.
        return self._console.status(doing, spinner="line")

    def give(self, answer: dict) -> None:
        """Print the one object of --json."""
        if self._as_json:
            print(json.dumps(answer, indent=1))


def tell_error(error: BaseException, as_json: bool) -> int:
    """Say what went wrong and what to do; returns the exit code."""
    name, message, hint, code = _in_words(error)
    if as_json:
        problem = {"ename": name, "message": message, "hint": hint}
        print(json.dumps({"exit_code": code, "error": problem}, indent=1))
    else:
        print(*filter(None, (message, hint)), sep="\n", file=sys.stderr)
    return code


# What Typer says of a value, in its validator's words, and in plain ones.
_VALUES = (
    ("Value error, ", ""),
    ("Input should be a valid integer, .*", "write a whole number, such as 2."),
    ("Input should be a valid number, .*", "write a number, such as 30."),
    (r"Input should be greater than or equal to (\S+)", r"it must be \1 or more."),
)


def _plain(message: str) -> str:
    for pattern, words in _VALUES:
        message = re.sub(pattern, words, message)
    return message


def _in_words(error: BaseException) -> tuple[str, str, str, int]:
    name = type(error).__name__
    if isinstance(error, EmiError):
        return name, error.message, error.hint, getattr(error, "exit_code", 3)
    if name in ("Abort", "KeyboardInterrupt"):  # Ctrl+C; Typer makes the one of the other
        return name, "Stopped.", "", 130
    from shared_utils.runner import machine

    if plain := machine.in_words(name, str(error)):
        return name, *plain, 3
    if name == "NoArgsIsHelpError":  # Typer has just printed the help
        return name, "", "", 2
    if hasattr(error, "format_message"):  # Typer: unknown command or option, missing argument
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "emi"
        return name, _plain(error.format_message()), f"Next:  {command} --help", 2
    message = f"emi itself stopped with {name}: {error}"
    return (
        name,
        message,
        "Next:  the same command with --debug, and send what it prints to who maintains emi.",
        3,
    )
