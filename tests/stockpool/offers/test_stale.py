"""A compare-and-set that finds another number is news, not trouble: it neither pauses the listing nor undoes a sale."""

import pytest_asyncio

from hub.core.db import Database
from stockpool.offers.publish import PushAnswer, PushRow, claim_pushes, record_push
from tests.stockpool.given import Pool, a_pool, a_shop, feed_is_read, relay


@pytest_asyncio.fixture
async def pool(db: Database) -> Pool:
    return await a_pool(db, {"A": 10})


async def claimed(pool: Pool, shop_id: int) -> list[PushRow]:
    async with pool.db.transaction() as session:
        return await claim_pushes(session, shop_id, 10)


async def took(pool: Pool, shop_id: int, row: PushRow) -> None:
    async with pool.db.transaction() as session:
        await record_push(session, shop_id, [PushAnswer(row.listing_id, row.version, row.quantity, "applied")])


async def was_stale(pool: Pool, shop_id: int, row: PushRow, shown: int) -> None:
    answer = PushAnswer(row.listing_id, row.version, row.quantity, "rejected", "STALE", "", True, shown)
    async with pool.db.transaction() as session:
        await record_push(session, shop_id, [answer])


async def a_shop_that_shows_ten(pool: Pool) -> int:
    shop_id = await a_shop(pool, sells=["A"])
    await relay(pool)
    await feed_is_read(pool, shop_id)
    [row] = await claimed(pool, shop_id)
    await took(pool, shop_id, row)
    return shop_id


async def want(pool: Pool, qty: int) -> None:
    await pool.rows(
        "UPDATE listing SET want_qty = :qty, want_version = want_version + 1, want_at = clock_timestamp()", qty=qty
    )


async def test_a_lower_number_is_sent_again_at_once_against_what_is_shown(pool: Pool) -> None:
    shop_id = await a_shop_that_shows_ten(pool)
    await want(pool, 4)
    [row] = await claimed(pool, shop_id)
    await was_stale(pool, shop_id, row, shown=8)
    [again] = await claimed(pool, shop_id)
    assert (again.quantity, again.expected) == (4, 8)


async def test_a_number_above_what_is_shown_waits_for_the_orders_behind_it(pool: Pool) -> None:
    shop_id = await a_shop_that_shows_ten(pool)
    await want(pool, 9)
    [row] = await claimed(pool, shop_id)
    await was_stale(pool, shop_id, row, shown=7)
    assert await claimed(pool, shop_id) == []
    await feed_is_read(pool, shop_id)
    [again] = await claimed(pool, shop_id)
    assert (again.quantity, again.expected) == (9, 7)


async def test_a_busy_listing_is_not_paused_for_longer_and_longer(pool: Pool) -> None:
    shop_id = await a_shop_that_shows_ten(pool)
    for shown in (9, 8, 7, 6, 5):
        await want(pool, 1)
        [row] = await claimed(pool, shop_id)
        await was_stale(pool, shop_id, row, shown=shown)
    assert await pool.one("SELECT push_failures FROM listing") == 0


async def test_a_channel_that_contradicts_itself_is_paused(pool: Pool) -> None:
    shop_id = await a_shop_that_shows_ten(pool)
    await want(pool, 4)
    [row] = await claimed(pool, shop_id)
    await was_stale(pool, shop_id, row, shown=10)
    assert await claimed(pool, shop_id) == []
    assert await pool.one("SELECT push_failures FROM listing") == 1
