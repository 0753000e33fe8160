"""Programs work with the hub through the API: the same verbs, checks and trail as in the console."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from arq.connections import create_pool
from sqlalchemy import text

from finance.setup import ensure_book
from hub.core.cases import CaseKind, open_case
from hub.core.db import Database
from hub.core.keys import revoke_key
from hub.core.people import Role
from hub.core.queue import QUEUE, redis_settings
from hub.web.api.operations import OPERATIONS
from tests.hub.web.conftest import Web
from tests.orders.given import World, a_world, book_all, deliver, line, reading

SF = {"carrier": "SF", "waybill": "SF1"}


async def rows(db: Database, query: str, **values: Any) -> list[Any]:
    async with db.transaction() as session:
        return list(await session.execute(text(query), values))


async def reserved_orders(web: Web, count: int, *, lines: int = 1) -> tuple[World, list[UUID]]:
    """A shop with orders that wait to be shipped, oldest first."""
    world = await a_world(web.doors.db, {"CUP": 1000, "TEA": 1000})
    goods = [line("CUP", 2, price="12.34"), line("TEA", 3)][:lines]
    told = await deliver(world, *[reading(str(1000 + n), goods) for n in range(count)])
    await book_all(web.doors.db)
    return world, [one.order_id for one in told]


async def rung(web: Web) -> set[str]:
    """The jobs whose bell was rung."""
    pool = await create_pool(redis_settings(web.doors.settings.redis()), default_queue_name=QUEUE)
    try:
        waiting = await pool.queued_jobs(queue_name=QUEUE)
    finally:
        await pool.aclose()
    return {":".join([job.function, *map(str, job.args)]) for job in waiting}


async def test_who_brings_neither_key_nor_session_is_told_how_to_sign_in(web: Web) -> None:
    answer = await web.client().get("/api/orders")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_signed_in"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer tk_wrong", "Bearer " + "x" * 43, "Basic YTpi", "Bearer", "Bearer é" * 8])
async def test_a_key_that_does_not_exist_opens_nothing(web: Web, header: str) -> None:
    answer = await web.client(Authorization=header.encode("latin-1")).get("/api/orders")  # type: ignore[arg-type]
    assert answer.status_code == 401


async def test_a_revoked_key_opens_nothing(web: Web) -> None:
    program = await web.program(Role.VIEWER, "old")
    assert (await program.get("/api/orders")).status_code == 200
    async with web.doors.db.transaction() as session:
        await revoke_key(session, "old", "test")
    assert (await program.get("/api/orders")).status_code == 401


@pytest.mark.parametrize("role", Role)
async def test_each_role_may_do_exactly_what_the_index_says(web: Web, role: Role) -> None:
    program = await web.program(role)
    index = (await program.get("/api/")).json()
    for told in index["operations"]:
        path = told["path"].replace("{id}", "1" if "shops" in told["path"] or "cases" in told["path"] else str(uuid4()))
        answer = await program.request(told["method"], path.replace("{code}", "X").replace("{move}", "close"), json={})
        assert (answer.status_code == 403) is not told["allowed"], (told, answer.text)
        assert answer.status_code < 500, (told, answer.text)


async def test_a_session_reads_but_writes_only_with_its_token(web: Web) -> None:
    _, (order_id,) = await reserved_orders(web, 1)
    browser, token = await web.person(Role.WAREHOUSE)
    assert (await browser.get("/api/orders")).status_code == 200
    forged = await browser.post(f"/api/orders/{order_id}/ship", json=SF)
    assert forged.status_code == 403
    shipped = await browser.post(f"/api/orders/{order_id}/ship", json=SF, headers={"X-CSRF-Token": token})
    assert shipped.status_code == 200
    other_site = {"X-CSRF-Token": token, "Sec-Fetch-Site": "cross-site"}
    assert (await browser.post(f"/api/orders/{order_id}/ship", json=SF, headers=other_site)).status_code == 403


async def test_orders_come_in_pages_that_hold_each_order_once(web: Web) -> None:
    world, ids = await reserved_orders(web, 5)
    program = await web.program(Role.VIEWER)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = (await program.get("/api/orders", params={"limit": 2, "after": after, "state": "reserved"})).json()
        seen += [order["id"] for order in page["orders"]]
        after = page["next"]
    assert sorted(seen) == sorted(map(str, ids))
    assert len((await program.get("/api/orders", params={"q": "1003"})).json()["orders"]) == 1
    assert len((await program.get("/api/orders", params={"shop": world.shop.id})).json()["orders"]) == 5
    assert (await program.get("/api/orders", params={"state": "cancelled"})).json() == {"orders": [], "next": None}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "after=x", "shop=x", "state=x", "q=%00%01", "after=9999_x"]
)
async def test_a_wrong_question_is_refused_in_words(web: Web, query: str) -> None:
    answer = await (await web.program(Role.VIEWER)).get(f"/api/orders?{query}")
    assert answer.status_code in {404, 422} or query.startswith("q=")
    assert answer.status_code < 500
    for path in ("stock", "vouchers", "cases"):
        assert (await (await web.program(Role.ADMIN, f"k {path}")).get(f"/api/{path}?{query}")).status_code < 500


async def test_an_order_is_shown_with_exact_money_and_utc_times_and_without_its_buyer(web: Web) -> None:
    _, (order_id,) = await reserved_orders(web, 1, lines=2)
    shown = await (await web.program(Role.ADMIN)).get(f"/api/orders/{order_id}")
    order = shown.json()
    assert order["order"]["placed_at"] == "2026-11-24T08:00:00.000000Z"
    assert order["lines"][0]["unit_price"] == "12.340000"
    assert [one["reserved"] for one in order["lines"]] == [2, 3]
    assert order["timeline"][0]["kind"] == "recorded"
    assert "Wang" not in shown.text
    assert "13800000000" not in shown.text


async def test_shipping_moves_the_goods_rings_the_bell_and_leaves_a_trail(web: Web) -> None:
    _, (order_id,) = await reserved_orders(web, 1)
    program = await web.program(Role.WAREHOUSE, "scanner")
    told = (await program.post(f"/api/orders/{order_id}/ship", json=SF)).json()
    assert UUID(told["shipment_id"])
    db = web.doors.db
    assert (await rows(db, "SELECT state FROM sales_order")) == [("shipped",)]
    assert (await rows(db, "SELECT actor FROM shipment")) == [("key:scanner",)]
    assert {"tell_shipments", "handle_events"} <= await rung(web)
    acts = await rows(db, "SELECT actor, action, subject FROM audit_log WHERE action = 'order.ship'")
    assert acts == [("key:scanner", "order.ship", f"order:{order_id}")]


async def test_the_same_key_ships_once_and_another_parcel_under_it_is_a_conflict(web: Web) -> None:
    _, (order_id,) = await reserved_orders(web, 1, lines=2)
    program = await web.program(Role.WAREHOUSE)
    cup, tea = (await program.get(f"/api/orders/{order_id}")).json()["lines"]
    key, address = {"Idempotency-Key": "box 1"}, f"/api/orders/{order_id}/ship"
    one = SF | {"lines": [{"line_id": cup["id"], "qty": 1}]}
    first = await program.post(address, json=one, headers=key)
    again = await program.post(address, json=one, headers=key)
    assert first.json() == again.json()
    for other in (
        SF | {"lines": [{"line_id": cup["id"], "qty": 2}]},
        SF | {"lines": [{"line_id": tea["id"], "qty": 1}]},
        one | {"waybill": "SF2"},
        SF,
    ):
        refused = await program.post(address, json=other, headers=key)
        assert refused.status_code == 409, other
        assert refused.json()["error"]["code"] == "key_reused"
    rest = await program.post(address, json=SF, headers={"Idempotency-Key": "box 2"})
    assert rest.status_code == 200
    assert (await program.post(address, json=SF, headers={"Idempotency-Key": "box 2"})).json() == rest.json()
    units = await rows(web.doors.db, "SELECT sum(qty) FROM stock_move WHERE cause = 'ship'")
    assert units == [(Decimal(5),)]


async def test_without_a_key_a_repeated_parcel_is_known_by_its_waybill(web: Web) -> None:
    _, (order_id,) = await reserved_orders(web, 1, lines=2)
    program = await web.program(Role.WAREHOUSE)
    cup, _ = (await program.get(f"/api/orders/{order_id}")).json()["lines"]
    address, part = f"/api/orders/{order_id}/ship", SF | {"lines": [{"line_id": cup["id"], "qty": 1}]}
    assert (await program.post(address, json=part)).json() == (await program.post(address, json=part)).json()
    whole = await program.post(address, json=SF)
    assert whole.json() == (await program.post(address, json=SF)).json()
    assert (await program.post(address, json=SF | {"waybill": "SF9"})).status_code == 409
    assert await rows(web.doors.db, "SELECT sum(qty) FROM stock_move WHERE cause = 'ship'") == [(Decimal(5),)]


async def test_many_orders_ship_in_one_call_and_each_has_its_own_answer(web: Web) -> None:
    _, ids = await reserved_orders(web, 30)
    program = await web.program(Role.WAREHOUSE)
    parcels = [{"order_id": str(one), "carrier": "SF", "waybill": f"SF{n}"} for n, one in enumerate(ids)]
    nobody = {"order_id": str(uuid4()), "carrier": "SF", "waybill": "SF"}
    told = (await program.post("/api/shipments", json={"shipments": [*parcels, nobody]})).json()
    assert (told["shipped"], told["refused"]) == (30, 1)
    assert [one["order_id"] for one in told["results"][:30]] == list(map(str, ids))
    assert told["results"][30]["error"]["code"] == "no_such_order"
    again = (await program.post("/api/shipments", json={"shipments": parcels})).json()
    assert again["results"] == told["results"][:30]
    assert await rows(web.doors.db, "SELECT count(*) FROM shipment") == [(30,)]
    assert "tell_shipments" in await rung(web)
    (audited,) = (await rows(web.doors.db, "SELECT detail FROM audit_log WHERE action = 'order.ship' LIMIT 1"))[0]
    assert audited["orders"][:30] == list(map(str, ids))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"carrier": "SF"',
        b'{"carrier": "SF"}',
        b'{"carrier": "SF", "waybill": ""}',
        b'{"carrier": "SF", "waybill": "1", "more": 1}',
        b'{"carrier": "S\\u0000F", "waybill": "1"}',
        b'{"carrier": "S\\ud800F", "waybill": "1"}',
        b'{"carrier": "SF", "waybill": "1", "lines": []}',
        b'{"carrier": "SF", "waybill": "1", "lines": [{"line_id": "x", "qty": 1}]}',
        b'{"carrier": "SF", "waybill": "1", "lines": [{"line_id": "' + str(UUID(int=1)).encode() + b'", "qty": true}]}',
        b'{"carrier": "' + b"x" * 101 + b'", "waybill": "1"}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
async def test_a_body_that_does_not_fit_is_refused_and_changes_nothing(web: Web, body: bytes) -> None:
    _, (order_id,) = await reserved_orders(web, 1)
    program = await web.program(Role.WAREHOUSE)
    answer = await program.post(f"/api/orders/{order_id}/ship", content=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid"
    assert await rows(web.doors.db, "SELECT count(*) FROM shipment") == [(0,)]


async def test_a_body_of_two_megabytes_is_refused_as_json(web: Web) -> None:
    answer = await (await web.program(Role.WAREHOUSE)).post("/api/shipments", content=b"x" * 2_000_000)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


async def test_more_than_a_hundred_shipments_are_refused(web: Web) -> None:
    parcels = [{"order_id": str(uuid4()), **SF}] * 101
    answer = await (await web.program(Role.WAREHOUSE)).post("/api/shipments", json={"shipments": parcels})
    assert answer.status_code == 422


async def test_an_order_is_held_let_go_and_cancelled(web: Web) -> None:
    _, (order_id,) = await reserved_orders(web, 1)
    program = await web.program(Role.OPERATOR)
    address = f"/api/orders/{order_id}"
    held = await program.post(f"{address}/hold", json={"reason": "call the buyer", "keep_stock": True})
    assert held.json()["state"] == "held"
    assert (await program.post(f"{address}/ship", json=SF)).status_code == 409
    assert (await program.post(f"{address}/unhold")).json()["state"] == "reserved"
    assert (await program.post(f"{address}/unhold")).status_code == 409
    assert (await program.post(f"{address}/cancel", json={"reason": "the buyer asks"})).json()["state"] == "cancelled"
    assert (await program.post(f"{address}/cancel", json={"reason": "the buyer asks"})).json()["state"] == "cancelled"
    acts = [row[0] for row in await rows(web.doors.db, "SELECT action FROM audit_log ORDER BY id")]
    assert [act for act in acts if act.startswith("order.")][:3] == ["order.hold", "order.unhold", "order.cancel"]
    assert await rows(web.doors.db, "SELECT reserved FROM stock_level ORDER BY sku_id") == [(0,), (0,)]


async def test_stock_is_received_once_per_reference_adjusted_and_explained(web: Web) -> None:
    await a_world(web.doors.db, {})
    program = await web.program(Role.WAREHOUSE)
    made = await program.post("/api/skus", json={"code": "A/B 1", "name": "Cup", "barcode": "690"})
    assert made.json() == (await program.post("/api/skus", json={"code": "A/B 1", "name": "Cup"})).json()
    goods = {"sku": "A/B 1", "qty": 7, "unit_cost": "3.141593", "reference": "PO-1"}
    first = await program.post("/api/stock/receive", json=goods)
    assert first.json() == (await program.post("/api/stock/receive", json=goods)).json()
    assert (await program.post("/api/stock/receive", json=goods | {"qty": 8})).status_code == 409
    found = {"sku": "A/B 1", "qty_delta": -2, "reason": "damaged", "reference": "COUNT-1"}
    assert (await program.post("/api/stock/adjust", json=found)).json()["voided"] == []
    await program.post("/api/stock/adjust", json=found)
    shown = (await program.get("/api/skus/A/B%201")).json()
    assert (shown["on_hand"], shown["reserved"], shown["free"]) == (5, 0, 5)
    listed = (await program.get("/api/stock", params={"q": "A/B"})).json()
    assert [(row["code"], row["free"]) for row in listed["stock"]] == [("A/B 1", 5)]
    assert {"relay", "handle_events"} <= await rung(web)
    assert (await program.get("/api/skus/NOBODY")).status_code == 404


@pytest.mark.parametrize("cost", [12.5, 12, "NaN", "-1", "1e3000000", "0.1234567", "Infinity", None, "", True])
async def test_money_is_decimal_text_or_refused(web: Web, cost: object) -> None:
    await a_world(web.doors.db, {"CUP": 1})
    goods = {"sku": "CUP", "qty": 1, "unit_cost": cost, "reference": "PO-1"}
    assert (await (await web.program(Role.WAREHOUSE)).post("/api/stock/receive", json=goods)).status_code == 422


async def test_a_skus_offers_are_explained_step_by_step(web: Web) -> None:
    await reserved_orders(web, 1)
    shown = (await (await web.program(Role.VIEWER)).get("/api/skus/CUP")).json()
    (offer,) = shown["offers"]
    assert offer["offer"] == 998
    assert offer["steps"][0] == {"name": "on_hand", "value": 1000, "running": 1000}
    assert offer["steps"][-1]["running"] == 998


async def test_a_case_is_worked_on_by_the_moves_that_it_offers(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 1})
    async with web.doors.db.transaction() as session:
        first = await open_case(session, CaseKind.STALE_FEED, "shop:1", shop_id=world.shop.id, error="no answer")
        await open_case(session, CaseKind.STALE_FEED, "shop:2", error="no answer")
    program = await web.program(Role.OPERATOR)
    listed = (await program.get("/api/cases", params={"kind": "stale_feed", "shop": world.shop.id})).json()
    assert [(one["case"]["id"], one["moves"]) for one in listed["cases"]] == [(first, ["pull", "pause", "close"])]
    missing = await program.post(f"/api/cases/{first}/moves/close", json={})
    assert missing.status_code == 422
    closed = await program.post(f"/api/cases/{first}/moves/close", json={"note": "it answers again"})
    assert closed.json()["case"]["state"] == "closed"
    assert (await program.post(f"/api/cases/{first}/moves/close", json={"note": "again"})).status_code == 404
    finance = await web.program(Role.FINANCE)
    (left,) = (await finance.get("/api/cases")).json()["cases"]
    assert left["moves"] == ["close"]
    assert (await finance.post(f"/api/cases/{left['case']['id']}/moves/pause", json={})).status_code == 403


async def test_a_shop_is_paused_resumed_and_pulled_and_shows_no_credentials(web: Web) -> None:
    world = await a_world(web.doors.db, {})
    program = await web.program(Role.OPERATOR)
    address = f"/api/shops/{world.shop.id}"
    assert (await program.post(f"{address}/pause")).json()["shop"]["state"] == "paused"
    assert (await program.post(f"{address}/resume")).json()["shop"]["state"] == "active"
    assert (await program.post(f"{address}/pull")).status_code == 200
    (shop,) = (await program.get("/api/shops")).json()["shops"]
    assert shop["name"] == "Tmall A"
    assert not {"credentials", "settings", "base_url"} & set(shop)
    assert f"pull_orders:{world.shop.id}" in await rung(web)
    assert (await program.post("/api/shops/999/pause")).status_code == 404


async def test_vouchers_are_listed_for_those_who_may_see_the_books(web: Web) -> None:
    async with web.doors.db.transaction() as session:
        await ensure_book(session)
    finance, warehouse = await web.program(Role.FINANCE), await web.program(Role.WAREHOUSE)
    assert (await finance.get("/api/vouchers")).json() == {"vouchers": [], "next": None}
    assert (await finance.get(f"/api/vouchers/{uuid4()}")).status_code == 404
    assert (await finance.get("/api/vouchers", params={"after": "2026-11_x_y"})).status_code == 404
    assert (await warehouse.get("/api/vouchers")).status_code == 403


async def test_the_document_describes_every_operation_and_only_those(web: Web) -> None:
    document = (await (await web.program(Role.VIEWER)).get("/api/openapi.json")).json()
    described = {(method.upper(), path) for path, ways in document["paths"].items() for method in ways}
    assert described == {(one.method, one.path.replace(":path", "")) for one in OPERATIONS}
    for ways in document["paths"].values():
        for told in ways.values():
            reference = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            assert reference.get("$ref", "/Ship").rpartition("/")[2] in document["components"]["schemas"]


async def test_what_is_not_there_is_refused_as_json(web: Web) -> None:
    program = await web.program(Role.ADMIN)
    assert (await program.get("/api/nothing")).json()["error"]["code"] == "not_served"
    assert (await program.delete("/api/orders")).status_code == 405
    assert (await program.get("/api/orders/x")).json()["error"]["code"] == "not_found"


async def test_a_program_changes_a_shops_buffer_or_pace_and_leaves_the_rest(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 10})
    program = await web.program(Role.OPERATOR)
    address = f"/api/shops/{world.shop.id}"
    changed = (await program.post(address, json={"buffer_units": 2})).json()["shop"]
    assert (changed["buffer_units"], changed["poll_seconds"]) == (2, 2)
    changed = (await program.post(address, json={"poll_seconds": 60})).json()["shop"]
    assert (changed["buffer_units"], changed["poll_seconds"]) == (2, 60)
    for wrong in ({}, {"buffer_units": -1}, {"poll_seconds": 0}, {"buffer_units": "2"}, {"name": "x"}):
        assert (await program.post(address, json=wrong)).status_code == 422, wrong
    assert len(await rows(web.doors.db, "SELECT id FROM audit_log WHERE action = 'shop.change'")) == 2


async def test_a_shorter_pause_counts_from_now_on_unless_the_shop_is_resting_after_failures(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 10})
    program = await web.program(Role.OPERATOR)
    due = "SELECT next_pull_at < now() + interval '1 minute' AS soon FROM shop"
    for failures, soon in ((3, False), (0, True)):
        await rows(
            web.doors.db,
            "UPDATE shop SET next_pull_at = now() + interval '1 day', failures = :failures RETURNING id",
            failures=failures,
        )
        await program.post(f"/api/shops/{world.shop.id}", json={"poll_seconds": 5})
        assert [row.soon for row in await rows(web.doors.db, due)] == [soon]
