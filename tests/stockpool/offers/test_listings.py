import pytest

from hub.core.db import Database
from hub.core.errors import NotFound
from stockpool.offers.listings import FoundListing, find_or_quarantine, map_listing, register, set_publish
from tests.stockpool.given import a_pool, a_shop, relay


async def test_an_item_with_a_known_code_is_mapped_and_published(db: Database) -> None:
    pool = await a_pool(db, {"A": 5})
    shop = await a_shop(pool)
    async with db.transaction() as session:
        found = [FoundListing("1", "A", "Tea", {"item": 9}, 3), FoundListing("2", "no such", "Cup")]
        assert len(await register(session, shop, found)) == 2
        assert await register(session, shop, found) == []
    await relay(pool)
    rows = await pool.rows("SELECT external_id, sku_id, keys, sent_qty, want_qty FROM listing ORDER BY external_id")
    assert rows == [("1", pool["A"], {"item": 9}, 3, 5), ("2", None, {}, None, None)]
    assert await pool.rows("SELECT kind, subject, state FROM cases") == [("unmapped_listing", "listing:2", "open")]


async def test_a_mapping_by_hand_is_not_undone_by_the_next_import(db: Database) -> None:
    pool = await a_pool(db, {"A": 5, "B": 5})
    shop = await a_shop(pool, sells=["A"])
    async with db.transaction() as session:
        await map_listing(session, 1, pool["B"], "ann")
    async with db.transaction() as session:
        await register(session, shop, [FoundListing("P-A", "A", "Tea")])
    assert await pool.one("SELECT sku_id FROM listing") == pool["B"]


async def test_orders_find_their_listings_and_unknown_ones_are_quarantined(db: Database) -> None:
    pool = await a_pool(db, {"A": 5, "B": 5})
    shop = await a_shop(pool, sells=["A"])
    wanted = [("P-A", None, "Tea"), ("P-new", "B", "Cup"), ("P-odd", None, "?")]
    async with db.transaction() as session:
        found = await find_or_quarantine(session, shop, wanted)
    assert [found[name][1] for name, _, _ in wanted] == [pool["A"], pool["B"], None]
    async with db.transaction() as session:
        assert await find_or_quarantine(session, shop, wanted) == found
    assert await pool.rows("SELECT kind, listing_id FROM cases") == [("unmapped_listing", found["P-odd"][0])]


async def test_mapping_ends_the_case_tells_the_orders_and_publishes(db: Database) -> None:
    pool = await a_pool(db, {"A": 5})
    shop = await a_shop(pool)
    async with db.transaction() as session:
        (listing_id, _) = (await find_or_quarantine(session, shop, [("P-odd", None, "?")]))["P-odd"]
    for _ in range(2):
        async with db.transaction() as session:
            await map_listing(session, listing_id, pool["A"], "ann")
    assert await pool.rows("SELECT state, closed_by FROM cases") == [("closed", "ann")]
    events = await pool.rows("SELECT payload FROM outbox WHERE topic = 'listing.mapped'")
    assert events == [({"listing_id": listing_id, "sku_id": pool["A"]},)]
    await relay(pool)
    assert await pool.one("SELECT want_qty FROM listing") == 5


async def test_mapping_there_and_back_is_told_each_time(db: Database) -> None:
    pool = await a_pool(db, {"A": 5, "B": 6})
    await a_shop(pool, sells=["A"])
    for code in ("B", "A", "B"):
        async with db.transaction() as session:
            await map_listing(session, 1, pool[code], "ann")
    assert await pool.one("SELECT count(*) FROM outbox WHERE topic = 'listing.mapped'") == 3
    await relay(pool)
    assert await pool.one("SELECT want_qty FROM listing") == 6


async def test_what_is_not_there_is_not_found(db: Database) -> None:
    pool = await a_pool(db, {"A": 5})
    await a_shop(pool, sells=["A"])
    async with db.transaction() as session:
        with pytest.raises(NotFound):
            await map_listing(session, 99, pool["A"], "ann")
        with pytest.raises(NotFound):
            await map_listing(session, 1, 99, "ann")
        with pytest.raises(NotFound):
            await set_publish(session, 99, True, "ann")
