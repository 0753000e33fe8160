import asyncio

import pytest
from sqlalchemy import text

from hub.core.db import Database
from hub.core.errors import Invalid
from stockpool.claims.confirm import confirm
from stockpool.claims.expire import expire
from stockpool.claims.fulfil import Moved, fulfil
from stockpool.claims.gate import Gate
from stockpool.claims.grant import Granted, grant
from stockpool.claims.release import release
from stockpool.claims.reserve import reserve
from tests.stockpool.given import Pool, a_pool


async def a_claim(db: Database, gate: Gate | None = None) -> Pool:
    """Ten of A and ten of B; order o holds three of A and two of B."""
    pool = await a_pool(db, {"A": 10, "B": 10}, gate)
    async with db.transaction() as session:
        answers = await grant(session, [pool.ask("o", ("A", 3), ("B", 2))])
    assert isinstance(answers["o"], Granted)
    return pool


async def ship(pool: Pool, reference: str, quantities: dict[str, int] | None = None) -> list[Moved]:
    async with pool.db.transaction() as session:
        return await fulfil(session, "o", "shipped", reference, "packer", quantities)


async def free(pool: Pool, *lines: str) -> int:
    async with pool.db.transaction() as session:
        return await release(session, "o", "cancelled", lines or None)


async def test_releasing_twice_frees_once(db: Database, any_gate: Gate | None) -> None:
    pool = await a_claim(db, any_gate)
    assert [await free(pool), await free(pool)] == [5, 5]
    assert (await pool.level("A"), await pool.level("B")) == ((10, 0), (10, 0))
    await pool.settled()


async def test_single_lines_can_be_released(db: Database) -> None:
    pool = await a_claim(db)
    assert await free(pool, "2") == 2
    assert (await pool.level("A"), await pool.level("B")) == ((10, 3), (10, 0))
    await pool.settled()


async def test_shipping_twice_moves_once(db: Database, any_gate: Gate | None) -> None:
    pool = await a_claim(db, any_gate)
    first = await ship(pool, "S1")
    assert [(moved.line, moved.qty) for moved in first] == [("1", 3), ("2", 2)]
    assert await ship(pool, "S1") == first
    assert await ship(pool, "S2") == []
    assert (await pool.level("A"), await pool.level("B")) == ((7, 0), (8, 0))
    await pool.settled()


async def test_what_was_shipped_cannot_be_released_and_the_other_way_round(db: Database) -> None:
    pool = await a_claim(db)
    await ship(pool, "S1", {"1": 3})
    assert await free(pool) == 2
    assert await ship(pool, "S2") == []
    assert (await pool.level("A"), await pool.level("B")) == ((7, 0), (10, 0))
    await pool.settled()


async def test_of_a_part_shipment_the_rest_stays_claimed(db: Database, any_gate: Gate | None) -> None:
    pool = await a_claim(db, any_gate)
    assert [(moved.line, moved.qty) for moved in await ship(pool, "S1", {"1": 1})] == [("1", 1)]
    assert await pool.level("A") == (9, 2)
    assert [(moved.line, moved.qty) for moved in await ship(pool, "S2", {"1": 1, "2": 2})] == [("1", 1), ("2", 2)]
    assert [(moved.line, moved.qty) for moved in await ship(pool, "S3")] == [("1", 1)]
    assert (await pool.level("A"), await pool.level("B")) == ((7, 0), (8, 0))
    attempts = await pool.rows("SELECT attempt, qty FROM reservation WHERE line = '1' ORDER BY attempt")
    assert attempts == [(1, 3), (2, 2), (3, 1)]
    assert await pool.one("SELECT count(DISTINCT opened_at) FROM reservation WHERE line = '1'") == 1, "it keeps its age"
    await pool.settled()


@pytest.mark.parametrize("quantities", [{"1": 4}, {"9": 1}, {"1": -1}, {"1": 0}])
async def test_more_than_is_claimed_is_not_shipped(db: Database, quantities: dict[str, int]) -> None:
    pool = await a_claim(db)
    with pytest.raises(Invalid):
        await ship(pool, "S1", quantities)
    assert await pool.level("A") == (10, 3)


async def test_ship_and_cancel_at_once_end_in_one_of_both(db: Database, any_gate: Gate | None) -> None:
    pool = await a_claim(db, any_gate)
    moved, freed = await asyncio.gather(ship(pool, "S1"), free(pool))
    assert (bool(moved), freed) in [(True, 0), (False, 5)]
    await pool.settled()


async def test_ten_cancels_at_once_free_once(db: Database) -> None:
    pool = await a_claim(db)
    assert await asyncio.gather(*(free(pool) for _ in range(10))) == [5] * 10
    await pool.settled()


async def hold(pool: Pool, key: str, *, overdue: bool = False) -> None:
    async with pool.db.transaction() as session:
        await reserve(session, {pool["A"]: 1}, key, kind="hold", ttl_seconds=600)
    if overdue:
        await pool.rows("UPDATE reservation SET expires_at = now() - interval '1 s' WHERE key = :key", key=key)


async def test_a_hold_whose_time_is_over_is_free_again(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 3}, any_gate)
    await hold(pool, "cart:1", overdue=True)
    await hold(pool, "cart:2")
    for ended in (1, 0):
        async with db.transaction() as session:
            assert await expire(session) == ended
    assert await pool.level("A") == (3, 1)
    await pool.settled()


async def test_a_confirmed_hold_never_expires(db: Database) -> None:
    pool = await a_pool(db, {"A": 3})
    await hold(pool, "cart:1")
    async with db.transaction() as session:
        assert await confirm(session, "cart:1")
    assert await pool.rows("SELECT kind, expires_at FROM reservation") == [("claim", None)]


async def test_an_overdue_or_ended_hold_is_not_confirmed(db: Database) -> None:
    pool = await a_pool(db, {"A": 3})
    await hold(pool, "cart:1", overdue=True)
    async with db.transaction() as session:
        assert not await confirm(session, "cart:1")
        assert not await confirm(session, "nobody")


async def test_expiry_racing_confirmation_has_exactly_one_winner(db: Database) -> None:
    pool = await a_pool(db, {"A": 20})
    keys = [f"cart:{n}" for n in range(20)]
    for n, key in enumerate(keys):
        await hold(pool, key, overdue=n % 2 == 0)

    async def confirmed(key: str) -> bool:
        async with db.transaction() as session:
            return await confirm(session, key)

    async def expired() -> int:
        async with db.transaction() as session:
            return await expire(session, 7)

    results = await asyncio.gather(*(confirmed(key) for key in keys), *(expired() for _ in range(6)))
    won, ended = sum(results[:20]), sum(results[20:])
    async with db.transaction() as session:
        ended += await expire(session)
    assert (won, ended) == (10, 10)
    assert await pool.level("A") == (20, 10)
    await pool.settled()


async def test_a_hold_that_was_confirmed_just_in_time_is_not_expired_by_who_saw_it_overdue(db: Database) -> None:
    pool = await a_pool(db, {"A": 1})
    await hold(pool, "cart:1")

    async def expired() -> int:
        async with db.transaction() as session:
            return await expire(session)

    async with db.transaction() as buyer:
        await buyer.execute(text("SELECT now()"))  # the buyer's moment, before the time is over
        await pool.rows("UPDATE reservation SET expires_at = clock_timestamp()")
        assert await confirm(buyer, "cart:1")
        late = asyncio.create_task(expired())
        # PostgreSQL tells no event when somebody begins to wait for a lock.
        while not await waits_for_a_lock(pool):  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert await late == 0
    assert await pool.level("A") == (1, 1)
    await pool.settled()


async def waits_for_a_lock(pool: Pool) -> bool:
    return bool(await pool.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
