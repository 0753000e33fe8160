"""Lists are saved as files that a spreadsheet opens without running anything, whole and page by page."""

import csv
import io

import pytest

from finance.setup import ensure_book
from hub.core.cases import CaseKind, close_case, open_case
from hub.core.people import Role
from hub.web.pages import export
from hub.web.pages.export import cell
from stockpool.catalogue import add_sku
from tests.hub.web.conftest import Web
from tests.orders.given import a_world, deliver, line, reading


async def table(web: Web, role: Role, address: str) -> list[dict[str, str]]:
    client, _ = await web.person(role)
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_numbers_stay_numbers_and_long_ones_keep_every_digit() -> None:
    assert cell(-3) == "-3"
    assert cell("820982911946154508") == "820982911946154508\t"
    assert cell(None) == ""


async def test_every_order_is_in_the_file_once_over_several_pages(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE_ROWS", 3)
    world = await a_world(web.doors.db, {"CUP": 5})
    await deliver(world, *[reading(str(1000 + n), [line("CUP")]) for n in range(8)])
    rows = await table(web, Role.OPERATOR, "/orders.csv")
    assert sorted(row["channel order"] for row in rows) == [str(1000 + n) for n in range(8)]


async def test_a_file_holds_what_the_filter_shows(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 5})
    await deliver(world, reading("1", [line("CUP")]), reading("2", [line("CUP")]))
    assert [row["number"] for row in await table(web, Role.OPERATOR, "/orders.csv?q=2")] == ["2"]


async def test_stock_with_a_dangerous_name_is_harmless(web: Web) -> None:
    async with web.doors.db.transaction() as session:
        await add_sku(session, "=cmd", '@evil "name", 中文')
    (row,) = await table(web, Role.WAREHOUSE, "/stock.csv")
    assert (row["sku"], row["name"]) == ("'=cmd", '\'@evil "name", 中文')


async def test_cases_are_saved_by_state_and_kind(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE_ROWS", 2)
    async with web.doors.db.transaction() as session:
        ids = [await open_case(session, CaseKind.FAILED_JOB, f"job:{n}") for n in range(5)]
        await open_case(session, CaseKind.STALE_FEED, "shop:1")
        await close_case(session, ids[0], "test", "-done")
    assert len(await table(web, Role.FINANCE, "/cases.csv?kind=failed_job")) == 4
    (closed,) = await table(web, Role.OPERATOR, "/cases.csv?state=closed")
    assert closed["resolution"] == "'-done"


async def test_vouchers_are_saved_by_those_who_may_see_the_books(web: Web) -> None:
    async with web.doors.db.transaction() as session:
        await ensure_book(session)
    assert await table(web, Role.FINANCE, "/vouchers.csv") == []
    client, _ = await web.person(Role.WAREHOUSE)
    assert (await client.get("/vouchers.csv")).status_code == 403


@pytest.mark.parametrize("name", ["orders", "stock", "cases", "vouchers"])
async def test_nobody_saves_a_list_without_signing_in_or_as_a_viewer(web: Web, name: str) -> None:
    stranger = web.client()
    assert (await stranger.get(f"/{name}.csv")).status_code == 303
    client, _ = await web.person(Role.VIEWER)
    assert (await client.get(f"/{name}.csv")).status_code == 403
