"""JupyterLab in a real browser: open a notebook, run it, see what it shows."""

import os
import re
import subprocess
import sys
import threading

import nbformat
import pytest

from repository import PATIENCE
from written import notebook

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(kernelspec, tmp_path_factory):
    """A JupyterLab server on a free port; its folder and address."""
    folder = tmp_path_factory.mktemp("lab")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.port=0"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    log = []
    for line in server.stderr:
        log.append(line)
        if found := re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=(\w+)", line):
            break
    else:
        pytest.fail("JupyterLab did not start:\n" + "".join(log))
    # What it goes on to say must not fill the pipe.
    threading.Thread(target=server.stderr.read, daemon=True).start()
    yield folder, *found.groups()
    server.terminate()
    server.wait(timeout=30)


def test_a_notebook_runs_in_the_browser(lab, chromium, pictures):
    folder, address, token = lab
    sources = ["let side = 6;", 'println!("in the browser");\nside * 7']
    nbformat.write(notebook(*sources), folder / "first.ipynb")
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{address}/lab/tree/first.ipynb?token={token}", timeout=120_000)
    page.get_by_role("button", name=re.compile(r"Rust \(Momentum\)")).first.wait_for(timeout=120_000)
    page.locator(".jp-Notebook").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    result = page.locator(".jp-OutputArea-executeResult", has_text="42")
    result.wait_for(timeout=PATIENCE * 1000)
    printed = page.locator(".jp-OutputArea-output", has_text="in the browser")
    assert printed.count() == 1
    page.screenshot(path=pictures / "jupyterlab.png")
    page.close()
