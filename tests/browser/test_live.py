"""`momentum serve` in a real browser: the page follows what is saved, and shows what is wrong."""

import os
import re
import signal
import subprocess

import pytest
from axe_playwright_python.sync_playwright import Axe

from repository import PATIENCE

pytestmark = pytest.mark.browser


@pytest.fixture
def log(momentum, tmp_path):
    """A series of two days without outputs, so that no kernel is needed."""
    folder = tmp_path / "log"
    subprocess.run([momentum, "init", folder], check=True)
    subprocess.run([momentum, "new", "Second steps", folder], check=True)
    for entry in folder.glob("entries/*.md"):
        entry.write_text(entry.read_text().replace("![", "["))
    return folder


@pytest.fixture
def serving(momentum, log):
    """The address of the served series; the server has to end cleanly when it is asked to."""
    server = subprocess.Popen(
        [momentum, "serve", "--no-run", "--port", "0", log],
        stdout=subprocess.PIPE,
        text=True,
    )
    address = re.search(r"http://[\d.:]+", server.stdout.readline())[0]
    yield address
    server.send_signal(signal.SIGINT)
    assert server.wait(timeout=PATIENCE) == 0


@pytest.fixture
def page(chromium, serving):
    page = chromium.new_page(viewport={"width": 1100, "height": 800})
    page.complaints = []
    page.on("console", lambda m: m.type == "error" and page.complaints.append(m.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(f"{serving}/entries/day-01.html")
    page.wait_for_function("document.querySelector('link[href=\"/_momentum/live.css\"]')")
    yield page
    # The content security policy of the page stands, so nothing may have been refused by it.
    assert page.complaints == []
    page.close()


def save_aside(path, text):
    """As editors do that write a new file and rename it."""
    aside = path.with_name(f".{path.name}.swp")
    aside.write_text(text)
    os.replace(aside, path)


def test_the_page_reloads_when_its_entry_is_saved(page, log):
    entry = log / "entries" / "day-01.md"
    text = entry.read_text()
    page.evaluate("window.marked = true")
    entry.write_text(text.replace("What did you want", "Who wanted"))
    page.get_by_text("Who wanted to know today").wait_for()
    assert page.evaluate("window.marked") is None, "the page was not reloaded"
    save_aside(entry, text.replace("What did you want", "Who still wants"))
    page.get_by_text("Who still wants to know today").wait_for()


def test_another_entry_leaves_the_page_alone(page, log):
    other = log / "entries" / "day-02.md"
    page.evaluate("window.marked = true")
    with page.expect_event("requestfinished") as hears:
        # A second page shows when the other entry has arrived.
        second = page.context.browser.new_page()
        second.goto(page.url.replace("day-01", "day-02"))
        page.reload()
    assert hears.value
    page.evaluate("window.marked = true")
    other.write_text(other.read_text().replace("What did you want", "Who wanted"))
    second.get_by_text("Who wanted to know today").wait_for()
    assert page.evaluate("window.marked") is True
    second.close()


def test_what_is_wrong_lies_over_the_last_good_page(page, log, pictures):
    entry = log / "entries" / "day-01.md"
    good = entry.read_text()
    entry.write_text(good.replace("day: 1", "day: one") + "\n[No](nothing.md)\n")
    overlay = page.get_by_role("alert")
    overlay.wait_for()
    said = overlay.inner_text()
    assert "2 problems" in said and "entries/day-01.md:2:6" in said and "nothing.md" in said, said
    assert page.get_by_text("What did you want to know today").count() == 1
    page.screenshot(path=pictures / "live-overlay.png")
    serious = [v["id"] for v in Axe().run(page).response["violations"]]
    assert serious == []
    # A page that is opened now shows it too.
    page.reload()
    overlay.wait_for()
    page.keyboard.press("Escape")
    overlay.wait_for(state="detached")
    entry.write_text(good + "\nAll is well.\n")
    page.get_by_text("All is well.").wait_for()
    assert overlay.count() == 0


def test_a_page_outlives_its_server(momentum, log, chromium):
    """A page that was open when the server ended finds the next one at the same port."""
    start = [momentum, "serve", "--no-run", log, "--port"]
    first = subprocess.Popen([*start, "0"], stdout=subprocess.PIPE, text=True)
    address = re.search(r"http://[\d.:]+", first.stdout.readline())[0]
    page = chromium.new_page()
    page.goto(f"{address}/index.html")
    page.wait_for_function("document.querySelector('link[href=\"/_momentum/live.css\"]')")
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=PATIENCE) == 0
    entry = log / "entries" / "day-01.md"
    entry.write_text(entry.read_text().replace("First steps", "Steps while no one looked"))
    second = subprocess.Popen([*start, address.rsplit(":")[-1]], stdout=subprocess.PIPE, text=True)
    try:
        assert "http://" in second.stdout.readline()
        page.get_by_text("Steps while no one looked").first.wait_for()
    finally:
        second.send_signal(signal.SIGINT)
        assert second.wait(timeout=PATIENCE) == 0
    page.close()
