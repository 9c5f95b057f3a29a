"""The picture of the first five minutes (docs/tour.svg, made by docs/tour.py)."""

import xml.etree.ElementTree as ElementTree

import pytest

from repository import ROOT

PICTURE = ROOT / "docs/tour.svg"
pytestmark = pytest.mark.browser


def test_it_is_small_and_says_what_it_shows():
    assert len(PICTURE.read_bytes()) < 200_000
    root = ElementTree.fromstring(PICTURE.read_text())
    names = {child.tag.split("}")[1] for child in root}
    assert {"title", "desc"} <= names
    assert "script" not in PICTURE.read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_stands_still_at_its_end_for_those_who_ask_for_that(chromium, pictures, scheme):
    context = chromium.new_context(
        viewport={"width": 800, "height": 600}, reduced_motion="reduce", color_scheme=scheme
    )
    page = context.new_page()
    page.goto(PICTURE.as_uri())
    assert page.evaluate("document.getAnimations().length") == 0
    # The last line is in the picture.
    last = page.locator("g.p text").last.bounding_box()
    whole = page.locator("svg").first.bounding_box()
    assert whole["y"] < last["y"] < whole["y"] + whole["height"]
    page.screenshot(path=pictures / f"tour-{scheme}.png")
    context.close()
