"""Orders point at listings: storing one must not wait for a push or a refresh of the same listing, nor they for it."""

from sqlalchemy import text

from hub.core.db import Database
from stockpool.offers.publish import PushAnswer, claim_pushes, record_push, refresh
from tests.stockpool.given import a_pool, a_shop, feed_is_read, relay

_AS_AN_ORDER_LINE_DOES = text("SELECT id FROM listing FOR KEY SHARE NOWAIT")


async def test_a_listing_in_a_push_can_be_ordered(db: Database) -> None:
    pool = await a_pool(db, {"A": 10})
    shop_id = await a_shop(pool, sells=["A"])
    await relay(pool)
    await feed_is_read(pool, shop_id)
    async with db.transaction() as pushing, db.transaction() as ordering:
        [row] = await claim_pushes(pushing, shop_id, 10)
        assert (await ordering.execute(_AS_AN_ORDER_LINE_DOES)).scalars().all() == [row.listing_id]
        await record_push(pushing, shop_id, [PushAnswer(row.listing_id, row.version, row.quantity, "applied")])
        assert (await ordering.execute(_AS_AN_ORDER_LINE_DOES)).scalars().all() == [row.listing_id]


async def test_a_listing_whose_number_is_computed_can_be_ordered(db: Database) -> None:
    pool = await a_pool(db, {"A": 10})
    await a_shop(pool, sells=["A"])
    async with db.transaction() as computing, db.transaction() as ordering:
        await refresh(computing, _nothing_in_flight)
        assert len((await ordering.execute(_AS_AN_ORDER_LINE_DOES)).all()) == 1


async def _nothing_in_flight(_session: object, _sku_ids: object) -> dict[tuple[int, int], int]:
    return {}
