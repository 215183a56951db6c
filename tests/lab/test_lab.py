"""Notebooks in a real JupyterLab in a real browser: they open clean, run, are saved, and commit as they came."""

import json
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from shared_utils import data
from shared_utils.cli.lab import lab_command
from shared_utils.results.notebooks import NOTEBOOKS
from shared_utils.template import notebooks, tidy
from shared_utils.template.new import create

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-this-test"
IDLE = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
DIRTY = "window.jupyterapp.shell.currentWidget.context.model.dirty"
# Of the model, not of the page: cells outside the view are not drawn.
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
INSERT = """async (source) => {
  await window.jupyterapp.commands.execute('notebook:move-cursor-up');
  window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0;
  await window.jupyterapp.commands.execute('notebook:insert-cell-above');
  await window.jupyterapp.commands.execute('notebook:change-cell-to-code');
  window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource(source);
  await window.jupyterapp.commands.execute('notebook:run-cell');
}"""


def git(city: Path, *words: str) -> str:
    named = ["-c", "user.name=A", "-c", "user.email=a@b.example"]
    done = subprocess.run(
        ["git", *named, *words], cwd=city, capture_output=True, text=True, encoding="utf-8", check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a new city as `emi lab` starts it: its address and the city's folder."""
    home = tmp_path_factory.mktemp("home")
    city = create(ROOT, home / "a folder with spaces", {"city": "cincinnati"})
    data.prepare(city)
    git(city, "init", "-q")
    git(city, "add", ".")
    git(city, "commit", "-q", "-m", "As it was made")
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
        env=environment | {"HOME": str(home)},
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


@pytest.fixture(scope="module")
def window(lab, browser):
    """A page of the browser, and the addresses outside that it asked for."""
    address, _ = lab
    page = browser.new_context(viewport={"width": 1360, "height": 860}).new_page()
    outside = []
    page.on(
        "request",
        lambda r: r.url.startswith((address, address.replace("http", "ws"), "data:", "blob:")) or outside.append(r.url),
    )
    yield page, outside
    page.context.close()


def opened(page, address: str, notebook: str):
    """The page with a notebook of the city open and its kernel ready."""
    path = f"notebooks/{NOTEBOOKS[notebook]}.ipynb"
    page.goto(f"{address}/lab/tree/{path}?token={TOKEN}&reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.wait_for_function(IDLE, timeout=90_000)
    return page


pytestmark = pytest.mark.full


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_opens_clean_and_closing_it_leaves_no_trace(lab, window, notebook):
    address, city = lab
    page = opened(window[0], address, notebook)
    page.wait_for_timeout(1500)
    assert page.evaluate(DIRTY) is False
    assert page.locator(".jp-toast-message, .Toastify__toast").count() == 0
    page.evaluate("window.jupyterapp.shell.currentWidget.close()")
    assert git(city, "status", "--porcelain") == ""


def test_the_parts_are_listed_by_their_numbers(lab, window):
    page = opened(window[0], lab[0], "impact")
    page.evaluate("window.jupyterapp.commands.execute('toc:show-panel')")
    page.wait_for_selector(".jp-tocItem-content", timeout=30_000)
    shown = [text.strip() for text in page.locator(".jp-tocItem-content").all_inner_texts()]
    assert "1. Settings" in shown and "I4. What was the effect?" in shown and "3. Keep the result" in shown


def test_an_error_is_told_in_plain_words_and_its_traceback_is_folded(lab, window):
    page = opened(window[0], lab[0], "impact")
    slip = "from shared_utils.sections import impact\nimpact.open_book(city_dir='..', as_of='soon')"
    page.evaluate(INSERT, slip)
    page.wait_for_function(f"({CELLS})()[0][1].length === 2", timeout=60_000)
    assert page.evaluate(CELLS)[0][1] == ["error", "display_data"]
    cell = page.locator(".jp-CodeCell").first
    assert "as_of is 'soon', which is not a date.\nWrite it as" in cell.locator(".jp-OutputArea").inner_text()
    assert cell.locator("details").get_attribute("open") is None
    assert not cell.locator("details pre").is_visible()
    page.evaluate(f"{DIRTY} = false")  # nothing of this is kept


@pytest.fixture
def conflict(lab):
    """Two texts in a cell of the impact notebook, as an update leaves them; afterwards it is as it was."""
    path = lab[1] / f"notebooks/{NOTEBOOKS['impact']}.ipynb"
    before = path.read_bytes()

    def changed(line: str) -> dict:
        notebook = json.loads(before)
        (cell,) = [cell for cell in notebook["cells"] if cell["id"] == "i2"]
        cell["source"] = [*cell["source"][:-1], cell["source"][-1] + "\n", line]
        return notebook

    both = (changed("# the analyst's line"), changed("# the template's line"))
    merged, (cell,) = notebooks.merge(json.loads(before), *both, "the template")
    assert cell == "i2"
    path.write_bytes(notebooks.dump(merged))
    yield
    path.write_bytes(before)


def run_all(page) -> None:
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')


def test_a_conflict_is_seen_in_its_cell_and_running_all_stops_there_in_plain_words(lab, window, conflict):
    address, city = lab
    page = opened(window[0], address, "impact")
    page.wait_for_timeout(1500)
    assert page.evaluate(DIRTY) is False  # it opens as any other
    cell = page.locator(".jp-CodeCell", has_text="<<<<<<< yours").first
    shown = cell.locator(".jp-InputArea").inner_text()
    for line in ("<<<<<<< yours", "# the analyst's line", "=======", "# the template's line", ">>>>>>> the template"):
        assert line in shown
    run_all(page)
    page.wait_for_function(f"({CELLS})().some(cell => cell[1].includes('error')) && {IDLE}", timeout=180_000)
    ended = [kinds for count, kinds in page.evaluate(CELLS) if count is not None]
    assert [kinds for kinds in ended if "error" in kinds] == [["error"]] == ended[-1:]  # the last that ran
    assert len(ended) < len(page.evaluate(CELLS))
    cell.scroll_into_view_if_needed()  # what is out of the view is not drawn
    output = cell.locator(".jp-OutputArea-output", has_text="This cell cannot run")
    output.wait_for(timeout=30_000)
    told = output.text_content()
    assert "This cell cannot run: two texts stand there, and nobody has chosen yet." in told
    assert "keep what is right, delete the rest and the marks, and save" in told and "Traceback" not in told
    assert not (city / "outputs" / "internal" / "results_impact.json").exists()
    page.evaluate(f"{DIRTY} = false")
    page.evaluate("window.jupyterapp.shell.currentWidget.close()")


def test_run_all_save_and_open_again(lab, window):
    address, city = lab
    page = opened(window[0], address, "impact")
    run_all(page)
    page.wait_for_function(f"(({CELLS})()).every(cell => cell[0] !== null) && {IDLE}", timeout=180_000)
    assert all("error" not in kinds for _, kinds in page.evaluate(CELLS))
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function(f"{DIRTY} === false", timeout=30_000)
    name = "notebooks/03_impact.ipynb"
    saved = nbformat.read(city / name, as_version=4)
    assert any(cell.get("outputs") for cell in saved.cells)
    page = opened(page, address, "impact")
    page.wait_for_timeout(1500)
    assert page.evaluate(DIRTY) is False
    git(city, "add", name)
    tidy.tidy(city, [name])  # what a commit does
    assert git(city, "status", "--porcelain") == ""
    assert window[1] == []
