"""Takes the pictures of the documents (`make screenshots`) from the demo on a temporary home, as it is, nothing staged.

Invariant: no case is resolved and no order shipped by hand; each picture is 1440 x 900 and light, and has been loaded
whole when it is taken.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.console.running import BROWSER_FLAGS, NO_BROWSER, REPOSITORY, World, browser_path, hub_up, prefer, sign_in

IMAGES = REPOSITORY / "docs" / "images"
ORDERS = 250
PER_MINUTE = 50
_MOST_LOOKS = 450  # one every two seconds


def main() -> None:
    """Write the pictures into docs/images."""
    browser_at = browser_path()
    if browser_at is None:
        sys.exit(NO_BROWSER)
    with (
        tempfile.TemporaryDirectory(prefix="tongku-") as home,
        hub_up(Path(home), {"HUB_SIM_ORDERS_PER_MINUTE": str(PER_MINUTE)}) as world,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=browser_at, args=BROWSER_FLAGS)
        context = browser.new_context(
            locale="en-GB", viewport={"width": 1440, "height": 900}, reduced_motion="reduce", color_scheme="light"
        )
        page = context.new_page()
        sign_in(page, world)
        _tell(f"{PER_MINUTE} orders a minute arrive; the pictures are taken at {ORDERS} ...")
        _wait_for_orders(page)
        _take_all(page, world)
        browser.close()


def _wait_for_orders(page: Page) -> None:
    shown = page.locator('[data-live="last_hour"]')
    for _ in range(_MOST_LOOKS):
        if int(shown.inner_text().replace(",", "")) >= ORDERS:
            return
        page.wait_for_timeout(2000)
    sys.exit("The orders did not arrive; the pictures were not taken.")


def _take_all(page: Page, world: World) -> None:
    page.goto(f"{world.url}/cases")
    _take(page, "case.png")
    page.goto(f"{world.url}/stock?only=reserved")
    page.goto(world.url + (page.locator("#list tbody a").first.get_attribute("href") or ""))
    _take(page, "sku.png")
    for language, name in (("zh", "overview-zh.png"), ("en", "overview.png")):
        prefer(page, world, language=language, theme="light")
        page.goto(f"{world.url}/")
        _take(page, name)


def _take(page: Page, name: str) -> None:
    page.locator("main h1").first.wait_for()
    page.evaluate("document.fonts.ready")
    if page.locator("[data-chart]").count():
        page.locator("[data-chart] canvas").first.wait_for()
    page.screenshot(path=IMAGES / name, animations="disabled")
    _tell(f"docs/images/{name}: {(IMAGES / name).stat().st_size // 1000} kB")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
