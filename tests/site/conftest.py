import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "results")]

import site_factory  # noqa: E402

from shared_utils import portfolio  # noqa: E402


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """Nine cities with hand-made releases."""
    return site_factory.workspace(tmp_path_factory.mktemp("nine"))


@pytest.fixture(scope="session")
def site(workspace, tmp_path_factory):
    """The site of the nine cities: (folder, report)."""
    out = tmp_path_factory.mktemp("site")
    return out, portfolio.build_site(workspace, out)
