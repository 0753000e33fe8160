import pytest

from hub.core.db import Database
from stockpool.claims.gate import Gate
from stockpool.claims.grant import Granted, Short, Spent, grant
from stockpool.claims.release import release
from stockpool.claims.rules import Ask, reservation_id
from tests.stockpool.given import Pool, a_pool


async def granted(pool: Pool, *asks: Ask) -> dict[str, Granted | Short]:
    async with pool.db.transaction() as session:
        return await grant(session, asks)


async def test_a_batch_is_granted_in_the_order_given(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 2, "B": 5}, any_gate)
    answers = await granted(pool, *(pool.ask(f"o{n}", ("A", 1), ("B", 1)) for n in range(4)))
    assert [isinstance(answers[f"o{n}"], Granted) for n in range(4)] == [True, True, False, False]
    assert answers["o3"] == Short({pool["A"]: 1})
    assert (await pool.level("A"), await pool.level("B")) == ((2, 2), (5, 2))
    await pool.settled()


async def test_two_lines_of_one_sku_need_two_units(db: Database) -> None:
    pool = await a_pool(db, {"A": 1})
    assert await granted(pool, pool.ask("o", ("A", 1), ("A", 1))) == {"o": Short({pool["A"]: 1})}
    assert await pool.level("A") == (1, 0)


async def test_a_second_grant_answers_the_same_and_takes_nothing(db: Database, any_gate: Gate | None) -> None:
    pool = await a_pool(db, {"A": 5}, any_gate)
    ask = pool.ask("o", ("A", 2))
    assert await granted(pool, ask) == await granted(pool, ask, ask)
    assert await pool.level("A") == (5, 2)
    assert await granted(pool, ask) == {"o": Granted((reservation_id("o", "1", 1),))}
    await pool.settled()


async def test_a_voided_attempt_is_spent_and_the_next_one_is_free(db: Database) -> None:
    pool = await a_pool(db, {"A": 5})
    await granted(pool, pool.ask("o", ("A", 2)))
    async with db.transaction() as session:
        await release(session, "o", "cancelled")
    assert await granted(pool, pool.ask("o", ("A", 2))) == {"o": Spent({pool["A"]: 2})}
    assert isinstance((await granted(pool, pool.ask("o", ("A", 2), attempt=2)))["o"], Granted)
    assert await pool.level("A") == (5, 2)


async def test_the_same_attempt_with_other_content_changes_nothing(db: Database) -> None:
    pool = await a_pool(db, {"A": 5, "B": 5})
    await granted(pool, pool.ask("o", ("A", 2)))
    assert isinstance((await granted(pool, pool.ask("o", ("A", 3))))["o"], Spent)
    assert isinstance((await granted(pool, pool.ask("o", ("A", 2), ("B", 1))))["o"], Spent)
    assert (await pool.level("A"), await pool.level("B")) == ((5, 2), (5, 0))


async def test_a_frozen_level_grants_nothing(db: Database) -> None:
    pool = await a_pool(db, {"A": 5})
    await pool.rows("UPDATE stock_level SET frozen = true")
    assert await granted(pool, pool.ask("o", ("A", 2))) == {"o": Short({pool["A"]: 2})}


async def test_a_backorder_allowance_may_be_granted(db: Database) -> None:
    pool = await a_pool(db, {"A": 1})
    await pool.rows("UPDATE stock_level SET backorder_allowed = 2")
    answers = await granted(pool, pool.ask("o", ("A", 3)), pool.ask("p", ("A", 1)))
    assert [isinstance(answer, Granted) for answer in answers.values()] == [True, False]
    await pool.settled()


async def test_a_grant_of_two_hundred_orders_is_a_handful_of_statements(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await a_pool(db, {f"S{n}": 50 for n in range(100)})
    asks = [pool.ask(f"o{n}", (f"S{n % 100}", 1), (f"S{n * 7 % 100}", 1)) for n in range(200)]
    statements = 0
    async with db.transaction() as session:
        execute = session.execute

        async def counted(*arguments: object, **options: object) -> object:
            nonlocal statements
            statements += 1
            return await execute(*arguments, **options)  # type: ignore[call-overload]

        monkeypatch.setattr(session, "execute", counted)
        answers = await grant(session, asks)
    assert all(isinstance(answer, Granted) for answer in answers.values())
    assert statements <= 6
    await pool.settled()
