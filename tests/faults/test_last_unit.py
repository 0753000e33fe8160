"""Everybody wants the last unit: on each road exactly one gets it, and every number adds up afterwards."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hub.core.db import Database
from hub.core.redis import Redis, connect
from stockpool.claims.gate import Gate
from stockpool.claims.grant import Granted, grant
from stockpool.claims.reserve import reserve
from stockpool.errors import OutOfStock
from tests.stockpool.given import Pool, a_pool

BUYERS = 32


@pytest_asyncio.fixture(params=["with gate", "without gate"])
async def pool(request: pytest.FixtureRequest, database_url: str, redis_url: str) -> AsyncIterator[Pool]:
    """One unit of A, plenty of B; a connection for every buyer."""
    db, redis = Database(database_url, pool_size=BUYERS), connect(redis_url)
    gate = Gate(redis, db) if request.param == "with gate" else None
    yield await a_pool(db, {"A": 1, "B": 1000}, gate)
    await redis.aclose()
    await db.close()


async def buy(pool: Pool, key: str) -> bool:
    try:
        async with pool.db.transaction() as session:
            await reserve(session, {pool["A"]: 1, pool["B"]: 1}, key)
    except OutOfStock:
        return False
    return True


async def test_of_32_buyers_who_wait_for_the_answer_one_gets_the_last_unit(pool: Pool) -> None:
    bought = await asyncio.gather(*(buy(pool, f"cart:{n}") for n in range(BUYERS)))
    assert sum(bought) == 1
    assert (await pool.level("A"), await pool.level("B")) == ((1, 1), (1000, 1))
    await pool.settled()


async def test_of_32_batches_of_orders_one_order_gets_the_last_unit(pool: Pool) -> None:
    async def batch(number: int) -> int:
        asks = [pool.ask(f"order:{number}-{n}", ("B", 1), ("A", 1)) for n in range(3)]
        if pool.gate is not None:
            await pool.gate.admit(asks)
        async with pool.db.transaction() as session:
            answers = await grant(session, asks)
        return sum(isinstance(answer, Granted) for answer in answers.values())

    assert sum(await asyncio.gather(*(batch(n) for n in range(BUYERS)))) == 1
    assert (await pool.level("A"), await pool.level("B")) == ((1, 1), (1000, 1))
    await pool.settled()


async def test_the_same_order_booked_by_20_workers_is_granted_once(pool: Pool) -> None:
    async def work() -> bool:
        ask = pool.ask("order:1", ("A", 1), ("B", 2))
        if pool.gate is not None:
            await pool.gate.admit([ask])
        async with pool.db.transaction() as session:
            return isinstance((await grant(session, [ask]))["order:1"], Granted)

    assert all(await asyncio.gather(*(work() for _ in range(20))))
    assert (await pool.level("A"), await pool.level("B")) == ((1, 1), (1000, 2))
    await pool.settled()


async def test_buyers_and_a_valkey_that_keeps_forgetting(pool: Pool, redis: Redis) -> None:
    async def forget() -> None:
        for _ in range(8):
            await redis.flushall()
            await asyncio.sleep(0)

    results = await asyncio.gather(*(buy(pool, f"cart:{n}") for n in range(BUYERS)), forget())
    assert sum(bool(result) for result in results[:BUYERS]) == 1
    await pool.settled()
