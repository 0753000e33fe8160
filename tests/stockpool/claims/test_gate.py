from hub.core.db import Database
from hub.core.redis import Redis, connect
from stockpool.claims.gate import Gate, Seen, Verdict
from stockpool.claims.grant import Granted, grant
from stockpool.claims.levels import Level
from tests.stockpool.given import Pool, a_pool


async def seen(pool: Pool, code: str) -> Seen:
    assert pool.gate is not None
    found = await pool.gate.check([pool.place(code)])
    assert found is not None
    return found[pool.place(code)]


def at(pool: Pool, code: str, available: int, version: int) -> Level:
    return Level(*pool.place(code), available, 0, 0, version, frozen=False)


async def test_what_the_gate_does_not_know_is_loaded_from_postgres(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 3}, gate)
    await redis.flushdb()
    (answer,) = await gate.admit([pool.ask("o", ("A", 2))])
    assert answer.verdict is Verdict.OK
    assert await seen(pool, "A") == Seen(base=3, version=1, pending=2, pending_sum=2)


async def test_a_sku_that_was_never_stocked_is_refused(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 0}, gate)
    (answer,) = await gate.admit([pool.ask("o", ("A", 2))])
    assert (answer.verdict, answer.missing) == (Verdict.NO_FINAL, {pool["A"]: 2})


async def test_a_repeated_ask_takes_nothing_more(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 3}, gate)
    ask = pool.ask("o", ("A", 2))
    for _ in range(3):
        assert [answer.verdict for answer in await gate.admit([ask, ask])] == [Verdict.OK, Verdict.OK]
    assert (await seen(pool, "A")).pending == 2


async def test_the_next_attempt_is_another_ask(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 3}, gate)
    await gate.admit([pool.ask("o", ("A", 2)), pool.ask("o", ("A", 1), attempt=2)])
    assert (await seen(pool, "A")).pending == 3


async def test_two_lines_of_one_sku_cannot_share_its_last_unit(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 1}, gate)
    (answer,) = await gate.admit([pool.ask("o", ("A", 1), ("A", 1))])
    assert (answer.verdict, answer.missing) == (Verdict.NO_FINAL, {pool["A"]: 1})
    assert (await seen(pool, "A")).pending == 0


async def test_an_ask_is_let_in_whole_or_not_at_all(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 5, "B": 0}, gate)
    (answer,) = await gate.admit([pool.ask("o", ("A", 1), ("B", 1))])
    assert (answer.verdict, answer.missing) == (Verdict.NO_FINAL, {pool["B"]: 1})
    assert (await seen(pool, "A")).pending == 0


async def test_a_batch_is_decided_in_order_with_one_script_call(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 2, "B": 9}, gate)
    asks = [pool.ask(f"o{n}", ("A", 1), ("B", 1)) for n in range(4)]
    await gate.admit(asks[:1])  # loads the keys
    before = await script_calls(redis)
    verdicts = [answer.verdict for answer in await gate.admit(asks)]
    assert verdicts == [Verdict.OK, Verdict.OK, Verdict.NO_IN_FLIGHT, Verdict.NO_IN_FLIGHT]
    assert await script_calls(redis) == before + 1
    assert (await seen(pool, "B")).pending == 2


async def test_a_no_is_final_when_no_lapse_of_others_could_help(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 2}, gate)
    await gate.admit([pool.ask("o", ("A", 1))])
    answers = await gate.admit([pool.ask("p", ("A", 2)), pool.ask("q", ("A", 3))])
    assert [answer.verdict for answer in answers] == [Verdict.NO_IN_FLIGHT, Verdict.NO_FINAL]


async def test_more_asks_than_fit_into_one_call_are_cut(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 300}, gate)
    answers = await gate.admit([pool.ask(f"o{n}", ("A", 1)) for n in range(450)])
    assert sum(answer.verdict is Verdict.OK for answer in answers) == 300
    assert [answer.key for answer in answers] == [f"o{n}" for n in range(450)]


async def test_a_pending_past_its_deadline_falls_off(db: Database, redis: Redis) -> None:
    gate = Gate(redis, db, pending_seconds=0)
    pool = await a_pool(db, {"A": 1}, gate)
    assert (await gate.admit([pool.ask("o", ("A", 1))]))[0].verdict is Verdict.OK
    assert (await gate.admit([pool.ask("p", ("A", 1))]))[0].verdict is Verdict.OK
    assert await seen(pool, "A") == Seen(base=1, version=1, pending=1, pending_sum=1)


async def test_settling_drops_the_pending_with_the_base_that_contains_it(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 5}, gate)
    ask = pool.ask("o", ("A", 2))
    await gate.admit([ask])
    async with db.transaction() as session:
        assert isinstance((await grant(session, [ask]))["o"], Granted)
    assert await seen(pool, "A") == Seen(base=3, version=2, pending=0, pending_sum=0)


async def test_settles_in_reverse_order_leave_the_newest_base(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 5}, gate)
    await gate.admit([pool.ask("o", ("A", 1)), pool.ask("p", ("A", 1))])
    await gate.settle(["p#1"], [at(pool, "A", 3, 3)])
    await gate.settle(["o#1"], [at(pool, "A", 4, 2)])
    assert await seen(pool, "A") == Seen(base=3, version=3, pending=0, pending_sum=0)


async def test_settling_twice_changes_nothing(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 5}, gate)
    await gate.admit([pool.ask("o", ("A", 1)), pool.ask("p", ("A", 1))])
    for _ in range(2):
        await gate.settle(["o#1"], [at(pool, "A", 4, 2)])
    assert await seen(pool, "A") == Seen(base=4, version=2, pending=1, pending_sum=1)


async def test_an_old_level_is_never_pushed_over_a_newer_one(db: Database, gate: Gate) -> None:
    pool = await a_pool(db, {"A": 5}, gate)
    await gate.push([at(pool, "A", 7, 9)])
    await gate.push([at(pool, "A", 5, 8)])
    assert (await seen(pool, "A")).base == 7


async def test_a_single_key_that_was_evicted_comes_back_with_its_pendings(
    db: Database, gate: Gate, redis: Redis
) -> None:
    pool = await a_pool(db, {"A": 5, "B": 5}, gate)
    await gate.admit([pool.ask("o", ("A", 2), ("B", 1)), pool.ask("p", ("A", 1))])
    assert await redis.delete(f"g:{{0}}:{gate.epoch}:s:{pool['A']}:{pool.main}") == 1
    await gate.admit([pool.ask("q", ("A", 1))])
    assert await seen(pool, "A") == Seen(base=5, version=1, pending=4, pending_sum=4)


async def test_settling_never_makes_a_missing_key(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 5}, gate)
    await gate.admit([pool.ask("o", ("A", 2)), pool.ask("p", ("A", 1))])
    await redis.delete(f"g:{{0}}:{gate.epoch}:s:{pool['A']}:{pool.main}")
    await gate.settle(["o#1"], [at(pool, "A", 3, 2)])
    assert await gate.check([pool.place("A")]) == {}


async def test_every_key_dies_of_itself_within_a_day(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 5}, gate)
    await gate.admit([pool.ask("o", ("A", 2))])
    keys = [key async for key in redis.scan_iter("g:*")]
    assert len(keys) == 3
    assert all([0 < await redis.ttl(key) <= 86_400 for key in keys])


async def test_flushall_in_mid_flight_ends_in_the_truth(db: Database, gate: Gate, redis: Redis) -> None:
    pool = await a_pool(db, {"A": 3}, gate)
    early = [pool.ask(f"o{n}", ("A", 1)) for n in range(3)]
    epoch = gate.epoch
    await gate.admit(early)
    await redis.flushall()
    late = pool.ask("late", ("A", 1))
    assert (await gate.admit([late]))[0].verdict is Verdict.OK, "it forgot those in flight"
    async with db.transaction() as session:
        answers = await grant(session, [*early, late])
    assert [isinstance(answer, Granted) for answer in answers.values()] == [True, True, True, False], "a late no"
    assert gate.epoch == epoch, "nothing was restarted"
    assert await seen(pool, "A") == Seen(base=0, version=2, pending=0, pending_sum=0)
    await pool.settled()


async def test_without_redis_the_gate_stands_aside(db: Database) -> None:
    nowhere = connect("unix:///nowhere/valkey.sock")
    gate = Gate(nowhere, db)
    pool = await a_pool(db, {"A": 3}, gate)
    assert gate.epoch is None
    assert (await gate.admit([pool.ask("o", ("A", 1))]))[0].verdict is Verdict.BYPASS
    assert await gate.push([at(pool, "A", 3, 1)]) is False
    assert await gate.check([pool.place("A")]) is None
    await nowhere.aclose()


async def test_a_gate_that_has_not_met_its_database_stands_aside(redis: Redis, db: Database) -> None:
    pool = await a_pool(db, {"A": 3})
    gate = Gate(redis)
    assert (await gate.admit([pool.ask("o", ("A", 1))]))[0].verdict is Verdict.BYPASS
    assert await gate.fence(db) is not None
    assert (await gate.admit([pool.ask("o", ("A", 1))]))[0].verdict is Verdict.OK


async def script_calls(redis: Redis) -> int:
    stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {"calls": 0})["calls"])
