"""Reading orders: pages without gaps, filters, search, figures."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.dialects.postgresql import insert

from channels.kit.types import OrderStatus
from hub.core.db import Database
from orders.sales.errors import NoSuchOrder
from orders.sales.lifecycle import State
from orders.sales.queries import (
    OrderFilter,
    OrderRow,
    counts,
    in_flight,
    lag,
    list_orders,
    oldest_new_age,
    order_detail,
    orders_per_minute,
    timeline,
)
from orders.sales.ship import ship
from stockpool.tables import listing, push_log
from tests.orders.given import T0, a_world, book_all, deliver, line, order, reading


async def listed(db: Database, wanted: OrderFilter, limit: int = 50) -> list[OrderRow]:
    rows: list[OrderRow] = []
    after = None
    while True:
        async with db.transaction() as session:
            page = await list_orders(session, wanted, after, limit)
        rows += page.rows
        if page.next is None:
            return rows
        after = page.next


async def test_pages_follow_each_other_without_gap_or_repeat(db: Database) -> None:
    world = await a_world(db, {"A": 100})
    same_moment = [reading(str(number), [line("A")]) for number in range(25)]
    await deliver(world, *same_moment)
    rows = await listed(db, OrderFilter(), limit=4)
    assert len(rows) == len({row.id for row in rows}) == 25
    assert [(row.placed_at, row.id) for row in rows] == sorted([(row.placed_at, row.id) for row in rows], reverse=True)


async def test_filters_and_search_find_what_is_meant(db: Database) -> None:
    world = await a_world(db, {"A": 100, "TEA-1": 0})
    other = await a_world(db, {"A": 0}, "Shopify B")
    await deliver(world, reading("7001", [line("A")], number="#1001"), reading("7002", [line("TEA-1")], number="#1002"))
    await deliver(other, reading("8001", [line("A")], number="N_1%"))
    await book_all(db)

    async def found(**wanted: object) -> set[str]:
        return {row.external_id for row in await listed(db, OrderFilter(**wanted))}  # type: ignore[arg-type]

    assert await found() == {"7001", "7002", "8001"}
    assert await found(states=["backordered"]) == {"7002"}
    assert await found(shop_id=other.shop.id) == {"8001"}
    assert await found(text="700") == {"7001", "7002"}
    assert await found(text="1002") == {"7002"}
    assert await found(text="TEA-1") == {"7002"}
    assert await found(text="%") == set()
    assert await found(text="N_1%") == {"8001"}
    assert await found(text=str((await listed(db, OrderFilter(text="8001")))[0].id)) == {"8001"}
    assert await found(since=T0 + timedelta(days=2)) == set()
    assert await found(until=T0 + timedelta(days=2), text="x' OR 1=1 --\x00") == set()


async def test_an_order_opens_into_its_lines_shipments_and_diary(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2)], total=Decimal("20.00")))
    await book_all(db)
    async with db.transaction() as session:
        detail = await order_detail(session, stored.order_id)
        assert (detail.order.shop_name, detail.lines[0].sku_code, detail.lines[0].reserved) == ("Tmall A", "A", 2)
        await ship(session, stored.order_id, carrier="SF", waybill="SF1", actor="test")
    async with db.transaction() as session:
        detail = await order_detail(session, stored.order_id)
        diary = await timeline(session, stored.order_id)
        with pytest.raises(NoSuchOrder):
            await order_detail(session, UUID(int=1))
    assert [(one.waybill, one.told_at) for one in detail.shipments] == [("SF1", None)]
    assert (detail.lines[0].reserved, detail.lines[0].qty_shipped) == (0, 2)
    assert [one.kind for one in diary] == ["recorded", "reserved", "shipped"]


async def test_units_in_flight_are_those_that_no_one_has_decided_about(db: Database) -> None:
    world = await a_world(db, {"A": 5})
    sku, shop = world.skus["A"], world.shop.id
    await deliver(
        world,
        reading("1", [line("A", 1)], status=OrderStatus.PENDING),
        reading("2", [line("A", 2), line("A", 1, line_id="x", platform_sku="P-x", sku=None)]),
        reading("3", [line("A", 4)], status=OrderStatus.HOLD),
        reading("4", [line("A", 8)], status=OrderStatus.CANCELLED),
        reading("5", [line("A", 3)]),
    )
    async with db.transaction() as session:
        assert await in_flight(session, [sku, 999]) == {(sku, shop): 1 + 2 + 4 + 3}
    await book_all(db)
    async with db.transaction() as session:
        assert await in_flight(session, [sku]) == {(sku, shop): 1 + 2 + 4}


async def test_figures_count_states_minutes_and_lags(db: Database) -> None:
    world = await a_world(db, {"A": 2})
    orders = await deliver(world, *[reading(str(number), [line("A")]) for number in range(3)])
    async with db.transaction() as session:
        age = await oldest_new_age(session)
    assert age is not None
    assert age >= timedelta(0)
    await book_all(db)
    row = await order(db, orders[0].order_id)
    async with db.transaction() as session:
        item = (await session.execute(listing.select())).one()
        pushed = {
            "listing_id": item.id,
            "shop_id": world.shop.id,
            "sku_id": world.skus["A"],
            "version": 1,
            "quantity": 0,
        }
        at = row.decided_at + timedelta(seconds=2)
        await session.execute(
            insert(push_log).values(
                **pushed, wanted_at=row.decided_at + timedelta(seconds=1), answered_at=at, outcome="applied"
            )
        )
        figures = await lag(session, T0 - timedelta(days=400))
        states = await counts(session)
        minutes = await orders_per_minute(session, world.shop.id, T0 - timedelta(days=400))
        assert await oldest_new_age(session) is None
    assert (figures.orders, figures.visible) == (3, 3)
    assert figures.visible_p50 is not None
    assert figures.decided_p50 is not None
    assert figures.visible_p50 == pytest.approx((at - row.placed_at).total_seconds(), abs=0.001)
    assert (states[State.RESERVED], states[State.BACKORDERED]) == (2, 1)
    assert sum(one.orders for one in minutes) == 3
