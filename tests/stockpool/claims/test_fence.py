import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hub.core.db import Database
from hub.core.embedded import Embedded
from hub.core.redis import NoScriptError, Redis, connect
from hub.migrations.run import upgrade
from stockpool.claims.fence import spend_epoch
from stockpool.claims.gate import Gate, Verdict
from stockpool.claims.rebuild import rebuild
from stockpool.claims.reserve import reserve
from tests.stockpool.given import Pool, a_pool


async def test_a_flushed_script_is_loaded_again_in_the_same_epoch(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 3}, gate)
    epoch = gate.epoch
    await gate.admit([pool.ask("o", ("A", 1))])
    await redis.script_flush()
    assert (await gate.admit([pool.ask("p", ("A", 1))]))[0].verdict is Verdict.OK
    assert gate.epoch == epoch
    assert await pool.one("SELECT bumps FROM gate") == 0
    assert gate.counts["epoch_changed"] == 0


async def test_many_processes_that_fence_at_once_share_one_epoch(db: Database, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 3})
    gates = [Gate(redis, db) for _ in range(12)]
    epochs = await asyncio.gather(*(gate.fence() for gate in gates))
    assert len(set(epochs)) == 1
    assert await pool.one("SELECT bumps FROM gate") == 0


async def test_another_identity_bumps_once_however_many_see_it(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 3}, gate)
    before = gate.epoch or 0
    await pool.rows("UPDATE gate SET identity = 'another life'")
    epochs = await asyncio.gather(*(Gate(redis, db).fence() for _ in range(12)))
    assert len(set(epochs)) == 1
    assert min(epoch or 0 for epoch in epochs) > before
    assert await pool.one("SELECT bumps FROM gate") == 1


async def test_an_epoch_is_greater_than_all_before_even_after_a_restore(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 3}, gate)
    before = gate.epoch or 0
    await pool.rows("UPDATE gate SET identity = 'of a backup', epoch = 7")
    assert (await Gate(redis, db).fence() or 0) > before
    await pool.rows("UPDATE gate SET identity = 'of a clock that ran ahead', epoch = epoch + 1000000")
    ahead = await pool.one("SELECT epoch FROM gate")
    assert await Gate(redis, db).fence() == ahead + 1


async def test_a_spent_epoch_is_left_by_the_next_fence(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 3}, gate)
    await gate.admit([pool.ask("o", ("A", 3))])
    before = gate.epoch or 0
    async with db.transaction() as session:
        await spend_epoch(session)
    assert (await gate.fence() or 0) > before
    assert (await gate.admit([pool.ask("p", ("A", 1))]))[0].verdict is Verdict.OK, "a new namespace knows no pendings"


async def test_a_worker_adopts_the_epoch_that_a_grant_has_seen(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 3}, gate)
    await pool.rows("UPDATE gate SET identity = 'another life'")
    newer = await Gate(redis, db).fence()
    async with db.transaction() as session:
        await reserve(session, {pool["A"]: 1}, "o")
    assert gate.epoch == newer


async def test_the_whole_pool_can_be_loaded_at_once(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {f"S{n}": n for n in range(1, 30)}, gate)
    await redis.flushdb()
    async with db.transaction() as session:
        assert await rebuild(session, gate) == 29
    assert len(await gate.check([pool.place(code) for code in pool.skus]) or {}) == 29
    await pool.settled()


@pytest_asyncio.fixture
async def own_pool(own_servers: Embedded) -> AsyncIterator[Pool]:
    """A pool on servers of its own."""
    await upgrade(own_servers.database_url)
    db, redis = Database(own_servers.database_url), connect(own_servers.redis_url)
    yield await a_pool(db, {"A": 10}, Gate(redis, db))
    await redis.aclose()
    await db.close()


@pytest.mark.parametrize("how", ["restart_valkey", "kill_valkey"])
async def test_a_restarted_valkey_is_fenced_into_a_new_epoch(own_pool: Pool, own_servers: Embedded, how: str) -> None:
    gate = own_pool.gate
    assert gate is not None
    before = gate.epoch or 0
    ask = own_pool.ask("o", ("A", 4))
    assert (await gate.admit([ask]))[0].verdict is Verdict.OK
    getattr(own_servers, how)()
    if how == "kill_valkey":
        assert (await gate.admit([ask]))[0].verdict is Verdict.BYPASS
        own_servers.restart_valkey()
    assert (await gate.fence() or 0) > before
    assert await own_pool.one("SELECT bumps FROM gate") == 1
    answers = await gate.admit([own_pool.ask("p", ("A", 10))])
    assert answers[0].verdict is Verdict.OK, "the old namespace, brought back from the disk, is out of reach"
    await own_pool.settled()


async def test_the_old_script_is_unknown_to_a_restarted_valkey(own_pool: Pool, own_servers: Embedded) -> None:
    client = connect(own_servers.redis_url)
    sha = await client.script_load("return 1")
    own_servers.restart_valkey()
    fresh = connect(own_servers.redis_url)
    with pytest.raises(NoScriptError):
        await fresh.evalsha(sha, 0)
    await client.aclose()
    await fresh.aclose()


async def test_a_gate_with_old_connections_survives_a_restart_without_being_told(
    own_pool: Pool, own_servers: Embedded
) -> None:
    async with own_pool.db.transaction() as session:
        await reserve(session, {own_pool["A"]: 1}, "before")
    own_servers.restart_valkey()
    async with own_pool.db.transaction() as session:
        await reserve(session, {own_pool["A"]: 9}, "after")
    assert await own_pool.level("A") == (10, 10)


async def test_a_server_that_does_not_know_the_script_is_fenced_anew_not_taught_the_old_one(
    own_pool: Pool, own_servers: Embedded
) -> None:
    client = connect(own_servers.redis_url)
    gate = Gate(client, own_pool.db)
    before = await gate.fence() or 0
    assert (await gate.admit([own_pool.ask("o", ("A", 10))]))[0].verdict is Verdict.OK
    own_servers.restart_valkey()
    await client.connection_pool.disconnect()  # nothing breaks: the only sign is NOSCRIPT
    assert (await gate.admit([own_pool.ask("p", ("A", 10))]))[0].verdict is Verdict.OK
    assert (gate.epoch or 0) > before
    await client.aclose()


async def test_a_replica_is_not_fenced(own_pool: Pool, own_servers: Embedded) -> None:
    client = connect(own_servers.redis_url)
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    gate = own_pool.gate
    assert gate is not None
    assert await gate.fence() is None
    assert (await gate.admit([own_pool.ask("o", ("A", 1))]))[0].verdict is Verdict.BYPASS
    await client.aclose()
