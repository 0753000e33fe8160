import asyncio
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.db import Database
from hub.core.redis import Redis, connect
from stockpool.claims.gate import Gate
from stockpool.claims.grant import grant
from stockpool.claims.release import release
from stockpool.floor.adjust import adjust
from stockpool.floor.receive import receive
from stockpool.offers.dirty import mark_dirty
from stockpool.offers.publish import refresh
from stockpool.offers.waterfall import InFlight
from stockpool.queries import waterfalls_of
from tests.stockpool.given import COST, Pool, a_pool, a_shop, relay


async def wanted(pool: Pool) -> list[tuple[int, int]]:
    """(number, version) per listing."""
    rows = await pool.rows("SELECT want_qty, want_version FROM listing ORDER BY id")
    return [(row[0], row[1]) for row in rows]


async def change(pool: Pool, delta: int, reference: str) -> None:
    async with pool.db.transaction() as session:
        await adjust(session, sku_id=pool["A"], qty_delta=delta, reason="test", reference=reference, actor="test")


async def test_every_listing_of_every_shop_gets_its_number(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 10, "B": 4}, any_gate)
    first, second = await a_shop(pool, "one", sells=["A", "B"]), await a_shop(pool, "two", buffer_units=3, sells=["A"])
    done = await relay(pool, {(pool["A"], first): 2})
    assert (done.skus, done.shops) == (2, {first, second})
    assert await wanted(pool) == [(8, 1), (4, 1), (7, 1)]
    assert (await relay(pool)).skus == 0


async def test_what_is_reserved_freed_or_received_changes_the_number(db: Database) -> None:
    pool = await a_pool(db, {"A": 10})
    await a_shop(pool, sells=["A"])
    await relay(pool)
    async with db.transaction() as session:
        await grant(session, [pool.ask("o", ("A", 4))])
    await relay(pool)
    assert await wanted(pool) == [(6, 2)]
    async with db.transaction() as session:
        await release(session, "o", "cancelled")
    await relay(pool)
    assert await wanted(pool) == [(10, 3)]
    async with db.transaction() as session:
        await receive(session, sku_id=pool["A"], qty=5, unit_cost=COST, reference="PO-1", actor="clerk")
    await relay(pool)
    assert await wanted(pool) == [(15, 4)]


async def test_an_unchanged_number_keeps_its_version(db: Database) -> None:
    pool = await a_pool(db, {"A": 10})
    await a_shop(pool, sells=["A"])
    await relay(pool)
    async with db.transaction() as session:
        await mark_dirty(session, [pool["A"]])
    assert (await relay(pool)).shops == set()
    assert await wanted(pool) == [(10, 1)]


async def test_the_number_explained_is_the_number_published(db: Database) -> None:
    pool = await a_pool(db, {"A": 10})
    shop = await a_shop(pool, buffer_units=1, sells=["A"])
    async with db.transaction() as session:
        await grant(session, [pool.ask("o", ("A", 4))])
    in_flight = {(pool["A"], shop): 2}
    await relay(pool, in_flight)
    async with db.transaction() as session:
        (explained,) = await waterfalls_of(session, pool["A"], in_flight)
    assert explained.waterfall.offer == explained.listing.want_qty == 3


async def test_a_change_during_a_pass_is_not_lost(db: Database) -> None:
    pool = await a_pool(db, {"A": 10})
    await a_shop(pool, sells=["A"])

    async def and_meanwhile(_session: AsyncSession, _sku_ids: Sequence[int]) -> InFlight:
        await change(pool, -4, "meanwhile")
        return {}

    async with db.transaction() as session:
        await refresh(session, and_meanwhile)
    assert await wanted(pool) == [(10, 1)]
    assert (await relay(pool)).skus == 1
    assert await wanted(pool) == [(6, 2)]


async def test_a_mark_that_was_taken_and_set_again_is_another_mark(db: Database) -> None:
    pool = await a_pool(db, {"A": 10})
    await a_shop(pool, sells=["A"])
    first = await pool.one("SELECT n FROM dirty")
    await relay(pool)
    await change(pool, -1, "again")
    assert await pool.one("SELECT n FROM dirty") > first


async def test_passes_and_changes_at_once_end_in_the_newest_number(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 40}, any_gate)
    await a_shop(pool, "one", sells=["A"])
    await a_shop(pool, "two", sells=["A"])
    await asyncio.gather(*(change(pool, -1, f"c{n}") for n in range(10)), *(relay(pool) for _ in range(6)))
    while (await relay(pool)).skus:
        pass
    assert [number for number, _ in await wanted(pool)] == [30, 30]
    await pool.settled()


async def test_the_gate_is_told_what_the_settle_lost(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 10}, gate)
    await gate.admit([pool.ask("o", ("A", 1))])
    db.info.pop("gate")
    await change(pool, -4, "c")
    db.info["gate"] = gate
    await relay(pool)
    found = await gate.check([pool.place("A")])
    assert found is not None
    assert (found[pool.place("A")].base, found[pool.place("A")].pending) == (6, 1)


async def test_a_pass_on_an_old_epoch_reaches_the_new_namespace(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 10}, gate)
    await pool.rows("UPDATE gate SET identity = 'another life'")
    newer = Gate(redis, db)
    await newer.fence()
    await relay(pool)
    assert gate.epoch == newer.epoch
    assert await newer.check([pool.place("A")]) != {}


async def test_a_gate_that_could_not_be_told_is_left_behind_by_the_next_fence(db: Database, redis: Redis) -> None:
    gate = Gate(redis, db)
    pool = await a_pool(db, {"A": 10}, gate)
    await gate.admit([pool.ask("o", ("A", 1))])
    nowhere = connect("unix:///nowhere/valkey.sock")
    db.info["gate"] = Gate(nowhere, db)
    await change(pool, -9, "c")
    await relay(pool)
    assert await pool.one("SELECT count(*) FROM dirty") == 0, "publishing goes on without the gate"
    before = gate.epoch or 0
    assert (await gate.fence() or 0) > before
    await gate.admit([pool.ask("p", ("A", 1))])
    await pool.settled()
    await nowhere.aclose()


async def test_a_shop_that_moved_its_own_number_is_told_again(db: Database) -> None:
    pool = await a_pool(db, {"A": 10})
    first, second = await a_shop(pool, "one", sells=["A"]), await a_shop(pool, "two", sells=["A"])
    await relay(pool)
    async with db.transaction() as session:
        await mark_dirty(session, [pool["A"]], moved=[(pool["A"], second)])
        await mark_dirty(session, [pool["A"]])
    assert (await relay(pool)).shops == {second}
    assert await wanted(pool) == [(10, 1), (10, 2)]
    assert first != second
