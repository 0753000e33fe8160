"""Shipping: goods leave once, the claims become moves, the event tells what was paid for which units."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from channels.kit.types import OrderStatus
from hub.core.cases import CaseKind
from hub.core.db import Database
from hub.core.errors import Invalid
from hub.core.outbox import outbox
from orders.sales.cancel import cancel
from orders.sales.errors import ClaimsGone, KeyReused, NoSuchOrder, NotAllowed
from orders.sales.hold import hold, unhold
from orders.sales.lifecycle import State
from orders.sales.queries import order_detail, ready_to_ship
from orders.sales.ship import ship
from orders.sales.tables import shipment
from stockpool.floor.adjust import adjust
from tests.orders.given import (
    World,
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
    relay,
)


async def a_reserved_order(
    db: Database, *lines: Any, stock: Mapping[str, int] | None = None, **more: Any
) -> tuple[World, UUID]:
    world = await a_world(db, stock or {"A": 5, "B": 5})
    [stored] = await deliver(world, reading("1", lines or [line("A", 2), line("B")], **more))
    await book_all(db)
    return world, stored.order_id


async def ship_it(db: Database, order_id: UUID, **more: Any) -> UUID:
    values = {"carrier": "SF", "waybill": "SF100", "actor": "warehouse"} | more
    async with db.transaction() as session:
        return await ship(session, order_id, **values)


async def fulfilled(db: Database) -> list[dict[str, Any]]:
    async with db.transaction() as session:
        query = select(outbox.c.payload).where(outbox.c.topic == "order.fulfilled").order_by(outbox.c.id)
        return list((await session.execute(query)).scalars())


async def test_shipping_moves_the_goods_and_tells_what_was_paid(db: Database) -> None:
    world, order_id = await a_reserved_order(db, total=Decimal("33.00"), shipping=Decimal("3.00"))
    shipment_id = await ship_it(db, order_id)
    row = await order(db, order_id)
    assert (row.state, row.claimed) == (State.SHIPPED, False)
    assert (await levels(db, world.skus["A"]), await levels(db, world.skus["B"])) == ((3, 0), (4, 0))
    [told] = await fulfilled(db)
    assert (told["order_id"], told["shipment_id"], told["currency"]) == (str(order_id), str(shipment_id), "CNY")
    assert sum(Decimal(one["amount"]) for one in told["lines"]) == Decimal("33.00")
    assert {one["sku_id"]: one["qty"] for one in told["lines"]} == {world.skus["A"]: 2, world.skus["B"]: 1}
    assert all({"line_id", "move_id", "warehouse_id", "title"} <= one.keys() for one in told["lines"])
    assert await entries_of(db, order_id) == ["recorded", "reserved", "shipped"]
    await all_is_well(db)


async def test_shipping_twice_is_shipping_once(db: Database) -> None:
    world, order_id = await a_reserved_order(db)
    assert await ship_it(db, order_id) == await ship_it(db, order_id)
    assert await levels(db, world.skus["A"]) == (3, 0)
    assert await count(db, shipment) == 1
    assert len(await fulfilled(db)) == 1
    with pytest.raises(KeyReused, match="SF100"):
        await ship_it(db, order_id, waybill="SF999")
    with pytest.raises(NotAllowed, match="shipped already"):
        await ship_it(db, order_id, key="another click")


async def test_ten_people_who_ship_at_once_ship_once(db: Database) -> None:
    world, order_id = await a_reserved_order(db)
    shipments = await asyncio.gather(*[ship_it(db, order_id, key="scan-1") for _ in range(10)])
    assert len(set(shipments)) == 1
    assert await levels(db, world.skus["A"]) == (3, 0)
    assert len(await fulfilled(db)) == 1


async def test_shipping_against_cancelling_ends_in_one_of_both(db: Database) -> None:
    world, order_id = await a_reserved_order(db)

    async def cancel_it() -> None:
        async with db.transaction() as session:
            await cancel(session, order_id, "test", "no longer wanted")

    await asyncio.gather(ship_it(db, order_id), cancel_it(), return_exceptions=True)
    row = await order(db, order_id)
    assert row.state in {State.SHIPPED, State.CANCELLED}
    assert await levels(db, world.skus["A"]) == ((3, 0) if row.state == State.SHIPPED else (5, 0))
    await all_is_well(db)


async def test_a_part_shipment_keeps_the_rest_reserved_and_the_amounts_add_up(db: Database) -> None:
    world, order_id = await a_reserved_order(db, line("A", 3), stock={"A": 5}, total=Decimal("10.00"))
    [row] = await lines_of(db, order_id)
    first = await ship_it(db, order_id, key="parcel 1", quantities={row.id: 1})
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.RESERVED, (4, 2))
    await all_is_well(db)
    second = await ship_it(db, order_id, key="parcel 2", quantities={row.id: 1})
    assert await ship_it(db, order_id, key="parcel 1", quantities={row.id: 1}) == first
    third = await ship_it(db, order_id, key="parcel 3")
    assert len({first, second, third}) == 3
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.SHIPPED, (2, 0))
    assert [Decimal(told["lines"][0]["amount"]) for told in await fulfilled(db)] == [
        Decimal("3.33"), Decimal("3.34"), Decimal("3.33"),
    ]  # fmt: skip
    await all_is_well(db)


async def test_an_edit_after_a_part_shipment_asks_only_for_what_is_left(db: Database) -> None:
    world, order_id = await a_reserved_order(db, line("A", 3), stock={"A": 9})
    [row] = await lines_of(db, order_id)
    await ship_it(db, order_id, key="parcel 1", quantities={row.id: 1})
    await deliver(world, reading("1", [line("A", 5)], version=2))
    await book_all(db)
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.RESERVED, (8, 4))
    await all_is_well(db)
    await deliver(world, reading("1", [line("A", 1)], version=3))
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.SHIPPED, (8, 0))
    await all_is_well(db)


async def test_what_is_not_reserved_is_not_shipped(db: Database) -> None:
    world = await a_world(db, {"A": 1})
    new, short = await deliver(world, reading("1", [line("A")]), reading("2", [line("A", 5)], version=2))
    with pytest.raises(NotAllowed, match="no reserved units"):
        await ship_it(db, new.order_id)
    await book_all(db)
    with pytest.raises(NotAllowed, match="backordered"):
        await ship_it(db, short.order_id)
    async with db.transaction() as session:
        await cancel(session, short.order_id, "test", "no longer wanted")
    with pytest.raises(NotAllowed, match="cancelled"):
        await ship_it(db, short.order_id)
    with pytest.raises(NoSuchOrder):
        await ship_it(db, UUID(int=1))
    with pytest.raises(Invalid):
        await ship_it(db, new.order_id, waybill=" ")
    with pytest.raises(Invalid):
        await ship_it(db, new.order_id, quantities={(await lines_of(db, new.order_id))[0].id: 2})


async def test_an_order_that_just_lost_its_units_is_not_shipped(db: Database) -> None:
    world, order_id = await a_reserved_order(db)
    async with db.transaction() as session:
        await adjust(session, sku_id=world.skus["A"], qty_delta=-4, reason="count", reference="c1", actor="test")
    with pytest.raises(ClaimsGone):
        await ship_it(db, order_id)
    await relay(db)
    assert (await order(db, order_id)).state == State.BACKORDERED
    await all_is_well(db)


async def test_a_held_order_keeps_its_units_but_does_not_leave(db: Database) -> None:
    world, order_id = await a_reserved_order(db)
    async with db.transaction() as session:
        await hold(session, order_id, "operator", "address looks wrong")
    with pytest.raises(NotAllowed, match="held"):
        await ship_it(db, order_id)
    assert await levels(db, world.skus["A"]) == (5, 2)
    await all_is_well(db)
    async with db.transaction() as session:
        assert await unhold(session, order_id, "operator") is State.RESERVED
    await ship_it(db, order_id)
    await all_is_well(db)


async def test_a_hold_may_give_the_units_back_until_the_order_goes_on(db: Database) -> None:
    world, order_id = await a_reserved_order(db)
    async with db.transaction() as session:
        await hold(session, order_id, "operator", "fraud check", keep_stock=False)
    assert await levels(db, world.skus["A"]) == (5, 0)
    await deliver(world, reading("1", [line("A", 2), line("B")], version=2, total=Decimal("9.00")))
    assert (await order(db, order_id)).state == State.HELD, "the channel does not undo a hold made here"
    await all_is_well(db)
    async with db.transaction() as session:
        assert await unhold(session, order_id, "operator") is State.NEW
    await book_all(db)
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.RESERVED, (5, 2))
    await all_is_well(db)


async def test_a_request_to_cancel_holds_the_order_and_its_withdrawal_lets_it_go(db: Database) -> None:
    world, order_id = await a_reserved_order(db)
    lines = [line("A", 2), line("B")]
    await deliver(world, reading("1", lines, version=2, cancel_requested=True))
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.HELD, (5, 2))
    await deliver(world, reading("1", lines, version=3))
    assert (await order(db, order_id)).state == State.RESERVED
    await all_is_well(db)


async def test_a_cancel_after_the_goods_left_is_flagged_and_becomes_a_case(db: Database) -> None:
    world, order_id = await a_reserved_order(db)
    await ship_it(db, order_id)
    await deliver(world, reading("1", [line("A", 0)], version=2, status=OrderStatus.CANCELLED))
    row = await order(db, order_id)
    assert (row.state, row.cancel) == (State.SHIPPED, True)
    assert [case.kind for case in await open_cases(db)] == [CaseKind.LATE_CANCEL]
    assert [one.qty for one in await lines_of(db, order_id)] == [2, 1], "what was shipped stays as it was"
    assert await levels(db, world.skus["A"]) == (3, 0)
    await all_is_well(db)


async def test_a_cancellation_here_is_not_undone_by_the_channel(db: Database) -> None:
    world, order_id = await a_reserved_order(db)
    async with db.transaction() as session:
        await cancel(session, order_id, "operator", "sold out")
        await cancel(session, order_id, "operator", "sold out")
    await deliver(world, reading("1", [line("A", 3)], version=9))
    await book_all(db)
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.CANCELLED, (5, 0))
    assert (await entries_of(db, order_id)).count("cancelled") == 1
    await all_is_well(db)


async def test_what_the_channel_says_has_left_is_posted_here_too(db: Database) -> None:
    world, order_id = await a_reserved_order(db)
    lines = [line("A", 2, qty_shipped=2), line("B", qty_shipped=1)]
    for status, version in ((OrderStatus.SHIPPED, 2), (OrderStatus.SHIPPED, 3), (OrderStatus.COMPLETED, 4)):
        await deliver(world, reading("1", lines, version=version, status=status))
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.COMPLETED, (3, 0))
    detail = await detail_of(db, order_id)
    assert [(one.carrier, one.told_at is not None) for one in detail.shipments] == [("channel", True)]
    assert len(await fulfilled(db)) == 1
    await all_is_well(db)


async def test_an_order_first_seen_as_shipped_takes_its_units_and_leaves(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2)], status=OrderStatus.SHIPPED))
    await book_all(db)
    assert ((await order(db, stored.order_id)).state, await levels(db, world.skus["A"])) == (State.SHIPPED, (3, 0))
    await all_is_well(db)


async def test_an_order_that_left_before_the_shop_was_connected_is_history(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    before = world.shop.created_at.replace(year=2020)
    [stored] = await deliver(world, reading("1", [line("A", 2)], status=OrderStatus.COMPLETED, placed_at=before))
    await book_all(db)
    assert ((await order(db, stored.order_id)).state, await levels(db, world.skus["A"])) == (State.COMPLETED, (5, 0))
    await all_is_well(db)


async def test_parts_shipped_at_the_channel_are_posted_part_by_part(db: Database) -> None:
    world, order_id = await a_reserved_order(db, line("A", 3), stock={"A": 5})
    for shipped, version in ((1, 2), (1, 3), (2, 4)):
        lines = [line("A", 3, qty_shipped=shipped)]
        await deliver(world, reading("1", lines, version=version, status=OrderStatus.PART_SHIPPED))
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.RESERVED, (3, 1))
    await ship_it(db, order_id)
    assert ((await order(db, order_id)).state, await levels(db, world.skus["A"])) == (State.SHIPPED, (2, 0))
    await all_is_well(db)


async def test_reserved_orders_are_ready_to_ship_until_they_left(db: Database) -> None:
    _, order_id = await a_reserved_order(db)
    async with db.transaction() as session:
        assert await ready_to_ship(session) == [order_id]
        assert await ready_to_ship(session, older_than_seconds=3600) == []
    await ship_it(db, order_id)
    async with db.transaction() as session:
        assert await ready_to_ship(session) == []


async def detail_of(db: Database, order_id: UUID) -> Any:
    async with db.transaction() as session:
        return await order_detail(session, order_id)
