"""A notebook in a real JupyterLab in a real browser: open, run all, save."""

import json
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from shared_utils import data
from shared_utils.cli.lab import lab_command
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-this-test"
CELLS = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.model.cells, found = [];
  for (let i = 0; i < cells.length; i++) {
    const cell = cells.get(i);
    if (cell.type !== 'code') continue;
    const kinds = [];
    for (let j = 0; j < cell.outputs.length; j++) kinds.push(cell.outputs.get(j).type);
    found.push([cell.executionCount, kinds]);
  }
  return found;
}"""


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a new city as `emi lab` starts it: its address and the city's folder."""
    city = create(ROOT, tmp_path / "a folder with spaces", {"city": "cincinnati"})
    data.prepare(city)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments, environment = lab_command(city)
    server = subprocess.Popen(
        [
            *arguments,
            "--no-browser",
            f"--port={port}",
            "--ServerApp.port_retries=0",
            "--allow-root",
            f"--IdentityProvider.token={TOKEN}",
            "--expose-app-in-browser",
        ],
        env=environment | {"HOME": str(tmp_path)},
        cwd=city,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{address}/api/status?token={TOKEN}").close()
            break
        except OSError:
            time.sleep(0.5)
    yield address, city
    server.terminate()
    server.wait(30)


@pytest.mark.full
def test_open_run_all_and_save(lab, browser):
    address, city = lab
    page = browser.new_context(viewport={"width": 1360, "height": 860}).new_page()
    outside = []
    page.on(
        "request",
        lambda r: r.url.startswith((address, address.replace("http", "ws"), "data:", "blob:")) or outside.append(r.url),
    )
    page.goto(f"{address}/lab/tree/notebooks/03_impact.ipynb?token={TOKEN}&reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    idle = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    page.wait_for_function(idle, timeout=90_000)
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
    page.wait_for_function(f"(({CELLS})()).every(cell => cell[0] !== null) && {idle}", timeout=180_000)
    cells = page.evaluate(CELLS)
    assert all("error" not in kinds for _, kinds in cells)
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(2000)
    saved = json.loads((city / "notebooks" / "03_impact.ipynb").read_text(encoding="utf-8"))
    assert any(cell.get("outputs") for cell in saved["cells"])
    assert outside == []
