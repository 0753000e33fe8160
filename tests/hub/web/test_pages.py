"""The pages over HTTP: who may see and do what, what a change needs, what every answer carries."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from channels.kit.types import OrderPage
from finance.post import post_batch
from finance.setup import ensure_book
from hub.core import outbox
from hub.core.people import Role
from hub.core.shops import get_shop
from hub.web.permissions import ACTS
from hub.web.routes import ROUTES
from orders.sales.ingest import ingest_page
from orders.sales.queries import in_flight
from stockpool.offers.publish import refresh
from tests.hub.web.conftest import Web
from tests.orders.given import World, a_world, book_all, levels, line, order, reading

FORMULA = "=HYPERLINK(1)"


async def shop_with_orders(web: Web, *, stock: int = 10, orders: int = 1) -> tuple[World, list[UUID]]:
    """A shop and reserved orders of two cups each; their numbers begin at 1000."""
    async with web.doors.db.transaction() as session:
        await ensure_book(session)
    world = await a_world(web.doors.db, {"CUP": stock})
    bought = tuple(reading(str(1000 + n), [line("CUP", 2)]) for n in range(orders))
    async with web.doors.db.transaction() as session:
        told = await ingest_page(session, world.shop, OrderPage(orders=bought, raw=b""), web.doors.seal)
    await book_all(web.doors.db)
    return world, [one.order_id for one in told]


async def post_books(web: Web) -> None:
    """What the worker does with waiting events, for the books alone."""
    async with web.doors.db.transaction() as session:
        waiting = await outbox.claim(session, 100)
        await post_batch(session, [event for _, event in waiting])
        await outbox.mark_handled(session, [outbox_id for outbox_id, _ in waiting])


async def acts_of(web: Web) -> list[str]:
    async with web.doors.db.transaction() as session:
        return list((await session.execute(text("SELECT action FROM audit_log ORDER BY id"))).scalars())


PAGES = (
    "/", "/?span=day", "/orders", "/orders?state=to_ship&q=10", "/stock", "/stock?only=reserved", "/cases",
    "/cases?state=closed", "/shops", "/shops/connect", "/shops/connect?kind=shopify", "/vouchers", "/vouchers/balance",
    "/settings", "/settings/people", "/settings/keys", "/settings/audit", "/password", "/search", "/search?q=CUP",
    "/search?q=nothing+like+it",
)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_page_answers_with_and_without_data(web: Web, language: str) -> None:
    async with web.doors.db.transaction() as session:
        await ensure_book(session)
    admin, token = await web.person(Role.ADMIN)
    await admin.post("/preferences", data={"csrf": token, "language": language})
    for path in PAGES:
        assert (await admin.get(path)).status_code == 200, path
    world, (order_id,) = await shop_with_orders(web)
    await admin.post(f"/orders/{order_id}/ship", data={"csrf": token, "carrier": "SF", "waybill": "W1", "key": "k"})
    await post_books(web)
    voucher = (await admin.get("/vouchers")).text.split('href="/vouchers/')[2].split('"')[0]
    more = (f"/orders/{order_id}", f"/stock/{world.skus['CUP']}", f"/shops/{world.shop.id}", f"/vouchers/{voucher}")
    for path in (*PAGES, *more):
        answer = await admin.get(path)
        assert answer.status_code in {200, 303}, path
        assert ("统库" if language == "zh" else "Tongku") in answer.text or answer.status_code == 303


async def test_without_a_session_every_page_leads_to_the_sign_in(web: Web) -> None:
    client = web.client()
    for path in PAGES:
        assert (await client.get(path)).headers.get("location", "").startswith("/sign-in"), path
    assert (await client.get("/live")).status_code == 401


def test_every_route_behind_the_sign_in_names_an_act_of_the_table() -> None:
    free = {"/healthz", "/readyz", "/metrics", "/sign-in", "/preferences", "/live"}
    for route in ROUTES:
        if isinstance(route, Route) and route.path not in free and not route.path.startswith(("/api", "/hooks")):
            assert getattr(route.endpoint, "act", None) in ACTS, route.path


async def test_a_viewer_sees_figures_but_no_buyer_and_changes_nothing(web: Web) -> None:
    world, (order_id,) = await shop_with_orders(web)
    viewer, token = await web.person(Role.VIEWER)
    assert (await viewer.get(f"/orders/{order_id}")).status_code == 200
    sku = f"/stock/{world.skus['CUP']}"
    forms: dict[str, dict[str, str]] = {
        f"/orders/{order_id}/buyer": {},
        f"/orders/{order_id}/ship": {"carrier": "SF", "waybill": "1", "key": "k"},
        f"/orders/{order_id}/cancel": {"reason": "x"},
        f"/orders/{order_id}/hold": {"reason": "x"},
        f"{sku}/receive": {"qty": "1", "unit_cost": "1", "reference": "r"},
        f"{sku}/adjust": {"qty": "1", "reason": "count", "nonce": "n"},
        "/stock": {"code": "X", "name": "X"},
        f"/shops/{world.shop.id}": {"do": "pause"},
        f"/shops/{world.shop.id}/credentials": {"secret-app_key": "x"},
        "/settings/people": {"name": "x", "role": "admin"},
    }
    for path, form in forms.items():
        assert (await viewer.post(path, data={"csrf": token, **form})).status_code == 403, path
    for path in ("/orders.csv", "/stock.csv", "/vouchers.csv", "/settings/people", "/settings/audit"):
        assert (await viewer.get(path)).status_code == 403, path
    assert (await order(web.doors.db, order_id)).state == "reserved"


@pytest.mark.parametrize("token", ["", "made up", None])
async def test_a_change_without_the_sessions_token_is_refused(web: Web, token: str | None) -> None:
    _, (order_id,) = await shop_with_orders(web)
    admin, _ = await web.person(Role.ADMIN)
    form = {"reason": "x"} | ({} if token is None else {"csrf": token})
    assert (await admin.post(f"/orders/{order_id}/cancel", data=form)).status_code == 403
    assert (await order(web.doors.db, order_id)).state == "reserved"


async def test_a_change_sent_by_another_site_is_refused_even_with_the_token(web: Web) -> None:
    _, (order_id,) = await shop_with_orders(web)
    admin, token = await web.person(Role.ADMIN)
    answer = await admin.post(
        f"/orders/{order_id}/cancel", data={"csrf": token, "reason": "x"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/sign-in", "/healthz", "/nowhere", "/static/console.css"])
async def test_every_answer_forbids_inline_script_framing_and_other_hosts(web: Web, path: str) -> None:
    headers = (await web.client().get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


async def test_no_page_holds_inline_script_style_or_another_host(web: Web) -> None:
    await shop_with_orders(web)
    admin, _ = await web.person(Role.ADMIN)
    for path in PAGES:
        html = (await admin.get(path)).text
        assert "<script>" not in html, path
        assert " style=" not in html, path
        assert 'src="http' not in html, path
        assert " onclick" not in html, path


async def test_a_body_beyond_the_limit_is_refused_unread(web: Web) -> None:
    client = web.client()
    assert (await client.post("/sign-in", content=b"x" * 1_000_001)).status_code == 413

    async def pieces() -> Any:
        for _ in range(11):
            yield b"x" * 100_000

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post("/sign-in", content=pieces(), headers=kind)).status_code == 413


async def test_the_buyer_is_shown_on_request_and_the_look_is_noted(web: Web) -> None:
    _, (order_id,) = await shop_with_orders(web)
    clerk, token = await web.person(Role.WAREHOUSE)
    assert "Wang Xiaoming" not in (await clerk.get(f"/orders/{order_id}")).text
    answer = await clerk.post(f"/orders/{order_id}/buyer", data={"csrf": token})
    assert "Wang Xiaoming" in answer.text
    assert "buyer.look" in await acts_of(web)


async def test_shipping_takes_the_units_and_a_second_click_changes_nothing(web: Web) -> None:
    world, (order_id,) = await shop_with_orders(web)
    clerk, token = await web.person(Role.WAREHOUSE)
    form = {"csrf": token, "carrier": "SF", "waybill": "SF9", "key": "console-1"}
    for _ in range(2):
        answer = await clerk.post(f"/orders/{order_id}/ship", data=form, headers={"HX-Request": "true"})
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, f"/orders/{order_id}")
    assert await levels(web.doors.db, world.skus["CUP"]) == (8, 0)


async def test_a_refused_action_says_why_and_keeps_the_form(web: Web) -> None:
    _, (order_id,) = await shop_with_orders(web)
    clerk, token = await web.person(Role.WAREHOUSE)
    form = {"csrf": token, "carrier": "SF", "waybill": "", "key": "k"}
    answer = await clerk.post(f"/orders/{order_id}/ship", data=form, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-retarget"]) == (422, "#notice")
    assert "Fill in the field waybill." in answer.text
    back = f"http://hub.test/orders/{order_id}"
    plain = await clerk.post(f"/orders/{order_id}/ship", data=form, headers={"Referer": back})
    assert (plain.status_code, plain.headers["location"]) == (303, f"/orders/{order_id}")
    assert "Fill in the field waybill." in (await clerk.get(plain.headers["location"])).text


async def test_holding_and_cancelling_go_through_the_verbs_and_the_trail(web: Web) -> None:
    world, (order_id,) = await shop_with_orders(web)
    operator, token = await web.person(Role.OPERATOR)
    await operator.post(f"/orders/{order_id}/hold", data={"csrf": token, "reason": "asks", "stock": "free"})
    assert (await order(web.doors.db, order_id)).state == "held"
    assert await levels(web.doors.db, world.skus["CUP"]) == (10, 0)
    await operator.post(f"/orders/{order_id}/unhold", data={"csrf": token})
    await book_all(web.doors.db)
    assert (await order(web.doors.db, order_id)).state == "reserved"
    await operator.post(f"/orders/{order_id}/cancel", data={"csrf": token, "reason": "asks"})
    assert (await order(web.doors.db, order_id)).state == "cancelled"
    assert {"order.hold", "order.unhold", "order.cancel"} <= set(await acts_of(web))


async def test_an_adjustment_tells_its_effect_before_it_is_booked(web: Web) -> None:
    world, _ = await shop_with_orders(web)
    clerk, token = await web.person(Role.WAREHOUSE)
    sku = f"/stock/{world.skus['CUP']}"
    assert "On hand 10 → 7." in (await clerk.get(f"{sku}/effect?qty=-3")).text
    assert "2 reserved units lose their goods" in (await clerk.get(f"{sku}/effect?qty=-10")).text
    assert "Only 10 units are on hand." in (await clerk.get(f"{sku}/effect?qty=-11")).text
    form = {"csrf": token, "qty": "-3", "reason": "damaged", "note": "", "nonce": "n1"}
    for _ in range(2):
        assert (await clerk.post(f"{sku}/adjust", data=form)).status_code == 303
    assert await levels(web.doors.db, world.skus["CUP"]) == (7, 2)


async def test_receiving_the_same_delivery_note_twice_books_it_once(web: Web) -> None:
    world, _ = await shop_with_orders(web)
    clerk, token = await web.person(Role.WAREHOUSE)
    form = {"csrf": token, "qty": "5", "unit_cost": "3.20", "reference": "DN-1"}
    for _ in range(2):
        await clerk.post(f"/stock/{world.skus['CUP']}/receive", data=form)
    assert await levels(web.doors.db, world.skus["CUP"]) == (15, 2)


async def test_a_reservation_names_its_warehouse_in_the_readers_language(web: Web) -> None:
    world, _ = await shop_with_orders(web)
    viewer, token = await web.person(Role.VIEWER)
    await viewer.post("/preferences", data={"csrf": token, "language": "zh"})
    page = (await viewer.get(f"/stock/{world.skus['CUP']}")).text
    assert 'data-label="仓库">主仓</td>' in page


async def test_costs_are_for_those_who_may_see_them(web: Web) -> None:
    world, _ = await shop_with_orders(web)
    await post_books(web)
    clerk, _ = await web.person(Role.OPERATOR)
    accountant, _ = await web.person(Role.FINANCE)
    page = f"/stock/{world.skus['CUP']}"
    assert "¥3.50" not in (await clerk.get(page)).text
    assert "¥3.50" in (await accountant.get(page)).text


async def test_credentials_are_typed_sealed_and_never_shown(web: Web) -> None:
    world, _ = await shop_with_orders(web)
    admin, token = await web.person(Role.ADMIN)
    connect = {
        "kind": "shopify", "name": "Second", "base_url": "http://127.0.0.1:1", "input-access_token": "shpat_first",
        "currency": "cny", "buffer": "3",
    }  # fmt: skip
    answer = await admin.post("/shops/connect", data={"csrf": token, **connect})
    shop = answer.headers["location"]
    await admin.post(f"{shop}/credentials", data={"csrf": token, "secret-access_token": "shpat_second"})
    page = (await admin.get(shop)).text
    assert "shpat_" not in page
    async with web.doors.db.transaction() as session:
        sealed = (await session.execute(text("SELECT credentials FROM shop WHERE name = 'Second'"))).scalar_one()
        assert b"shpat" not in sealed
        assert web.doors.seal.open_json(sealed) == {"access_token": "shpat_second"}
    assert world.shop.id


async def test_a_shop_is_paused_and_resumed(web: Web) -> None:
    world, _ = await shop_with_orders(web)
    operator, token = await web.person(Role.OPERATOR)
    address = f"/shops/{world.shop.id}"
    await operator.post(address, data={"csrf": token, "do": "pause"})
    assert "paused" in (await operator.get(address)).text
    await operator.post(address, data={"csrf": token, "do": "resume"})
    assert "trading" in (await operator.get(address)).text
    assert {"shop.pause", "shop.resume"} <= set(await acts_of(web))


async def test_a_shops_buffer_and_pace_are_changed_and_its_numbers_follow(web: Web) -> None:
    world, _ = await shop_with_orders(web)
    operator, token = await web.person(Role.OPERATOR)
    address = f"/shops/{world.shop.id}"
    assert "1 listing may change" in (await operator.get(address)).text
    async with web.doors.db.transaction() as session:
        await session.execute(text("DELETE FROM dirty"))
    form = {"csrf": token, "buffer": "3", "pause": "30"}
    assert (await operator.post(f"{address}/pace", data=form)).status_code == 303
    async with web.doors.db.transaction() as session:
        after = await get_shop(session, world.shop.id)
        dirty = list((await session.execute(text("SELECT sku_id FROM dirty"))).scalars())
        facts = (await session.execute(text("SELECT detail FROM audit_log WHERE action = 'shop.change'"))).scalar_one()
        await refresh(session, in_flight)
        wanted = (await session.execute(text("SELECT want_qty FROM listing"))).scalar_one()
    assert (after.buffer_units, after.poll_seconds, wanted) == (3, 30, 10 - 2 - 3)
    assert dirty == [world.skus["CUP"]]
    assert facts["before"] == {"buffer_units": 0, "poll_seconds": 2}
    assert facts["after"] == {"buffer_units": 3, "poll_seconds": 30}
    for wrong in ({"buffer": "-1"}, {"buffer": "10001"}, {"pause": "0"}, {"pause": "86401"}, {"pause": "soon"}):
        assert (await operator.post(f"{address}/pace", data=form | wrong)).status_code == 422, wrong


async def test_only_those_who_operate_shops_change_a_buffer(web: Web) -> None:
    world, _ = await shop_with_orders(web)
    for role in (Role.VIEWER, Role.WAREHOUSE, Role.FINANCE):
        person, token = await web.person(role)
        assert 'id="pace"' not in (await person.get(f"/shops/{world.shop.id}")).text
        form = {"csrf": token, "buffer": "3", "pause": "2"}
        assert (await person.post(f"/shops/{world.shop.id}/pace", data=form)).status_code == 403


@pytest.mark.parametrize(("language", "zone"), [("en", "China time (UTC+8)"), ("zh", "北京时间（UTC+8）")])
async def test_the_account_page_says_whose_clock_is_shown(web: Web, language: str, zone: str) -> None:
    viewer, token = await web.person(Role.VIEWER)
    await viewer.post("/preferences", data={"csrf": token, "language": language})
    assert zone in (await viewer.get("/settings")).text


@pytest.mark.parametrize(("language", "words"), [("en", "Books and goods"), ("zh", "账实核对")])
async def test_the_overview_names_what_it_compares(web: Web, language: str, words: str) -> None:
    async with web.doors.db.transaction() as session:
        await ensure_book(session)
    viewer, token = await web.person(Role.VIEWER)
    await viewer.post("/preferences", data={"csrf": token, "language": language})
    assert f"<h2>{words}</h2>" in (await viewer.get("/")).text


async def test_a_list_is_exported_whole_with_risky_cells_quoted(web: Web) -> None:
    await shop_with_orders(web, stock=1000, orders=205)
    admin, token = await web.person(Role.ADMIN)
    await admin.post("/stock", data={"csrf": token, "code": FORMULA, "name": "+risky"})
    answer = await admin.get("/orders.csv")
    assert answer.content.startswith(b"\xef\xbb\xbfnumber,")
    assert len(answer.text.strip().splitlines()) == 206
    stock = (await admin.get("/stock.csv")).text
    assert f"'{FORMULA},'+risky,0,0,0,0" in stock


async def test_the_search_opens_a_sure_hit_at_once(web: Web) -> None:
    world, (order_id,) = await shop_with_orders(web)
    viewer, _ = await web.person(Role.VIEWER)
    assert (await viewer.get("/search?q=1000")).headers["location"] == f"/orders/{order_id}"
    assert (await viewer.get("/search?q=cup")).headers["location"] == f"/stock/{world.skus['CUP']}"


@pytest.mark.parametrize(
    "path",
    ["/orders/x", f"/orders/{UUID(int=4)}", "/stock/abc", "/stock/999", "/cases/7", "/vouchers/x", "/shops/99", "/no"],
)
async def test_an_address_that_leads_nowhere_is_told_in_plain_words(web: Web, path: str) -> None:
    viewer, _ = await web.person(Role.VIEWER)
    answer = await viewer.get(path)
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.text


async def test_a_one_time_password_is_shown_once_to_the_admin_who_made_it(web: Web) -> None:
    admin, token = await web.person(Role.ADMIN)
    shown = await admin.post("/settings/people", data={"csrf": token, "name": "wang", "role": "warehouse"})
    once = shown.text.split("<code>")[1].split("</code>")[0]
    assert len(once) == 19
    assert once not in (await admin.get("/settings/people")).text


async def test_an_api_key_is_shown_once_and_can_be_revoked(web: Web) -> None:
    admin, token = await web.person(Role.ADMIN)
    shown = await admin.post("/settings/keys", data={"csrf": token, "name": "erp", "role": "viewer"})
    key = shown.text.split("<code>")[1].split("</code>")[0]
    program: httpx.AsyncClient = web.client(Authorization=f"Bearer {key}")
    assert (await program.get("/api/stock")).status_code == 200
    await admin.post("/settings/keys/revoke", data={"csrf": token, "name": "erp"})
    assert (await program.get("/api/stock")).status_code == 401


async def test_what_nobody_foresaw_is_answered_in_words_inside_the_headers(web: Web) -> None:
    async def broken(_request: Request) -> Response:
        raise RuntimeError("a secret detail")

    web.app.router.routes.insert(0, Route("/broken", broken))
    try:
        answer = await web.client().get("/broken")
    finally:
        del web.app.router.routes[0]
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


async def test_the_live_stream_tells_figures_and_no_buyer(web: Web) -> None:
    await shop_with_orders(web)
    await web.doors.live.look()
    stream = web.doors.live.stream()
    event = await anext(stream)
    await stream.aclose()
    assert event.startswith("event: pulse\ndata: {")
    told = json.loads(event.split("data: ", 1)[1])
    assert told["figures"]["to_ship"] == 1
    assert set(told["texts"]) == {"en", "zh"}
    assert "Wang" not in event
