"""From saving an entry to the reloaded page, in Chromium, over `momentum serve`.

usage: measure_live.py MOMENTUM FOLDER [--edits 30] [--chromium PATH]

FOLDER holds entries (entries/*.md); it is copied, and gets a momentum.yaml if it has none. The
series of the peers' figures is made by their generator: `gen_entries.py plain 1000 FOLDER`. Two
moments are taken, both after the file was written: the new text is in the page (its document is
parsed), and it is painted.
"""

import argparse
import datetime
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

REPORT = """
document.addEventListener("DOMContentLoaded", () => {
  const found = document.body.textContent.match(/edit-(\\d+)-end/);
  if (!found) return;
  const parsed = Date.now();
  requestAnimationFrame(() => requestAnimationFrame(() =>
    arrived(Number(found[1]), parsed, Date.now())));
});
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("momentum", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        series = Path(work) / "series"
        shutil.copytree(options.folder, series)
        if not (series / "momentum.yaml").exists():
            (series / "momentum.yaml").write_text("title: Generated\n")
        measure(options, series)


def measure(options, series):
    entries = sorted((series / "entries").glob("*.md"))
    entry = entries[len(entries) // 2]
    text = entry.read_text()
    server = subprocess.Popen(
        [options.momentum, "serve", "--no-run", "--port", "0", series],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = re.search(r"http://[\d.:]+", server.stdout.readline())[0]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=options.chromium, args=["--no-sandbox"]
            )
            parsed, painted = edits(options.edits, browser, address, entry, text)
            version = browser.version
            browser.close()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
    print(f"{len(entries)} entries, {options.edits} edits, Chromium {version}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, {datetime.date.today()}")
    for name, times in (("page parsed", parsed), ("page painted", painted)):
        times = sorted(times)
        print(
            f"{name}: median {statistics.median(times):.0f} ms,"
            f" from {times[0]:.0f} to {times[-1]:.0f} ms"
        )


def edits(count, browser, address, entry, text):
    """The times of all edits but the first, in milliseconds after the file was written."""
    heard = {}
    page = browser.new_page()
    page.expose_function("arrived", lambda n, parsed, painted: heard.update({n: (parsed, painted)}))
    page.add_init_script(REPORT)
    page.goto(f"{address}/entries/{entry.stem}.html")
    page.wait_for_function("document.querySelector('link[href=\"/_momentum/live.css\"]')")
    page.wait_for_timeout(500)
    parsed, painted = [], []
    for n in range(count + 1):
        new = f"{text}\nThis is edit-{n}-end.\n"
        entry.write_text(new)
        saved = time.time() * 1000
        while n not in heard:
            page.wait_for_timeout(5)
        if n > 0:
            parsed.append(heard[n][0] - saved)
            painted.append(heard[n][1] - saved)
        # As a writer does, and so that one edit does not run into the next.
        page.wait_for_timeout(200)
    return parsed, painted


if __name__ == "__main__":
    main()
