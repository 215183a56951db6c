"""The `emi` command. Only `main` is here, so that starting it loads nothing but the standard library."""

import contextlib
import signal
import sys


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns 0 good, 1 problems found, 2 typed wrong, 3 could not start, 130 stopped.

    A person never sees a traceback, whatever happens, unless `--debug` is among the words.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console cannot print every letter
            stream.reconfigure(errors="replace")
    try:
        with _ending_once():
            from shared_utils.cli.app import app

            arguments = [word for word in words if word != "--debug"]
            return app(args=arguments, prog_name="emi", standalone_mode=False, obj={"debug": debug}) or 0
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        from shared_utils.cli.screen import tell_error

        return tell_error(error, as_json="--json" in words)


@contextlib.contextmanager
def _ending_once():
    """Told to end (Ctrl+C, SIGTERM, a closed terminal), a command says so and ends: nothing interrupts it once more."""
    named = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    before = {number: signal.getsignal(number) for number in named if number}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]  # nohup wants one ignored

    def end(number, frame):
        for each in heard:  # until the process is gone
            signal.signal(each, signal.SIG_IGN)
            before[each] = signal.SIG_IGN
        with contextlib.suppress(OSError, RuntimeError):  # no terminal any more; in the middle of another word to it
            print("Stopping.", file=sys.stderr)
        raise KeyboardInterrupt

    try:
        for number in heard:
            signal.signal(number, end)
    except ValueError:  # not the main thread: signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
