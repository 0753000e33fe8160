"""The pages of the console, and how to reach one that needs a row."""

from playwright.sync_api import Page

from tests.console.running import World

PAGES: dict[str, tuple[str, str]] = {
    "overview": ("/", ""),
    "orders": ("/orders", ""),
    "order": ("/orders?state=to_ship", "#list tbody a"),
    "cases": ("/cases", ""),
    "stock": ("/stock", ""),
    "sku": ("/stock?only=reserved", "#list tbody a"),
    "shops": ("/shops", ""),
    "shop": ("/shops", ".grid h2 a"),
    "connect": ("/shops/connect?kind=tmall", ""),
    "vouchers": ("/vouchers", ""),
    "voucher": ("/vouchers", "table tbody a"),
    "balance": ("/vouchers/balance", ""),
    "settings": ("/settings", ""),
    "people": ("/settings/people", ""),
    "keys": ("/settings/keys", ""),
    "audit": ("/settings/audit", ""),
    "search": ("/search?q=CUP", ""),
    "password": ("/password", ""),
}
"""name -> (address, what to click there; '' = nothing)"""


def visit(page: Page, world: World, name: str) -> None:
    """Go to a page by its name."""
    address, link = PAGES[name]
    page.goto(world.url + address)
    if link:
        target = page.locator(link).first.get_attribute("href")
        page.goto(f"{world.url}{target}")
    page.locator("main h1").first.wait_for()
