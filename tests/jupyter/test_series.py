"""A series from nothing: made, executed, checked, executed again, served while it is written."""

import json
import re
import signal
import subprocess

import nbformat
import pytest

from repository import PATIENCE


@pytest.fixture(scope="module")
def log(momentum, tmp_path_factory):
    """A new series, built at once."""
    folder = tmp_path_factory.mktemp("series") / "log"
    subprocess.run([momentum, "init", folder], check=True)
    subprocess.run([momentum, "build", folder], check=True, timeout=PATIENCE)
    return folder


def check(momentum, folder, *options):
    done = subprocess.run(
        [momentum, "check", folder, "--format", "json", *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode in (0, 1), done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert bool(findings) == (done.returncode == 1)
    return findings


def test_a_new_series_shows_what_its_first_notebook_printed(log):
    page = (log / "_site" / "entries" / "day-01.html").read_text()
    assert "3 squared is 9" in page
    assert re.search(r'class="value"[^>]*>6<', page), page


def test_what_stopped_a_notebook_is_told_with_what_the_journal_misses(momentum, tmp_path):
    subprocess.run([momentum, "init", tmp_path / "log"], check=True)
    path = tmp_path / "log/notebooks/day-01-first-steps.ipynb"
    notebook = nbformat.read(path, as_version=4)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.source += '\nlet wrong: i32 = "text";'
    nbformat.write(notebook, path)
    done = subprocess.run(
        [momentum, "build", tmp_path / "log"], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 1
    assert "mismatched types" in done.stderr and "day-01.md:" in done.stderr, done.stderr


def test_a_series_as_it_was_built_is_sound_and_reproduced(momentum, log):
    before = (log / "notebooks" / "day-01-first-steps.ipynb").read_bytes()
    assert check(momentum, log, "--rerun") == []
    assert (log / "notebooks" / "day-01-first-steps.ipynb").read_bytes() == before


def test_an_output_that_was_tampered_with_is_found(momentum, log):
    path = log / "notebooks" / "day-01-first-steps.ipynb"
    good = path.read_bytes()
    try:
        path.write_text(path.read_text().replace("3 squared is 9", "3 squared is 10"))
        assert check(momentum, log) == []
        (finding,) = check(momentum, log, "--rerun")
        assert finding["rule"] == "not-reproduced"
        assert "cell 3 (`squares`)" in finding["message"]
        assert finding["difference"] == "line 3\n-3 squared is 10\n+3 squared is 9\n"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[2].metadata["tags"] = ["nondeterministic"]
        nbformat.write(notebook, path)
        assert check(momentum, log, "--rerun") == []
    finally:
        path.write_bytes(good)


def test_a_saved_notebook_is_run_while_the_journal_is_served(momentum, log):
    server = subprocess.Popen(
        [momentum, "serve", "--port", "0", log],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "http://127.0.0.1:" in server.stdout.readline()
        path = log / "notebooks" / "day-01-first-steps.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[1].source = notebook.cells[1].source.replace("2 * 3", "2 * 4")
        nbformat.write(notebook, path)
        said = []
        page = log / "_site" / "entries" / "day-01.html"
        # The run ends with a build that changes the page.
        while not re.search(r'class="value"[^>]*>8<', page.read_text()):
            said.append(server.stderr.readline())
            assert said[-1], "".join(said)
        assert any("Running notebooks/day-01-first-steps.ipynb" in line for line in said), said
        assert nbformat.read(path, as_version=4).cells[1].outputs[0].data["text/plain"] == "8"
    finally:
        server.send_signal(signal.SIGINT)
        server.stderr.read()
        assert server.wait(timeout=PATIENCE) == 0
