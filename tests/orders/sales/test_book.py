"""Booking: marketplace orders get their units, or become backorders with a case; never more than there is."""

import asyncio
from decimal import Decimal

from hub.core.cases import CaseKind
from hub.core.db import Database
from hub.core.redis import Redis
from orders.sales.book import book_new
from orders.sales.cancel import cancel
from orders.sales.lifecycle import State
from orders.sales.queries import counts, in_flight
from orders.sales.resolve import keep_waiting, map_and_drive, retry_backorder
from stockpool.claims.gate import Gate
from stockpool.claims.rules import MAX_LINES
from stockpool.floor.adjust import adjust
from stockpool.floor.receive import receive
from tests.orders.given import (
    World,
    a_world,
    all_is_well,
    book_all,
    deliver,
    entries_of,
    levels,
    line,
    open_cases,
    order,
    reading,
    relay,
)


async def receive_units(world: World, code: str, units: int, reference: str) -> None:
    async with world.db.transaction() as session:
        await receive(
            session,
            sku_id=world.skus[code],
            qty=units,
            unit_cost=Decimal("3.50"),
            reference=reference,
            actor="test",
        )


async def test_orders_are_reserved_while_there_is_stock_and_backordered_after(db: Database) -> None:
    world = await a_world(db, {"A": 3})
    orders = await deliver(world, *[reading(str(number), [line("A")], version=number) for number in range(5)])
    booked = await book_new(db, None)
    assert (booked.reserved, booked.backordered, booked.taken) == (3, 2, 5)
    assert await levels(db, world.skus["A"]) == (3, 3)
    assert {(await order(db, one.order_id)).state for one in orders} == {State.RESERVED, State.BACKORDERED}
    assert (await book_new(db, None)).taken == 0
    await all_is_well(db)


async def test_a_backordered_order_opens_a_case_that_names_what_was_published(db: Database) -> None:
    world = await a_world(db, {"A": 1, "B": 5})
    [stored] = await deliver(world, reading("1", [line("A", 3), line("B")], total=Decimal("40.00")))
    await book_all(db)
    [case] = await open_cases(db)
    assert (case.kind, case.order_id, case.cost_at_risk) == (
        CaseKind.EXTERNAL_OVERSELL,
        stored.order_id,
        Decimal("40.00"),
    )
    [fact] = case.facts["skus"]
    assert (fact["sku"], fact["missing"]) == ("A", 2)
    assert {"published", "version", "published_at"} <= fact.keys()
    assert await levels(db, world.skus["B"]) == (5, 0), "all lines or none"
    assert await entries_of(db, stored.order_id) == ["recorded", "backordered"]


async def test_two_lines_of_one_sku_with_stock_for_one_are_refused_whole(db: Database) -> None:
    world = await a_world(db, {"A": 1})
    [stored] = await deliver(world, reading("1", [line("A", line_id="L1"), line("A", line_id="L2")]))
    await book_all(db)
    assert (await order(db, stored.order_id)).state == State.BACKORDERED
    assert await levels(db, world.skus["A"]) == (1, 0)


async def test_booking_through_the_gate_gives_the_same_answers(db: Database, redis: Redis) -> None:
    world = await a_world(db, {"A": 10})
    gate = Gate(redis, db)
    await gate.fence()
    await deliver(world, *[reading(str(number), [line("A", 2)]) for number in range(7)])
    booked = await book_new(db, gate)
    assert (booked.reserved, booked.backordered) == (5, 2)
    await all_is_well(db)


async def test_four_workers_book_three_hundred_orders_once_each(db: Database) -> None:
    world = await a_world(db, {"A": 100, "B": 250})
    for start in range(0, 300, 100):
        await deliver(world, *[reading(str(number), [line("A"), line("B")]) for number in range(start, start + 100)])
    await asyncio.gather(*[book_some(db) for _ in range(4)])
    async with db.transaction() as session:
        states = await counts(session)
    assert (states[State.RESERVED], states[State.BACKORDERED], states[State.NEW]) == (100, 200, 0)
    assert await levels(db, world.skus["A"]) == (100, 100)
    await all_is_well(db)


async def book_some(db: Database) -> None:
    while (await book_new(db, None, limit=40)).taken:
        pass


async def test_cancels_racing_the_booking_of_two_hundred_orders_leave_nothing_reserved(db: Database) -> None:
    world = await a_world(db, {"A": 1000})
    orders = await deliver(world, *[reading(str(number), [line("A", 2)]) for number in range(200)])

    async def cancel_one(order_id: object) -> None:
        async with db.transaction() as session:
            await cancel(session, order_id, "test", "changed my mind")  # type: ignore[arg-type]

    await asyncio.gather(
        *[book_some(db) for _ in range(2)], *[cancel_one(one.order_id) for one in orders], return_exceptions=False
    )
    await book_all(db)
    async with db.transaction() as session:
        states = await counts(session)
    assert states[State.CANCELLED] == 200
    assert await levels(db, world.skus["A"]) == (1000, 0)
    await all_is_well(db)


async def test_a_received_unit_serves_the_oldest_backorder_first(db: Database) -> None:
    world = await a_world(db, {"A": 0})
    ids = []
    for number in range(3):
        [stored] = await deliver(
            world, reading(str(number), [line("A")], placed_at=reading().placed_at.replace(minute=10 - number))
        )
        ids.append(stored.order_id)
    await book_all(db)
    await receive_units(world, "A", 2, "PO-1")
    await relay(db)
    await book_all(db)
    assert [(await order(db, one)).state for one in ids] == [State.BACKORDERED, State.RESERVED, State.RESERVED]
    assert [case.order_id for case in await open_cases(db)] == [ids[0]]
    await all_is_well(db)


async def test_units_that_serve_nobody_whole_leave_the_backorders_alone(db: Database) -> None:
    world = await a_world(db, {"A": 0, "B": 0})
    [both] = await deliver(world, reading("1", [line("A"), line("B")]))
    await book_all(db)
    await receive_units(world, "A", 1, "PO-1")
    await relay(db)
    assert (await order(db, both.order_id)).state == State.BACKORDERED
    await receive_units(world, "B", 1, "PO-2")
    await relay(db)
    await book_all(db)
    row = await order(db, both.order_id)
    assert (row.state, row.attempt) == (State.RESERVED, 2)


async def test_a_cancelled_order_gives_its_units_to_the_next_backorder(db: Database) -> None:
    world = await a_world(db, {"A": 1})
    [first] = await deliver(world, reading("1", [line("A")]))
    await book_all(db)
    [second] = await deliver(world, reading("2", [line("A")]))
    await book_all(db)
    async with db.transaction() as session:
        await cancel(session, first.order_id, "test", "no longer wanted")
    await book_all(db)
    assert (await order(db, second.order_id)).state == State.RESERVED
    assert await levels(db, world.skus["A"]) == (1, 1)
    await all_is_well(db)


async def test_an_unmapped_order_is_reserved_once_its_listing_is_mapped(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2, platform_sku="P-new", sku=None)]))
    assert stored.state is State.UNMAPPED
    [case] = await open_cases(db)
    async with db.transaction() as session:
        await map_and_drive(session, case.listing_id, world.skus["A"], "operator")
    await relay(db)
    await book_all(db)
    assert (await order(db, stored.order_id)).state == State.RESERVED
    assert await levels(db, world.skus["A"]) == (5, 2)
    assert await open_cases(db) == []
    await all_is_well(db)


async def test_a_count_below_what_is_reserved_sends_the_newest_order_back_to_waiting(db: Database) -> None:
    world = await a_world(db, {"A": 3, "B": 3})
    [first] = await deliver(world, reading("1", [line("A", 2)]))
    await book_all(db)
    [second] = await deliver(world, reading("2", [line("A"), line("B")]))
    await book_all(db)
    async with db.transaction() as session:
        await adjust(session, sku_id=world.skus["A"], qty_delta=-1, reason="count", reference="count-1", actor="test")
    await relay(db)
    assert [(await order(db, one.order_id)).state for one in (first, second)] == [State.RESERVED, State.BACKORDERED]
    assert await levels(db, world.skus["B"]) == (3, 0), "an order holds all of its units or none"
    assert [case.kind for case in await open_cases(db)] == [CaseKind.SHORT_STOCK]
    await all_is_well(db)
    await receive_units(world, "A", 1, "PO-1")
    await relay(db)
    await book_all(db)
    assert (await order(db, second.order_id)).state == State.RESERVED
    assert await open_cases(db) == []
    await all_is_well(db)


async def test_a_person_may_retry_a_backorder_or_let_it_wait(db: Database) -> None:
    world = await a_world(db, {"A": 0})
    [stored] = await deliver(world, reading("1", [line("A")]))
    await book_all(db)
    async with db.transaction() as session:
        await retry_backorder(session, stored.order_id, "operator")
    await book_all(db)
    assert [(case.kind, case.seen) for case in await open_cases(db)] == [(CaseKind.EXTERNAL_OVERSELL, 2)]
    async with db.transaction() as session:
        await keep_waiting(session, stored.order_id, "operator")
    assert await open_cases(db) == []
    assert (await order(db, stored.order_id)).state == State.BACKORDERED


async def test_units_in_flight_are_counted_until_they_are_reserved(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    sku, shop = world.skus["A"], world.shop.id
    await deliver(world, reading("1", [line("A", 2)]), reading("2", [line("A", 1)]))
    async with db.transaction() as session:
        assert await in_flight(session, [sku]) == {(sku, shop): 3}
    await book_all(db)
    async with db.transaction() as session:
        assert await in_flight(session, [sku]) == {}


async def test_an_order_of_as_many_lines_as_a_channel_may_tell_is_reserved_like_any_other(db: Database) -> None:
    world = await a_world(db, {"A": 5000})
    lines = [line("A", line_id=f"L{number}") for number in range(MAX_LINES)]
    big, small = await deliver(world, reading("1", lines), reading("2", [line("A")]))
    await book_all(db)
    assert (await order(db, big.order_id)).state == State.RESERVED
    assert (await order(db, small.order_id)).state == State.RESERVED
