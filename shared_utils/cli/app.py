"""All commands of `emi`, grouped as `emi --help` shows them."""

import typer

from shared_utils.cli import (
    batch,
    data,
    demo,
    drift,
    evidence,
    handover,
    lab,
    plan,
    portfolio,
    project,
    scan,
    site,
    update,
)

app = typer.Typer(
    help="City economic-mobility pilots: make a city, check it, run its notebooks, build the site.",
    epilog="CITY is a folder name or a city key; without one, all cities. --debug shows the full error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for function, panel in (
    (project.new, "Set up"),
    (project.check, "Set up"),
    (project.doctor, "Set up"),
    (demo.demo, "Set up"),
    (batch.run, "Every month"),
    (batch.status, "Every month"),
    (site.site, "Every month"),
    (portfolio.portfolio, "Every month"),
    (evidence.evidence, "Every month"),
    (handover.handover, "Work by hand"),
    (update.update, "When the template changes"),
    (drift.drift, "When the template changes"),
    (lab.lab, "Work by hand"),
    (scan.scan, "Work by hand"),
):
    app.command(rich_help_panel=panel)(function)
app.add_typer(data.app, name="data", rich_help_panel="Work by hand")
app.add_typer(plan.app, name="plan", rich_help_panel="Work by hand")
