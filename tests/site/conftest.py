import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "results")]

import site_factory  # noqa: E402

from shared_utils import portfolio  # noqa: E402

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
]


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """Nine cities with hand-made releases."""
    return site_factory.workspace(tmp_path_factory.mktemp("nine"))


@pytest.fixture(scope="session")
def site(workspace, tmp_path_factory):
    """The site of the nine cities: (folder, report)."""
    out = tmp_path_factory.mktemp("site")
    return out, portfolio.build_site(workspace, out)


@pytest.fixture(scope="session")
def browser():
    """The Chromium, Chrome or Edge of this machine; skipped without one, unless EMI_REQUIRE_BROWSER=1."""
    found = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "msedge", "chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if not found:
        reason = "no Chromium, Chrome or Edge (or no playwright) on this machine"
        pytest.fail(reason) if os.environ.get("EMI_REQUIRE_BROWSER") == "1" else pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield launched
        launched.close()
