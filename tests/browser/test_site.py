"""The Day 2 page as a reader sees it, on a desk and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def day_two(site) -> str:
    """The page's path on the site."""
    pages = [path for path in site.rglob("*.html") if "day-02" in str(path.relative_to(site))]
    pages = [path for path in pages if "notebooks" not in path.relative_to(site).parts]
    assert pages, sorted(path.name for path in site.rglob("*.html"))
    return str(min(pages, key=lambda path: len(path.parts)).relative_to(site))


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desk", "phone"])
def page(request, chromium, address, day_two, pictures):
    """The page in one of two widths, with what the browser complained about."""
    width, height = request.param
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.complaints = []
    page.requests = []
    page.on("console", lambda m: m.type in ("error", "warning") and page.complaints.append(m.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("requestfailed", lambda r: page.complaints.append(f"failed: {r.url}"))
    page.on("response", lambda r: r.status >= 400 and page.complaints.append(f"{r.status} {r.url}"))
    page.on("request", lambda r: page.requests.append(r.url))
    page.goto(f"{address}/{day_two}", wait_until="networkidle")
    page.screenshot(path=pictures / f"day-02-{width}.png", full_page=True)
    yield page
    page.close()


def test_figures_are_there_and_drawn(page):
    figures = page.locator("main figure")
    assert figures.count() >= 3
    for n in range(figures.count()):
        figure = figures.nth(n)
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        assert box and box["width"] > 100 and box["height"] > 20, f"figure {n + 1}: {box}"
    broken = page.evaluate(
        "[...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)"
    )
    assert broken == []
    unnamed = page.evaluate("[...document.images].filter(i => !i.hasAttribute('alt')).length")
    assert unnamed == 0


def test_every_page_is_for_everyone_on_a_phone(chromium, address, site):
    pages = sorted(path.relative_to(site) for path in site.rglob("*.html"))
    assert len(pages) > 20
    page = chromium.new_page(viewport={"width": 390, "height": 844}, bypass_csp=True)
    found = {}
    for path in pages:
        page.goto(f"{address}/{path}", wait_until="load")
        for one in Axe().run(page).response["violations"]:
            found[f"{path}: {one['id']}"] = [node["target"] for node in one["nodes"]]
    page.close()
    assert found == {}


def test_nothing_sticks_out(page):
    scroll, shown = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert scroll <= shown


def test_the_browser_has_no_complaint(page):
    assert page.complaints == []


def test_all_comes_from_the_site_itself(page, address):
    elsewhere = [url for url in page.requests if not url.startswith((address, "data:", "blob:"))]
    assert elsewhere == []


def test_everyone_can_read_it(page):
    violations = Axe().run(page).response["violations"]
    serious = [
        (found["id"], [node["target"] for node in found["nodes"]])
        for found in violations
        if found["impact"] in ("serious", "critical")
    ]
    assert serious == []
