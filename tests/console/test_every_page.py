"""What every page owes to everybody: no accessibility fault, no sideways scrolling, both languages, both themes."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.console.pages import PAGES, visit
from tests.console.running import REPOSITORY, World, prefer

pytestmark = pytest.mark.browser

WIDTHS = (360, 1024, 1920)
_AXE = REPOSITORY / "hub/web/static/vendor/axe.min.js"
_SERIOUS = """async () => {
    const found = await axe.run(document, {resultTypes: ["violations"]});
    return found.violations.filter(one => ["serious", "critical"].includes(one.impact))
        .map(one => one.id + ": " + one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(" | "));
}"""


@pytest.fixture(scope="module")
def axe() -> str:
    if not _AXE.exists():
        pytest.fail("axe-core is missing: make installs the console's libraries.")
    return Path(_AXE).read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_page_has_a_serious_accessibility_fault(
    page: Page, world: World, axe: str, language: str, theme: str
) -> None:
    prefer(page, world, language=language, theme=theme)
    page.emulate_media(reduced_motion="reduce")
    faults = {}
    for name in PAGES:
        visit(page, world, name)
        page.evaluate(axe)
        if found := page.evaluate(_SERIOUS):
            faults[name] = found
    prefer(page, world, language="en", theme="")
    assert faults == {}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_page_scrolls_sideways(page: Page, world: World, language: str) -> None:
    prefer(page, world, language=language)
    wide = []
    for name in PAGES:
        visit(page, world, name)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if over > 0:
                wide.append((name, width, over))
    prefer(page, world, language="en")
    assert wide == []


def test_the_chosen_language_is_kept_with_the_person(page: Page, world: World) -> None:
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="中文").click()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.locator("h1").inner_text() == "概览"
    page.context.clear_cookies(name="tongku_lang")
    page.goto(f"{world.url}/orders")
    assert page.locator("h1").inner_text() == "订单"
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="English").click()
    assert page.locator("h1").inner_text() == "Orders"
