"""emi site."""

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
    screen.say(*report_lines(report), f"Built  {out / 'index.html'}", f"Publish it by copying the folder  {out}")
    return 0


def report_lines(report) -> list[str]:
    """What was built, and what a reader would miss."""
    size = f"  pages  {len(report.pages)}, {report.bytes // 1000} KB together"
    return [size, *(f"  note   {message}" for message in report.messages)]
