"""A day's tasks without a mouse."""

import pytest
from playwright.sync_api import Page, expect

from tests.console.running import World

pytestmark = pytest.mark.browser


def test_slash_searches(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("CUP-500-WHT")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("CUP-500-WHT")


def test_g_and_a_letter_lead_to_a_page(page: Page, world: World) -> None:
    for letter, address in {
        "o": "/orders",
        "s": "/stock",
        "c": "/cases",
        "v": "/vouchers",
        "p": "/shops",
        "h": "/",
    }.items():
        page.keyboard.press("g")
        page.keyboard.press(letter)
        page.wait_for_url(f"{world.url}{address}")


def test_j_and_k_walk_the_rows_and_enter_opens_one(page: Page, world: World) -> None:
    page.goto(f"{world.url}/stock")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    first = page.locator("tr[data-row]").first
    expect(first.locator("a").first).to_be_focused()
    code = first.locator("a").first.inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text(code)
    expect(page).to_have_url(f"{world.url}/stock/{page.url.rsplit('/', 1)[1]}")


def test_a_question_mark_shows_the_shortcuts_and_escape_closes_them(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()


def test_the_palette_leads_to_a_page(page: Page, world: World) -> None:
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-field")).to_be_focused()
    page.keyboard.type("vou")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{world.url}/vouchers")


def test_the_first_stop_of_the_tab_key_skips_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
