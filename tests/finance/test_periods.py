"""Periods: closed ones take nothing more, what belongs to them posts forward."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from finance import periods
from finance.errors import PeriodClosed
from finance.periods import first_open, next_code, place
from finance.post import post_batch
from finance.queries import list_periods
from hub.core.db import Database
from tests.finance.given import World, received, vouchers

OCTOBER = datetime(2026, 10, 15, tzinfo=UTC)


async def turn(db: Database, world: World, verb: str, code: str) -> None:
    async with db.transaction() as session:
        await getattr(periods, verb)(session, world.book_id, code, "li")


async def states(db: Database) -> dict[str, str]:
    async with db.transaction() as session:
        return {row.code: row.state for row in await list_periods(session)}


def test_the_year_turns() -> None:
    assert next_code("2026-11") == "2026-12"
    assert next_code("2026-12") == "2027-01"
    assert first_open({"2026-11": "locked", "2026-12": "closed"}, "2026-11") == "2027-01"


async def test_an_event_of_a_closed_period_posts_forward_and_keeps_its_own_date(db: Database, world: World) -> None:
    await turn(db, world, "close", "2026-10")
    await turn(db, world, "lock", "2026-10")
    await turn(db, world, "close", "2026-11")
    async with db.transaction() as session:
        await post_batch(session, [received(world, 1, "1.00", at=OCTOBER), received(world, 1, "1.00")])
    assert [(row.period, row.date.isoformat(), row.business_date.isoformat()) for row in await vouchers(db)] == [
        ("2026-12", "2026-12-01", "2026-10-15"),
        ("2026-12", "2026-12-01", "2026-11-20"),
    ]
    assert await states(db) == {"2026-10": "locked", "2026-11": "closed", "2026-12": "open"}


async def test_a_closed_period_may_be_reopened_and_a_locked_one_never(db: Database, world: World) -> None:
    await turn(db, world, "close", "2026-10")
    await turn(db, world, "close", "2026-10")
    await turn(db, world, "reopen", "2026-10")
    with pytest.raises(PeriodClosed):
        await turn(db, world, "lock", "2026-10")
    await turn(db, world, "close", "2026-10")
    await turn(db, world, "lock", "2026-10")
    for verb in ("reopen", "close"):
        with pytest.raises(PeriodClosed):
            await turn(db, world, verb, "2026-10")
    assert await states(db) == {"2026-10": "locked"}


async def test_closing_waits_for_the_posting_that_is_under_way(db: Database, world: World) -> None:
    async with db.transaction() as session:
        await place(session, world.book_id, [date(2026, 10, 1)])
    async with db.transaction() as session:
        await post_batch(session, [received(world, 1, "1.00", at=OCTOBER)])
        closing = asyncio.create_task(turn(db, world, "close", "2026-10"))
        assert await states(db) == {"2026-10": "open"}
    await closing
    async with db.transaction() as session:
        await post_batch(session, [received(world, 1, "1.00", at=OCTOBER)])
    assert [row.period for row in await vouchers(db)] == ["2026-10", "2026-11"]
