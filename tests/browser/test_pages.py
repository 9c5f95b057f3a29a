"""Every kind of page: with and without scripts, in light and in dark, on a desk and on a phone."""

import shutil
import subprocess
from datetime import date, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe

from repository import PATIENCE, ROOT

pytestmark = pytest.mark.browser

PAGES = [
    "index.html",
    "calendar.html",
    "search.html",
    "days/1.html",
    "entries/day-002.html",
    "entries/day-070.html",
    "notebooks/day-02-cnn.html",
    "tags/rust.html",
]

WRITTEN = """A note[^1], a formula $x^2$, a `name`.

## A table

| name | loss |
| --- | ---: |
| one | 0.5 |

- [x] done
- [ ] to do

> [!WARNING]
> Take care.

```rust
fn main() {{ println!("{{}}", 1); }}
```

```mermaid
flowchart LR
  A[Read] --> B[Write]
```

![What the network sees](../notebooks/day-02-cnn.ipynb#{label})

[^1]: Its text.
"""


@pytest.fixture(scope="module")
def long_site(momentum, tmp_path_factory):
    """A series of seventy days, one of which shows an output that no longer holds."""
    root = tmp_path_factory.mktemp("series")
    (root / "entries").mkdir()
    (root / "notebooks").mkdir()
    (root / "momentum.yaml").write_text("title: A long log\nauthor: A\ndescription: All kinds.\n")
    fresh = ROOT / "notebooks" / "day-02-cnn.ipynb"
    shutil.copy(fresh, root / "notebooks")
    stale = fresh.read_text().replace("//| label: curves", "//| label: curves-2", 1)
    (root / "notebooks" / "stale.ipynb").write_text(stale)
    for day in range(1, 71):
        body = f"Day {day} is about gradients.\n"
        if day == 2:
            body = WRITTEN.format(label="curves")
        if day == 70:
            body = "![Old](../notebooks/stale.ipynb#curves-2)\n"
        written = date(2026, 9, 1) + timedelta(days=day)
        front = f"---\nday: {day}\ntitle: Entry {day}\ndate: {written}\ntags: [rust]\n---\n"
        (root / "entries" / f"day-{day:03}.md").write_text(front + body)
    subprocess.run([momentum, "build", "--no-run", root], check=True, timeout=PATIENCE)
    return root / "_site"


def opened(chromium, path, **options):
    context = chromium.new_context(**options)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda m: m.type in ("error", "warning") and page.complaints.append(m.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("requestfailed", lambda r: page.complaints.append(f"failed: {r.url}"))
    page.on(
        "request",
        lambda r: r.url.startswith(("file:", "data:")) or page.complaints.append(r.url),
    )
    page.goto(path.as_uri(), wait_until="load")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everyone(chromium, long_site, pictures, name, width, scheme):
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = opened(chromium, long_site / name, bypass_csp=True, **options)
    picture = f"{name.replace('/', '-').removesuffix('.html')}-{width}-{scheme}.png"
    page.screenshot(path=pictures / picture, full_page=True)
    violations = Axe().run(page).response["violations"]
    found = [(one["id"], [node["target"] for node in one["nodes"]]) for one in violations]
    scroll, shown = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    page.context.close()
    assert found == []
    assert scroll <= shown


@pytest.mark.parametrize("name", PAGES)
def test_a_page_works_from_disk_under_its_own_policy(chromium, long_site, name):
    page = opened(chromium, long_site / name)
    complaints = page.complaints
    page.context.close()
    assert complaints == []


@pytest.mark.parametrize("query", ["gradients", "gradeints", "entry 17"])
def test_the_search_finds_from_disk(chromium, long_site, query):
    page = opened(chromium, long_site / "search.html")
    page.keyboard.type(query)
    page.wait_for_selector("#results li")
    titles = page.locator("#results h2").all_text_contents()
    if query == "entry 17":
        assert titles[0] == "Entry 17"
    else:
        assert len(titles) == 50 and "Entry 69" in titles
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    # The first result is an entry or a notebook.
    page.wait_for_url(lambda url: "search.html" not in url)
    assert query != "entry 17" or page.url.endswith("/entries/day-017.html")
    page.context.close()


def test_nothing_is_found_where_nothing_is(chromium, long_site):
    page = opened(chromium, long_site / "search.html")
    page.keyboard.type("xyzzy")
    assert page.locator("#status").text_content() == "Nothing found."
    page.context.close()


def test_the_slash_leads_to_the_search(chromium, long_site):
    page = opened(chromium, long_site / "entries" / "day-010.html")
    page.keyboard.press("/")
    page.wait_for_url("**/search.html")
    assert page.evaluate("document.activeElement.id") == "query"
    page.context.close()


def test_the_choice_of_dark_is_kept(chromium, long_site):
    page = opened(chromium, long_site / "index.html", color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Show in dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    page.goto((long_site / "calendar.html").as_uri())
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.get_by_role("button", name="Show in light").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_without_scripts(chromium, long_site, name):
    page = opened(chromium, long_site / name, java_script_enabled=False)
    assert page.locator("h1").is_visible()
    assert page.locator(".theme").is_hidden()
    if name == "search.html":
        assert page.get_by_text("The search needs JavaScript").is_visible()
    if name == "entries/day-002.html":
        page.locator("summary").first.click()
        assert page.locator("details[open] pre").first.is_visible()
    page.context.close()


def test_what_no_longer_holds_is_marked(chromium, long_site):
    page = opened(chromium, long_site / "entries" / "day-070.html")
    assert page.locator("figure.stale .state").is_visible()
    assert page.locator(".banner").is_visible()
    page.context.close()


def test_the_keyboard_goes_through_a_page(chromium, long_site):
    page = opened(chromium, long_site / "entries" / "day-002.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.context.close()


def test_a_killed_build_leaves_a_whole_site(momentum, long_site):
    root = long_site.parent
    entry = root / "entries" / "day-033.md"
    for delay in range(1, 60, 4):
        entry.write_text(entry.read_text().replace("Entry 33", f"Entry 33 {delay}", 1))
        build = subprocess.Popen([momentum, "build", "--no-run", root])
        try:
            build.wait(timeout=delay / 1000)
        except subprocess.TimeoutExpired:
            build.kill()
            build.wait()
        listed = (long_site / ".momentum-site").read_text().splitlines()[1:]
        paths = [long_site / line.split(" ", 1)[1] for line in listed]
        missing = [path for path in paths if not path.is_file()]
        assert missing == []
        titles = {
            (long_site / page).read_text().count(f"Entry 33 {delay}") > 0
            for page in ["entries/day-033.html", "entries/day-034.html", "days/1.html"]
        }
        assert len(titles) == 1, f"half of the pages are new after {delay} ms"
    subprocess.run([momentum, "build", "--no-run", root], check=True, timeout=PATIENCE)
