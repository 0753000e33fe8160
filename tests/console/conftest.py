"""The console as a person meets it: everything that `tongku up` runs, seen through a real Chromium.

One world per test process: web, workers, sweeper, simulator and demo as separate processes on the embedded servers,
two shops whose buyers keep buying. Without a browser the tests fail under CI=true and are skipped, with the reason,
elsewhere. The browser's driver occupies this thread's event loop, so it lives no longer than this package's tests.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.console.running import BROWSER_FLAGS, NO_BROWSER, World, browser_path, hub_up, sign_in


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path."""
    found = browser_path()
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    return found


@pytest.fixture(scope="session")
def world(chromium: str, new_database: Callable[[], str], scratch: Path) -> Iterator[World]:
    """Everything up, orders arriving; ended in order at the end. Valkey is its own: its workers would answer the bells
    that other tests of this process ring."""
    home = Path(tempfile.mkdtemp(prefix="console-", dir=scratch))
    settings = {"HUB_SIM_ORDERS_PER_MINUTE": "60", "HUB_DATABASE_URL": new_database()}
    with hub_up(home, settings) as world:
        yield world
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A person's browser: nothing in it yet."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, world: World) -> Iterator[Page]:
    """A signed-in admin's page; it must not have complained when the test ends."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    sign_in(page, world)
    yield page
    assert complaints == [], "the browser complained"
