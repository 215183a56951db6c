"""emi site."""

from pathlib import Path

from shared_utils.cli.screen import Screen
from shared_utils.cli.workspace import find


def site() -> int:
    """Build the website from what the cities released."""
    from shared_utils import portfolio

    screen = Screen()
    workspace = find()
    out = workspace.root / "site"
    with screen.busy("Building the site"):
        report = portfolio.build_site(workspace.root, out)
    screen.say(*report_lines(report, out))
    return 0


def report_lines(report, out: Path) -> list[str]:
    """What was built and where."""
    return [f"Built  {out / 'index.html'}"]
