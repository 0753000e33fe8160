import pytest

from hub.core.db import Database
from hub.core.errors import Invalid
from hub.core.redis import Redis
from stockpool.claims.gate import Gate
from stockpool.claims.levels import lock_levels
from stockpool.claims.release import release
from stockpool.claims.reserve import reserve
from stockpool.errors import ClaimSpent, OutOfStock
from tests.stockpool.given import a_pool


async def test_a_buyer_gets_all_or_nothing(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 2, "B": 0}, any_gate)
    async with db.transaction() as session:
        assert len(await reserve(session, {pool["A"]: 1}, "cart:1")) == 1
    with pytest.raises(OutOfStock) as refusal:
        async with db.transaction() as session:
            await reserve(session, {pool["A"]: 1, pool["B"]: 3}, "cart:2")
    assert refusal.value.missing == {pool["B"]: 3}
    assert await pool.level("A") == (2, 1)
    await pool.settled()


async def test_the_same_key_gets_the_same_answer_even_when_nothing_is_left(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 1}, any_gate)
    async with db.transaction() as session:
        first = await reserve(session, {pool["A"]: 1}, "cart:1")
    async with db.transaction() as session:
        assert await reserve(session, {pool["A"]: 1}, "cart:1") == first
    assert await pool.level("A") == (1, 1)


async def test_a_late_no_gives_the_pending_back_at_once(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 1}, gate)
    async with db.transaction() as session:
        session.info.pop("gate")  # somebody reserves around the gate
        await reserve(session, {pool["A"]: 1}, "cart:1")
    with pytest.raises(OutOfStock):
        async with db.transaction() as session:
            await reserve(session, {pool["A"]: 1}, "cart:2")
    found = await gate.check([pool.place("A")])
    assert found is not None
    assert (found[pool.place("A")].base, found[pool.place("A")].pending) == (0, 0)


async def test_a_sure_no_of_the_gate_takes_no_lock(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 1}, gate)
    async with db.transaction() as session:
        await reserve(session, {pool["A"]: 1}, "cart:1")
    async with db.transaction() as holder:
        await lock_levels(holder, [pool.place("A")])
        with pytest.raises(OutOfStock) as refusal:
            async with db.transaction() as session:
                await reserve(session, {pool["A"]: 1}, "cart:2")
    assert refusal.value.final


async def test_a_released_key_must_come_with_the_next_attempt(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 1}, any_gate)
    async with db.transaction() as session:
        await reserve(session, {pool["A"]: 1}, "cart:1")
    async with db.transaction() as session:
        assert await release(session, "cart:1", "given up") == 1
    with pytest.raises(ClaimSpent):
        async with db.transaction() as session:
            await reserve(session, {pool["A"]: 1}, "cart:1")
    async with db.transaction() as session:
        await reserve(session, {pool["A"]: 1}, "cart:1", attempt=2)
    await pool.settled()


async def test_a_lost_redis_in_the_middle_only_makes_it_slower(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 2}, gate)
    async with db.transaction() as session:
        await reserve(session, {pool["A"]: 1}, "cart:1")
        await redis.flushall()
    async with db.transaction() as session:
        await reserve(session, {pool["A"]: 1}, "cart:2")
    assert await pool.level("A") == (2, 2)
    await pool.settled()


@pytest.mark.parametrize(
    ("kind", "ttl"), [("gift", None), ("hold", None), ("claim", 5), ("hold", 0), ("hold", 90 * 86_400)]
)
async def test_kinds_without_sense_are_refused(db: Database, kind: str, ttl: float | None) -> None:
    pool = await a_pool(db, {"A": 2})
    with pytest.raises(Invalid):
        async with db.transaction() as session:
            await reserve(session, {pool["A"]: 1}, "cart:1", kind=kind, ttl_seconds=ttl)
