"""emi portfolio."""

from shared_utils.cli.screen import Screen
from shared_utils.cli.workspace import find


def portfolio() -> int:
    """Run the portfolio notebook over all cities: tables of all results, then the website.

    A portfolio.ipynb of your own beside cities/ is run instead of the one that comes along.
    """
    from shared_utils.runner.portfolio_notebook import run_portfolio

    screen = Screen()
    root = find().root
    with screen.busy("Running the portfolio notebook"):
        executed = run_portfolio(root)
    screen.say(f"Ran    {executed}", f"Built  {root / 'site' / 'index.html'}")
    return 0
