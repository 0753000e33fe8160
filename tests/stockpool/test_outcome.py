"""The figures of a run: a unit promised twice would be seen, and what is not yet published is counted."""

from uuid import UUID

import pytest_asyncio

from hub.core.db import Database
from stockpool.outcome import oversold_units, waiting
from tests.stockpool.given import Pool, a_pool, a_shop, relay

FIRST, SECOND = UUID(int=1), UUID(int=2)


@pytest_asyncio.fixture
async def pool(db: Database) -> Pool:
    return await a_pool(db, {"A": 5, "B": 100})


async def promise(pool: Pool, reservation_id: UUID, units: int) -> None:
    """Behind the back of the grant, which would refuse."""
    await pool.rows(
        "INSERT INTO reservation (id, key, line, attempt, sku_id, warehouse_id, qty, kind)"
        " VALUES (:id, 'order:x', '1', 1, :sku, :main, :qty, 'claim')",
        id=reservation_id, sku=pool["A"], main=pool.main, qty=units,
    )  # fmt: skip


async def oversold(pool: Pool) -> int:
    async with pool.db.transaction() as session:
        return await oversold_units(session)


async def test_promises_within_the_stock_are_no_oversell(pool: Pool) -> None:
    await promise(pool, FIRST, 5)
    assert await oversold(pool) == 0


async def test_units_promised_twice_are_counted_whatever_another_good_has(pool: Pool) -> None:
    await promise(pool, FIRST, 5)
    await promise(pool, SECOND, 2)
    assert await oversold(pool) == 2


async def test_a_promise_that_was_taken_back_binds_nothing(pool: Pool) -> None:
    await promise(pool, FIRST, 5)
    await promise(pool, SECOND, 2)
    await pool.rows("INSERT INTO resolution (reservation_id, kind, cause) VALUES (:id, 'void', 'test')", id=SECOND)
    assert await oversold(pool) == 0


async def test_what_waits_to_be_published_is_counted(pool: Pool) -> None:
    await a_shop(pool, sells=["A", "B"])
    async with pool.db.transaction() as session:
        before = await waiting(session)
    await relay(pool)
    async with pool.db.transaction() as session:
        after = await waiting(session)
    assert (before.dirty, before.behind) == (2, 0)
    assert (after.dirty, after.behind) == (0, 2)
