"""Shared by all tests: the full set's switch, the published data beside the project, and one demonstration batch."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also run the tests that are too slow for every change")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--full"):
        return
    slow = [item for item in items if item.get_closest_marker("full")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.fixture(scope="session")
def published_data() -> Path:
    """Folder of published replication data: beside the project, or where EMI_PUBLISHED_DATA says."""
    folder = Path(os.environ.get("EMI_PUBLISHED_DATA", ROOT.parent / "shared" / "cases" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the published data are not on this machine ({folder}); set EMI_PUBLISHED_DATA to their folder")
    return folder
