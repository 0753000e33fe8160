import pytest

from hub.core.db import Database
from hub.core.errors import NotFound
from stockpool import queries
from stockpool.claims.fulfil import fulfil
from stockpool.claims.grant import grant
from tests.stockpool.given import Pool, a_pool, a_shop, relay


async def a_trade(db: Database) -> Pool:
    pool = await a_pool(db, {"A-1": 10, "A-2": 1, "B_1": 0})
    await a_shop(pool, sells=["A-1"])
    async with db.transaction() as session:
        await grant(session, [pool.ask("o", ("A-1", 3), ("A-2", 1)), pool.ask("p", ("A-1", 2))])
        await fulfil(session, "p", "shipped", "S1", "packer")
    await relay(pool)
    return pool


async def test_stock_is_listed_searched_and_filtered_page_by_page(db: Database) -> None:
    await a_trade(db)

    async def codes(search: str = "", only: str = "all", after: str = "", limit: int = 50) -> list[str]:
        async with db.transaction() as session:
            wanted = queries.StockFilter(search, only)
            return [row.code for row in await queries.list_stock(session, wanted, after=after, limit=limit)]

    assert await codes(limit=2) == ["A-1", "A-2"]
    assert await codes(after="A-2") == ["B_1"]
    assert await codes("_") == ["B_1"], "a search is taken by the letter"
    assert await codes("goods a") == ["A-1", "A-2"]
    assert await codes(only="in_stock") == ["A-1"]
    assert await codes(only="out_of_stock") == ["A-2", "B_1"]
    assert await codes(only="reserved") == ["A-1", "A-2"]
    assert await codes(only="frozen") == []


async def test_a_sku_page_opens_into_the_rows_that_add_up(db: Database) -> None:
    pool = await a_trade(db)
    async with db.transaction() as session:
        detail = await queries.sku_detail(session, pool["A-1"])
        moves = await queries.moves_of(session, pool["A-1"])
        open_claims = await queries.reservations_of(session, pool["A-1"])
        every_claim = await queries.reservations_of(session, pool["A-1"], open_only=False)
        older = await queries.moves_of(session, pool["A-1"], before=(moves[0].at, moves[0].id))
        (listing,) = await queries.listings_of(session, pool["A-1"])
    assert (detail.on_hand, detail.reserved, detail.free) == (8, 3, 5)
    assert sum(move.delta for move in moves) == detail.on_hand
    assert older == moves[1:]
    assert [(claim.key, claim.qty, claim.ended) for claim in open_claims] == [("o", 3, None)]
    assert {claim.key: claim.ended for claim in every_claim} == {"o": None, "p": "post"}
    assert (listing.want_qty, listing.behind) == (5, True)


async def test_totals_and_what_runs_low(db: Database) -> None:
    await a_trade(db)
    async with db.transaction() as session:
        totals = await queries.stock_totals(session)
        low = await queries.low_stock(session, below=5)
    assert (totals.skus, totals.on_hand, totals.reserved, totals.free, totals.out_of_stock) == (3, 9, 4, 5, 1)
    assert [(row.code, row.free) for row in low] == [("A-2", 0)]


async def test_an_unknown_sku_or_listing_is_not_found(db: Database) -> None:
    async with db.transaction() as session:
        with pytest.raises(NotFound):
            await queries.sku_detail(session, 99)
        with pytest.raises(NotFound):
            await queries.listing_detail(session, 99)
        assert await queries.find_sku(session, "no such") is None


async def test_the_attempts_that_an_owner_has_used_are_known(db: Database) -> None:
    pool = await a_trade(db)
    async with db.transaction() as session:
        await fulfil(session, "o", "shipped", "S2", "packer", {"1": 1})
        assert await queries.last_attempts(session, ["o", "p", "q"]) == {"o": 2, "p": 1}
        assert len(await queries.reservations_of_key(session, "o")) == 3
        assert (await queries.skus_by_id(session, [pool["A-1"]]))[pool["A-1"]].code == "A-1"
