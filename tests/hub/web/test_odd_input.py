"""What no browser of ours sends: every answer is a refusal in words, never an error of ours."""

from urllib.parse import quote

import pytest

from hub.core.people import Role
from tests.hub.web.conftest import Web
from tests.orders.given import a_world

NOBODY = "00000000-0000-0000-0000-000000000000"
ODD = (
    "\x00", "a\x00b", "\ud800".encode("utf-8", "surrogatepass"), b"\xff", "-1", str(2**64), "9" * 5000, "1e400",
    "\u0663", f"0001-01-01T00:00:00+12:00_{NOBODY}", f"9999-12-31T23:59:59-12:00_{NOBODY}", f"2026-\x00_5_{NOBODY}",
)  # fmt: skip
LISTS = (
    "/orders", "/stock", "/cases", "/vouchers", "/search", "/settings/audit", "/orders.csv", "/stock.csv",
    "/vouchers.csv", "/shops/1", "/sign-in", "/api/orders", "/api/stock", "/api/cases", "/api/vouchers",
)  # fmt: skip
NAMES = ("q", "after", "state", "shop", "kind", "period", "only", "before", "limit", "next")


@pytest.mark.parametrize("path", LISTS)
async def test_no_parameter_of_a_list_breaks_it(web: Web, path: str) -> None:
    await a_world(web.doors.db, {"CUP": 1})
    admin, _ = await web.person(Role.ADMIN)
    for name in NAMES:
        for value in ODD:
            answer = await admin.get(f"{path}?{name}={quote(value)}")
            assert answer.status_code < 500, (path, name, value)


@pytest.mark.parametrize("path", ["/orders/%00", "/api/skus/a%00b", "/stock/%00", "/cases/1/moves/%00", "/static/%00"])
async def test_a_zero_byte_in_an_address_leads_nowhere(web: Web, path: str) -> None:
    admin, _ = await web.person(Role.ADMIN)
    assert (await admin.get(path)).status_code in {404, 405}


@pytest.mark.parametrize(
    "value", ["0e999999", "1e400", "1e-999999", "NaN", "sNaN", "Infinity", "-1", "a\x00b", "9" * 29]
)
async def test_no_amount_breaks_a_receipt(web: Web, value: str) -> None:
    world = await a_world(web.doors.db, {"CUP": 1})
    admin, token = await web.person(Role.ADMIN)
    form = {"csrf": token, "qty": "1", "reference": "R", "unit_cost": value}
    assert (await admin.post(f"/stock/{world.skus['CUP']}/receive", data=form)).status_code == 422
    program = await web.program(Role.ADMIN)
    body = {"sku": "CUP", "qty": 1, "reference": "R", "unit_cost": value}
    assert (await program.post("/api/stock/receive", json=body)).status_code == 422


@pytest.mark.parametrize("name", ["a\x00b", "\x00", "x" * 5000, "\u202e"])
async def test_no_name_breaks_the_sign_in(web: Web, name: str) -> None:
    browser = web.client()
    token = (await browser.get("/sign-in")).text.split('name="csrf" value="')[1].split('"')[0]
    answer = await browser.post("/sign-in", data={"csrf": token, "name": name, "password": name})
    assert answer.status_code in {401, 422}
