"""Ingest: once each, whatever the delivery repeats or reorders."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from channels.kit.types import OrderPage, OrderStatus
from hub.core.cases import CaseKind
from hub.core.db import Database
from orders.sales.errors import Unreadable
from orders.sales.ingest import ingest, ingest_page
from orders.sales.lifecycle import State
from orders.sales.queries import open_private
from orders.sales.raw import store_webhook
from orders.sales.tables import order_event, order_line, raw_answer, sales_order
from tests.orders.given import (
    SEAL,
    a_world,
    all_is_well,
    book_all,
    count,
    deliver,
    entries_of,
    levels,
    line,
    lines_of,
    open_cases,
    order,
    reading,
)


async def test_a_new_order_is_stored_with_its_lines_and_waits_for_units(db: Database) -> None:
    world = await a_world(db, {"A": 5, "B": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2), line("B", 1, price="5.00")], total=Decimal("26.00")))
    assert (stored.state, stored.changed) == (State.NEW, True)
    lines = await lines_of(db, stored.order_id)
    assert [one.sku_id for one in lines] == [world.skus["A"], world.skus["B"]]
    assert sum(one.amount for one in lines) == Decimal("26.00")
    assert await entries_of(db, stored.order_id) == ["recorded"]


async def test_a_page_that_comes_twice_changes_nothing(db: Database) -> None:
    world = await a_world(db, {"A": 50})
    page = [reading(str(number), [line("A")]) for number in range(10)]
    first = await deliver(world, *page, raw=b"a page")
    again = await deliver(world, *page, *page, raw=b"a page")
    assert [one.order_id for one in again] == [one.order_id for one in first]
    assert not any(one.changed for one in again)
    assert (await count(db, sales_order), await count(db, order_line)) == (10, 10)
    assert (await count(db, order_event), await count(db, raw_answer)) == (10, 1)


async def test_an_older_version_is_ignored(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [line("A", 3)], version=5))
    [older] = await deliver(world, reading("1", [line("A", 1)], version=4))
    assert not older.changed
    assert [one.qty for one in await lines_of(db, stored.order_id)] == [3]


async def test_a_cancel_before_its_order_leaves_a_tombstone_that_stays_cancelled(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    await deliver(world, reading("1", status=OrderStatus.CANCELLED, version=2))
    [late] = await deliver(world, reading("1", [line("A")], version=1))
    await book_all(db)
    stored = await order(db, late.order_id)
    assert (stored.state, stored.cancel) == (State.CANCELLED, True)
    assert await levels(db, world.skus["A"]) == (5, 0)
    await all_is_well(db)


async def test_twenty_concurrent_deliveries_make_one_order(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    await asyncio.gather(*[deliver(world, reading("1", [line("A", 2)]), reading("2", [line("A")])) for _ in range(20)])
    assert (await count(db, sales_order), await count(db, order_line), await count(db, order_event)) == (2, 2, 2)
    await book_all(db)
    assert await levels(db, world.skus["A"]) == (5, 3)


async def test_an_edit_after_the_reservation_frees_the_old_units_and_asks_anew(db: Database) -> None:
    world = await a_world(db, {"A": 5, "B": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2)], version=1))
    await book_all(db)
    [edited] = await deliver(world, reading("1", [line("A", 1), line("B", 3)], version=2))
    assert (edited.state, await levels(db, world.skus["A"])) == (State.NEW, (5, 0))
    await book_all(db)
    row = await order(db, stored.order_id)
    assert (row.state, row.attempt) == (State.RESERVED, 2)
    assert await levels(db, world.skus["A"]) == (5, 1)
    assert await levels(db, world.skus["B"]) == (5, 3)
    await all_is_well(db)


async def test_an_edit_that_changes_no_units_keeps_the_reservation(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2)], version=1))
    await book_all(db)
    [edited] = await deliver(world, reading("1", [line("A", 2, price="9.00")], version=2))
    row = await order(db, stored.order_id)
    assert (edited.state, row.attempt) == (State.RESERVED, 1)
    assert (await lines_of(db, stored.order_id))[0].amount == Decimal("18.00")
    await all_is_well(db)


async def test_a_line_that_disappears_asks_for_nothing(db: Database) -> None:
    world = await a_world(db, {"A": 5, "B": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2), line("B")], version=1))
    await book_all(db)
    await deliver(world, reading("1", [line("B")], version=2))
    await book_all(db)
    assert await levels(db, world.skus["A"]) == (5, 0)
    assert {one.external_line_id: one.qty for one in await lines_of(db, stored.order_id)} == {"L-A": 0, "L-B": 1}
    await all_is_well(db)


async def test_lines_without_units_ask_for_nothing(db: Database) -> None:
    world = await a_world(db, {"A": 5, "B": 0})
    [stored] = await deliver(world, reading("1", [line("A"), line("B", 0, qty_ordered=2)], total=Decimal("10.00")))
    await book_all(db)
    assert (await order(db, stored.order_id)).state == State.RESERVED
    assert [one.amount for one in await lines_of(db, stored.order_id)] == [Decimal("10.00"), Decimal("0.00")]


async def test_an_order_of_which_all_was_removed_is_cancelled_and_can_come_back(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2)], version=1))
    await book_all(db)
    await deliver(world, reading("1", [line("A", 0)], version=2))
    assert (await order(db, stored.order_id)).state == State.CANCELLED
    assert await levels(db, world.skus["A"]) == (5, 0)
    await deliver(world, reading("1", [line("A", 1)], version=3))
    await book_all(db)
    assert (await order(db, stored.order_id)).state == State.RESERVED
    assert await levels(db, world.skus["A"]) == (5, 1)
    await all_is_well(db)


async def test_the_same_version_with_another_body_keeps_the_first_and_is_noted_once(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2)], version=1))
    for _ in range(3):
        [other] = await deliver(world, reading("1", [line("A", 4)], version=1))
        assert not other.changed
    assert [one.qty for one in await lines_of(db, stored.order_id)] == [2]
    assert await entries_of(db, stored.order_id) == ["recorded", "differs"]
    assert await count(db, sales_order) == 1


async def test_a_status_that_moves_on_within_one_second_is_not_lost(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    lines = [line("A")]
    [stored] = await deliver(world, reading("1", lines, status=OrderStatus.PENDING, paid_at=None))
    assert stored.state is State.PENDING
    [paid] = await deliver(world, reading("1", lines))
    assert paid.state is State.NEW


async def test_an_order_with_an_unknown_item_is_quarantined_with_one_case_that_counts_up(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    strange = line("A", platform_sku="P-unknown", sku=None)
    results = [(await deliver(world, reading(str(number), [strange])))[0] for number in range(3)]
    assert {one.state for one in results} == {State.UNMAPPED}
    [case] = await open_cases(db)
    assert case.kind == CaseKind.UNMAPPED_LISTING
    assert case.seen >= 3


async def test_buyer_data_is_stored_sealed_only(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [line("A")]), raw=b'{"name": "Wang Xiaoming"}')
    row = await order(db, stored.order_id)
    assert "Wang" not in str(dict(row._mapping))
    async with db.transaction() as session:
        kept = (await session.execute(select(raw_answer.c.body))).scalar_one()
        private = await open_private(session, SEAL, stored.order_id)
    assert b"Wang" not in kept
    assert private == {"buyer": {"name": "Wang Xiaoming"}, "ship_to": {"phone": "13800000000"}}


async def test_ingest_of_one_order_seals_with_the_seal_of_the_session(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    async with db.transaction() as session:
        session.info["seal"] = SEAL
        stored = await ingest(session, world.shop, reading("1", [line("A")]))
        again = await ingest(session, world.shop, reading("1", [line("A")]))
    assert (again.order_id, again.changed) == (stored.order_id, False)
    assert (await order(db, stored.order_id)).private is not None


async def test_a_field_of_five_megabytes_is_refused_alone_and_the_page_goes_on(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    bad = reading("1", [line("A")], buyer={"note": "x" * 5_000_000})
    good = reading("2", [line("A")])
    async with db.transaction() as session:
        with pytest.raises(Unreadable):
            await ingest(session, world.shop, bad)
    results = await deliver(world, bad, good)
    assert [one.state for one in results] == [State.NEW]
    [case] = await open_cases(db)
    assert (case.kind, case.facts["external_id"]) == (CaseKind.UNREADABLE_ORDER, "1")
    await deliver(world, reading("1", [line("A")]))
    assert await open_cases(db) == []


async def test_what_the_adapter_could_not_read_becomes_a_case(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    page = OrderPage(orders=(), raw=b"half", refused=(("77", "no lines"), ("", "cut off")))
    for _ in range(2):
        async with db.transaction() as session:
            await ingest_page(session, world.shop, page, SEAL)
    assert [(case.kind, case.seen) for case in await open_cases(db)] == [(CaseKind.UNREADABLE_ORDER, 2)] * 2


async def test_zero_bytes_and_impossible_amounts_are_refused_alone(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    results = await deliver(
        world,
        reading("1", [line("A").model_copy(update={"title": "a\x00b"})]),
        reading("2", [line("A", price="1e30")]),
        reading("3", [line("A"), line("A")]),
        reading("4", [line("A")]),
    )
    assert len(results) == 1
    assert len(await open_cases(db)) == 3


@pytest.mark.parametrize(
    "spoilt",
    [
        {"placed_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"placed_at": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)},
        {"paid_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"modified_at": datetime(9999, 12, 31, tzinfo=UTC)},
        {"total": Decimal(-5)},
        {"shipping": Decimal(-5)},
        {"total": Decimal(10) ** 12},
        {"total": None, "lines": (line("A", 1_000_000, price="99999999999"),)},
        {"lines": (line("A", price="999999999999.9999999"),)},
    ],
    ids=str,
)
async def test_an_order_of_no_age_or_beyond_the_books_is_refused_alone_and_the_others_are_reserved(
    db: Database, spoilt: dict[str, Any]
) -> None:
    world = await a_world(db, {"A": 5})
    good = reading("1", [line("A")])
    results = await deliver(world, good, reading("2", [line("A")]).model_copy(update=spoilt))
    await book_all(db)
    assert [(await order(db, one.order_id)).state for one in results] == [State.RESERVED]
    assert [case.kind for case in await open_cases(db)] == [CaseKind.UNREADABLE_ORDER]


async def test_an_order_without_lines_waits_for_a_better_reading(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [], version=1))
    assert stored.state is State.HELD
    [better] = await deliver(world, reading("1", [line("A")], version=2))
    assert better.state is State.NEW


async def test_a_webhook_is_kept_once_per_event_id(db: Database) -> None:
    world = await a_world(db, {})
    async with db.transaction() as session:
        said = [
            await store_webhook(session, world.shop.id, event_id, b'{"id": 5}', SEAL) for event_id in ("a", "b", "a")
        ]
    assert said == [True, True, False]
    assert await count(db, raw_answer) == 2


async def test_a_page_of_250_orders_takes_a_handful_of_statements(db: Database) -> None:
    world = await a_world(db, {f"S{number}": 5 for number in range(50)})
    page = [reading(str(number), [line(f"S{number % 50}"), line(f"S{(number + 1) % 50}")]) for number in range(250)]
    async with db.transaction() as session:
        statements: list[str] = []
        connection = await session.connection()
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None
        with driver.query_logger(lambda record: statements.append(record.query)):
            await ingest_page(session, world.shop, OrderPage(orders=tuple(page), raw=b"page"), SEAL)
    assert len(statements) < 20
    assert (await count(db, sales_order), await count(db, order_line)) == (250, 500)
