from uuid import UUID

import pytest
from sqlalchemy import text

from hub.core.db import Database
from hub.core.errors import Conflict
from hub.core.redis import Redis
from stockpool.audit import Breach, check
from stockpool.claims.fulfil import fulfil
from stockpool.claims.gate import Gate
from stockpool.claims.grant import Short, grant
from stockpool.repair import rebuild_level, repair
from tests.stockpool.given import Pool, a_pool, a_shop, feed_is_read, relay


async def a_trade(db: Database, gate: Gate | None = None) -> Pool:
    """Ten of A: order o claims three of them, order p has been shipped two."""
    pool = await a_pool(db, {"A": 10}, gate)
    async with db.transaction() as session:
        await grant(session, [pool.ask("o", ("A", 3)), pool.ask("p", ("A", 2))])
    async with db.transaction() as session:
        await fulfil(session, "p", "shipped", "S1", "packer")
    return pool


async def plant(pool: Pool, statement: str) -> None:
    """Do what no verb would do, with the triggers asleep."""
    async with pool.db.transaction() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text(statement))


async def found(pool: Pool, gate: Gate | None = None) -> list[Breach]:
    async with pool.db.transaction() as session:
        return await check(session, gate)


async def mended(pool: Pool, gate: Gate | None = None, *, dry_run: bool = False) -> list[str]:
    async with pool.db.transaction() as session:
        return await repair(session, gate, actor="ann", dry_run=dry_run)


async def test_ordinary_trade_is_clean(db: Database, any_gate: Gate | None) -> None:
    pool = await a_trade(db, any_gate)
    await pool.settled()
    assert await mended(pool, any_gate) == []


async def test_a_wrong_on_hand_is_found_frozen_and_rebuilt_by_a_person(db: Database) -> None:
    pool = await a_trade(db)
    await plant(pool, "UPDATE stock_level SET on_hand = 9")
    (breach,) = await found(pool)
    assert (breach.invariant, breach.subject) == ("I1", f"level:{pool['A']}:{pool.main}")
    assert "9" in breach.detail
    assert "8" in breach.detail
    await mended(pool)
    assert await pool.rows("SELECT kind, state FROM cases") == [("frozen_key", "open")]
    async with db.transaction() as session:
        assert isinstance((await grant(session, [pool.ask("q", ("A", 1))]))["q"], Short)
    async with db.transaction() as session:
        await rebuild_level(session, pool.place("A"), "ann")
    assert await pool.rows("SELECT on_hand, reserved, frozen FROM stock_level") == [(8, 3, False)]
    assert await pool.one("SELECT state FROM cases") == "closed"
    await pool.settled()


async def test_a_wrong_reserved_is_found_and_rebuilt_from_the_reservations(db: Database, gate: Gate) -> None:
    pool = await a_trade(db, gate)
    await plant(pool, "UPDATE stock_level SET reserved = 5")
    assert "I2" in [breach.invariant for breach in await found(pool)]
    assert await mended(pool, gate, dry_run=True) != []
    assert await pool.level("A") == (8, 5), "a dry run changes nothing"
    await mended(pool, gate)
    assert await pool.level("A") == (8, 3)
    await pool.settled()
    assert await pool.one("SELECT count(*) FROM audit_log WHERE action = 'stock.repair'") == 1


async def test_a_move_that_vanished_is_found_twice_and_frozen(db: Database) -> None:
    pool = await a_trade(db)
    await plant(pool, "DELETE FROM stock_move WHERE cause = 'ship'")
    assert sorted(breach.invariant for breach in await found(pool)) == ["I1", "I4"]
    await mended(pool)
    assert await pool.one("SELECT frozen FROM stock_level") is True


async def test_a_move_without_an_end_is_found(db: Database) -> None:
    pool = await a_trade(db)
    await plant(pool, "DELETE FROM resolution")
    assert {breach.invariant for breach in await found(pool)} == {"I2", "I4"}


async def test_a_shipment_of_more_than_was_claimed_is_found(db: Database) -> None:
    pool = await a_trade(db)
    await plant(pool, "UPDATE stock_move SET qty = 3 WHERE cause = 'ship'")
    await plant(pool, "UPDATE stock_level SET on_hand = 7")
    (breach,) = await found(pool)
    assert breach.invariant == "I4"
    assert UUID(breach.subject.removeprefix("reservation:"))


async def test_a_level_beyond_its_bounds_is_found(db: Database) -> None:
    pool = await a_trade(db)
    await pool.rows("ALTER TABLE stock_level DROP CONSTRAINT ck_stock_level_reserved")
    try:
        await plant(pool, "UPDATE stock_level SET reserved = 12")
        assert [breach.invariant for breach in await found(pool)] == ["I2", "I3"]
        await mended(pool)
        await pool.settled()
    finally:
        await pool.rows(
            "ALTER TABLE stock_level ADD CONSTRAINT ck_stock_level_reserved "
            "CHECK (reserved >= 0 AND reserved <= on_hand + backorder_allowed)"
        )


async def test_ledgers_that_do_not_fit_each_other_are_not_rebuilt(db: Database) -> None:
    pool = await a_trade(db)
    await plant(pool, "UPDATE reservation SET qty = 30 WHERE key = 'o'")
    with pytest.raises(Conflict):
        async with db.transaction() as session:
            await rebuild_level(session, pool.place("A"), "ann")
    await mended(pool)
    assert await pool.one("SELECT frozen FROM stock_level") is True


@pytest.mark.parametrize(("field", "value"), [("b", 99), ("v", 99), ("p", 7)])
async def test_a_gate_that_tells_another_story_is_found_and_mended(
    db: Database, gate: Gate, redis: Redis, field: str, value: int
) -> None:
    pool = await a_trade(db, gate)
    await gate.admit([pool.ask("q", ("A", 1))])
    await redis.hset(f"g:{{0}}:{gate.epoch}:s:{pool['A']}:{pool.main}", field, str(value))
    assert [breach.invariant for breach in await found(pool, gate)] == ["I8"]
    await mended(pool, gate)
    await pool.settled()
    seen = await gate.check([pool.place("A")])
    assert seen is not None
    assert (seen[pool.place("A")].base, seen[pool.place("A")].pending) == (5, 1)


async def test_old_marks_and_unsent_numbers_are_found_and_driven(db: Database) -> None:
    pool = await a_trade(db)
    shop = await a_shop(pool, sells=["A"])
    await relay(pool)
    await feed_is_read(pool, shop)
    await pool.rows("UPDATE listing SET want_at = want_at - interval '1 h', next_push_at = now() - interval '1 h'")
    await pool.rows("INSERT INTO dirty (sku_id, since) VALUES (:sku, now() - interval '1 h')", sku=pool["A"])
    assert [breach.subject for breach in await found(pool)] == [f"sku:{pool['A']}", "listing:1"]
    assert len(await mended(pool)) == 2
    assert [breach.subject for breach in await found(pool)] == [f"sku:{pool['A']}"]
    await relay(pool)
    await pool.settled()
