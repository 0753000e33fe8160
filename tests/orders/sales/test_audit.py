"""The audit sees what is broken by hand, and nothing in a healthy database."""

import pytest
from sqlalchemy import text

from hub.core.db import Database
from orders.sales.audit import check
from orders.sales.ship import ship
from tests.orders.given import a_world, book_all, deliver, line, reading


async def found(db: Database) -> set[str]:
    async with db.transaction() as session:
        return {breach.invariant for breach in await check(session)}


async def test_a_healthy_road_has_no_breach(db: Database) -> None:
    world = await a_world(db, {"A": 3})
    orders = await deliver(world, *[reading(str(number), [line("A")]) for number in range(4)])
    assert await found(db) == set()
    await book_all(db)
    async with db.transaction() as session:
        await ship(session, orders[0].order_id, carrier="SF", waybill="1", actor="test")
    assert await found(db) == set()


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        ("UPDATE sales_order SET state = 'cancelled', claimed = false WHERE state = 'reserved'", "I5"),
        ("UPDATE order_line SET qty = qty + 1", "I5"),
        ("UPDATE sales_order SET claimed = false", "I5"),
        ("UPDATE order_line SET qty_shipped = 1", "I5"),
        ("UPDATE shipment SET lines = '[]'", "I5"),
        ("UPDATE sales_order SET cancel = true WHERE state = 'reserved'", "I7"),
        (
            "UPDATE sales_order SET state = 'new', claimed = false, recorded_at = now() - interval '1 hour'",
            "I9",
        ),
    ],
)
async def test_damage_is_found(db: Database, damage: str, invariant: str) -> None:
    world = await a_world(db, {"A": 9})
    orders = await deliver(world, *[reading(str(number), [line("A", 2)]) for number in range(2)])
    await book_all(db)
    async with db.transaction() as session:
        await ship(session, orders[0].order_id, carrier="SF", waybill="1", actor="test")
    async with db.transaction() as session:
        await session.execute(text(damage))
        if invariant == "I9":
            await session.execute(text("UPDATE order_event SET at = now() - interval '1 hour'"))
    assert invariant in await found(db)
