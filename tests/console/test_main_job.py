"""The main job, walked as a person walks it."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.console.running import World

pytestmark = pytest.mark.browser


def test_a_person_signs_in_watches_an_order_arrive_resolves_a_case_ships_and_opens_the_voucher(
    page: Page, world: World
) -> None:
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    _watch_an_order_arrive(page)
    _resolve_a_case(page)
    _ship_an_order(page)
    _open_the_voucher(page)


def _watch_an_order_arrive(page: Page) -> None:
    page.get_by_role("link", name="Orders", exact=True).click()
    bar = page.locator("[data-new-orders]")
    known = set(page.locator("#list tbody a.strong").all_inner_texts())
    expect(bar).to_be_visible(timeout=60_000)
    bar.click()
    for _ in range(40):  # what arrived while the page was being made may be counted as new although it stands there
        if set(page.locator("#list tbody a.strong").all_inner_texts()) - known:
            return
        page.reload()
    raise AssertionError("no new order arrived")


def _resolve_a_case(page: Page) -> None:
    page.get_by_role("link", name="Cases").first.click()
    sentence = page.locator(".what")
    expect(sentence).to_contain_text("we do not know which Sku that is")
    before = sentence.inner_text()
    page.get_by_label("Sku code").first.fill("CUP-500-WHT")
    page.get_by_role("button", name="Match", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("Done.")
    assert page.locator(".what").count() == 0 or page.locator(".what").inner_text() != before


def _ship_an_order(page: Page) -> None:
    page.goto(re.sub(r"/cases.*", "/orders?state=to_ship", page.url))
    page.locator("#list tbody a").first.click()
    page.get_by_label("Waybill", exact=True).fill("SF1234567890")
    page.get_by_role("button", name=re.compile("^Ship ")).click()
    expect(page.locator("h1")).to_contain_text("shipped")
    expect(page.get_by_role("cell", name="SF1234567890")).to_be_visible()


def _open_the_voucher(page: Page) -> None:
    link = page.locator("a[href^='/vouchers/']")
    for _ in range(40):  # the books follow within a second or two; each look is a new page
        if link.count():
            break
        page.reload()
    link.first.click()
    expect(page.get_by_role("heading", name="Accounting voucher")).to_be_visible()
    total = page.locator(".paper tfoot td.amount")
    assert total.nth(0).inner_text() == total.nth(1).inner_text() != ""
    expect(page.locator(".paper")).to_contain_text("主营业务收入")


def test_a_wrong_password_is_refused_in_words(context: BrowserContext, world: World) -> None:
    page = context.new_page()
    page.goto(f"{world.url}/sign-in")
    page.get_by_label("Name").fill("nobody here")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is not right.")
