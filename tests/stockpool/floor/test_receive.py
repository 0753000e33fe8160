import asyncio
from decimal import Decimal

import pytest

from hub.core.db import Database
from hub.core.errors import Conflict, Invalid
from stockpool.claims.gate import Gate
from stockpool.floor.receive import Receipt, receive, receive_many
from tests.stockpool.given import COST, Pool, a_pool


async def arrives(pool: Pool, qty: int = 5, reference: str = "PO-1", cost: Decimal = COST) -> object:
    async with pool.db.transaction() as session:
        return await receive(session, sku_id=pool["A"], qty=qty, unit_cost=cost, reference=reference, actor="clerk")


async def test_goods_that_arrive_twice_are_booked_once(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 1}, any_gate)
    assert await arrives(pool) == await arrives(pool)
    assert await pool.level("A") == (6, 0)
    events = await pool.rows("SELECT payload FROM outbox WHERE topic = 'stock.received' ORDER BY id DESC")
    assert len(events) == 2
    payload = events[0][0]
    assert (payload["qty"], payload["unit_cost"], payload["reference"]) == (5, "2.50", "PO-1")
    await pool.settled()


async def test_the_same_delivery_ten_times_at_once_is_one(db: Database) -> None:
    pool = await a_pool(db, {"A": 1})
    assert len(set(await asyncio.gather(*(arrives(pool) for _ in range(10))))) == 1
    assert await pool.level("A") == (6, 0)
    await pool.settled()


async def test_a_receipt_with_other_figures_is_a_conflict(db: Database) -> None:
    pool = await a_pool(db, {"A": 1})
    await arrives(pool)
    for qty, cost in ((6, COST), (5, Decimal("2.51"))):
        with pytest.raises(Conflict):
            await arrives(pool, qty, cost=cost)
    assert await pool.level("A") == (6, 0)


@pytest.mark.parametrize(
    ("qty", "cost"),
    [(0, COST), (-1, COST), (1, Decimal(-1)), (1, Decimal("NaN")), (1, Decimal("0.0000001")), (10**13, COST)],
)
async def test_figures_without_sense_are_refused(db: Database, qty: int, cost: Decimal) -> None:
    pool = await a_pool(db, {"A": 1})
    with pytest.raises(Invalid):
        await arrives(pool, qty, cost=cost)


async def test_a_delivery_names_each_sku_once(db: Database) -> None:
    pool = await a_pool(db, {"A": 1})
    with pytest.raises(Invalid):
        async with db.transaction() as session:
            await receive_many(session, [Receipt(pool["A"], 1, COST, "PO-1", pool.main)] * 2, "clerk")
