import asyncio

import pytest

from hub.core.db import Database
from hub.core.errors import Conflict, Invalid
from stockpool.claims.fulfil import fulfil
from stockpool.claims.gate import Gate
from stockpool.claims.grant import grant
from stockpool.floor.adjust import AdjustResult, adjust
from tests.stockpool.given import Pool, a_pool


async def count(pool: Pool, delta: int, reference: str = "count 1") -> AdjustResult:
    async with pool.db.transaction() as session:
        return await adjust(
            session, sku_id=pool["A"], qty_delta=delta, reason="counted", reference=reference, actor="counter"
        )


async def orders(pool: Pool, *units: int) -> None:
    """Orders o0, o1, ... one after the other, each of so many units of A."""
    for n, qty in enumerate(units):
        async with pool.db.transaction() as session:
            await grant(session, [pool.ask(f"o{n}", ("A", qty))])


async def test_a_count_is_booked_once(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 5}, any_gate)
    assert await count(pool, -2) == await count(pool, -2)
    await count(pool, 4, "count 2")
    assert await pool.level("A") == (7, 0)
    topics = await pool.rows("SELECT payload->>'qty_delta' FROM outbox WHERE topic = 'stock.adjusted' ORDER BY id")
    assert topics == [("-2",), ("4",)]
    await pool.settled()


async def test_a_write_off_below_what_is_reserved_voids_the_newest_claims(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 10}, any_gate)
    await orders(pool, 3, 3, 3)
    result = await count(pool, -5)
    assert result.voided == ["o1", "o2"]
    assert await pool.level("A") == (5, 3)
    assert await pool.rows("SELECT payload FROM outbox WHERE topic = 'stock.claims_voided'") == [
        ({"keys": ["o1", "o2"]},)
    ]
    assert await count(pool, -5) == result, "a second delivery answers the same"
    await pool.settled()


async def test_everything_may_be_gone(db: Database) -> None:
    pool = await a_pool(db, {"A": 4})
    await orders(pool, 2, 2)
    assert (await count(pool, -4)).voided == ["o0", "o1"]
    assert await pool.level("A") == (0, 0)
    await pool.settled()


async def test_fewer_than_nothing_cannot_be_counted(db: Database) -> None:
    pool = await a_pool(db, {"A": 4})
    with pytest.raises(Invalid):
        await count(pool, -5)
    assert await pool.one("SELECT count(*) FROM stock_move WHERE cause = 'adjust'") == 0


async def test_the_same_reference_with_another_figure_is_a_conflict(db: Database) -> None:
    pool = await a_pool(db, {"A": 4})
    await count(pool, -1)
    for delta in (-2, 1):
        with pytest.raises(Conflict):
            await count(pool, delta)


async def test_write_offs_racing_orders_and_shipments_leave_every_number_right(
    db: Database, any_gate: Gate | None
) -> None:
    pool = await a_pool(db, {"A": 30}, any_gate)

    async def order(n: int) -> None:
        async with db.transaction() as session:
            await grant(session, [pool.ask(f"o{n}", ("A", 2))])
        async with db.transaction() as session:
            if n % 3 == 0:
                await fulfil(session, f"o{n}", "shipped", f"S{n}", "packer")

    await asyncio.gather(*(order(n) for n in range(14)), *(count(pool, -3, f"count {n}") for n in range(3)))
    on_hand, reserved = await pool.level("A")
    assert reserved <= on_hand
    await pool.settled()
