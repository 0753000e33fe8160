import asyncio

from hub.core.db import Database
from stockpool.floor.adjust import adjust
from stockpool.offers.listings import push_again, set_publish
from stockpool.offers.publish import PushAnswer, PushRow, claim_pushes, record_push, shops_behind
from stockpool.queries import pushes_of
from tests.stockpool.given import Pool, a_pool, a_shop, feed_is_read, relay


async def claim(pool: Pool, shop: int, lease_seconds: float = 30) -> list[PushRow]:
    async with pool.db.transaction() as session:
        return await claim_pushes(session, shop, 10, lease_seconds)


async def answer(pool: Pool, shop: int, row: PushRow, outcome: str = "applied", *, retry: bool = False) -> None:
    code = "" if outcome == "applied" else "E7"
    result = PushAnswer(row.listing_id, row.version, row.quantity, outcome, code, "", retry)
    async with pool.db.transaction() as session:
        await record_push(session, shop, [result])


async def stock_becomes(pool: Pool, units: int) -> None:
    delta = units - (await pool.level("A"))[0]
    moves = await pool.one("SELECT count(*) FROM stock_move")
    async with pool.db.transaction() as session:
        await adjust(session, sku_id=pool["A"], qty_delta=delta, reason="test", reference=f"c{moves}", actor="test")
    await relay(pool)


async def sent(pool: Pool) -> tuple[int | None, int, int]:
    """(number that the channel has, its version, version wanted)."""
    found: tuple[int | None, int, int] = (await pool.rows("SELECT sent_qty, sent_version, want_version FROM listing"))[
        0
    ]
    return found


async def published(db: Database, units: int = 10) -> tuple[Pool, int]:
    """A shop that shows all units."""
    pool = await a_pool(db, {"A": units})
    shop = await a_shop(pool, sells=["A"])
    await relay(pool)
    await feed_is_read(pool, shop)
    (row,) = await claim(pool, shop)
    await answer(pool, shop, row)
    return pool, shop


async def behind(pool: Pool) -> list[int]:
    async with pool.db.transaction() as session:
        return await shops_behind(session)


async def test_a_lower_number_is_sent_at_once(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    assert await behind(pool) == [shop]
    (row,) = await claim(pool, shop)
    assert (row.quantity, row.version, row.expected, row.external_id) == (4, 2, 10, "P-A")


async def test_a_raise_waits_until_the_feed_has_been_read_up_to_it(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 12)
    assert (await behind(pool), await claim(pool, shop)) == ([], [])
    await feed_is_read(pool, shop)
    assert [row.quantity for row in await claim(pool, shop)] == [12]


async def test_a_raise_that_sinks_a_little_does_not_wait_again(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 20)
    await feed_is_read(pool, shop)
    await stock_becomes(pool, 18)
    assert [row.quantity for row in await claim(pool, shop)] == [18]


async def test_one_push_at_a_time_per_listing(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    claims = await asyncio.gather(*(claim(pool, shop) for _ in range(8)))
    assert sum(map(len, claims)) == 1
    await stock_becomes(pool, 3)
    assert await claim(pool, shop) == [], "the first has not been answered"


async def test_changes_between_two_pushes_are_one_push(db: Database) -> None:
    pool, shop = await published(db)
    for units in (9, 8, 7):
        await stock_becomes(pool, units)
    (row,) = await claim(pool, shop)
    assert (row.quantity, row.version) == (7, 4)
    await answer(pool, shop, row)
    assert (await sent(pool), await behind(pool)) == ((7, 4, 4), [])


async def test_what_changed_while_a_push_was_under_way_is_sent_next(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    (row,) = await claim(pool, shop)
    await stock_becomes(pool, 3)
    await answer(pool, shop, row)
    assert await sent(pool) == (4, 2, 3)
    assert [again.quantity for again in await claim(pool, shop)] == [3]


async def test_a_late_answer_never_overwrites_a_newer_one_and_the_number_is_said_again(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    (old,) = await claim(pool, shop, lease_seconds=0)
    await stock_becomes(pool, 2)
    (new,) = await claim(pool, shop)
    await answer(pool, shop, new)
    await answer(pool, shop, old)
    assert await sent(pool) == (2, 3, 4), "nobody knows which of the two the channel heard last"
    assert [row.quantity for row in await claim(pool, shop)] == [2]


async def test_the_late_answer_of_a_lapsed_lease_does_not_end_the_present_one(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    (old,) = await claim(pool, shop, lease_seconds=0)
    await stock_becomes(pool, 2)
    await claim(pool, shop)
    await answer(pool, shop, old)
    assert await claim(pool, shop) == []


async def test_a_lost_answer_means_that_the_number_is_sent_again(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    (lost,) = await claim(pool, shop, lease_seconds=0)
    (again,) = await claim(pool, shop)
    assert (again.quantity, again.version) == (lost.quantity, lost.version)


async def test_a_passing_refusal_is_tried_again_later(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    (row,) = await claim(pool, shop)
    await answer(pool, shop, row, "rejected", retry=True)
    assert await claim(pool, shop) == [], "not at once"
    await pool.rows("UPDATE listing SET next_push_at = now()")
    assert [again.quantity for again in await claim(pool, shop)] == [4]
    assert await pool.one("SELECT count(*) FROM cases") == 0


async def test_a_refusal_opens_a_case_and_stops_the_listing_until_a_person_acts(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    (row,) = await claim(pool, shop)
    await answer(pool, shop, row, "rejected")
    assert await pool.rows("SELECT kind, state FROM cases") == [("rejected_push", "open")]
    assert await claim(pool, shop) == []
    async with db.transaction() as session:
        await push_again(session, row.listing_id, "ann")
    assert await pool.rows("SELECT kind, state, closed_by FROM cases") == [("rejected_push", "closed", "ann")]
    (again,) = await claim(pool, shop)
    await answer(pool, shop, again)
    assert (await sent(pool))[0] == 4


async def test_a_person_may_stop_publishing_instead(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    (row,) = await claim(pool, shop)
    await answer(pool, shop, row, "rejected")
    async with db.transaction() as session:
        await set_publish(session, row.listing_id, False, "ann")
    assert await pool.one("SELECT state FROM cases") == "closed"
    assert await claim(pool, shop) == []
    async with db.transaction() as session:
        await set_publish(session, row.listing_id, True, "ann")
    assert [again.quantity for again in await claim(pool, shop)] == [4]


async def test_a_paused_shop_is_not_told(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    await pool.rows("UPDATE shop SET state = 'paused'")
    assert (await behind(pool), await claim(pool, shop)) == ([], [])


async def test_what_the_channel_shows_after_a_clash_is_expected_next_time(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    (row,) = await claim(pool, shop)
    clash = PushAnswer(row.listing_id, row.version, 4, "rejected", "stale", "shows 7", True, 7)
    async with db.transaction() as session:
        await record_push(session, shop, [clash])
    await pool.rows("UPDATE listing SET next_push_at = now()")
    assert [again.expected for again in await claim(pool, shop)] == [7]


async def test_every_answer_leaves_a_row(db: Database) -> None:
    pool, shop = await published(db)
    await stock_becomes(pool, 4)
    (row,) = await claim(pool, shop)
    await stock_becomes(pool, 3)
    await answer(pool, shop, row, "rejected", retry=True)
    async with db.transaction() as session:
        newest, oldest = await pushes_of(session, row.listing_id)
    assert (newest.version, newest.quantity, newest.quantity_before, newest.outcome) == (2, 4, 10, "rejected")
    assert newest.wanted_at == row.wanted_at, "when that number was computed, not the one wanted since"
    assert oldest.outcome == "applied"
