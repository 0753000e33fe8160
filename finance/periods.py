"""Accounting periods, one per month: open, closed, locked. Made when a date first needs them.

Invariant: nothing is posted into a period that is not open, not even by a posting that overlaps its closing: `place`
holds the period until the posting's commit, `close` waits for it. Closed may be reopened, locked never.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from finance.errors import PeriodClosed
from finance.tables import period
from hub.core import audit


@dataclass(frozen=True, slots=True)
class Place:
    """Where a business date is posted: the period and the accounting date in it."""

    period: str
    date: date


def code_of(day: date) -> str:
    """'2026-11'."""
    return f"{day.year:04d}-{day.month:02d}"


def next_code(code: str) -> str:
    """The month after."""
    year, month = int(code[:4]), int(code[5:7])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def first_open(states: Mapping[str, str], code: str) -> str:
    """The first period from `code` on that is open; one that nobody has made yet counts as open."""
    while states.get(code, "open") != "open":
        code = next_code(code)
    return code


async def place(session: AsyncSession, book_id: int, days: Iterable[date]) -> dict[date, Place]:
    """Find for each business date its period or the first open one after it, and hold those open until the commit."""
    wanted = set(days)
    if not wanted:
        return {}
    codes = {code_of(day) for day in wanted}
    while True:
        await _make(session, book_id, codes)
        states = await _hold(session, book_id, min(codes))
        places = {day: first_open(states, code_of(day)) for day in wanted}
        if set(places.values()) <= set(states):
            return {day: Place(code, _date_in(code, day)) for day, code in places.items()}
        codes |= set(places.values())


async def close(session: AsyncSession, book_id: int, code: str, actor: str) -> None:
    """Open -> closed: later events of its days post forward. Closing twice is no error."""
    await _make(session, book_id, {code})
    await _turn(session, book_id, code, ("open", "closed"), target="closed", actor=actor)


async def reopen(session: AsyncSession, book_id: int, code: str, actor: str) -> None:
    """Closed -> open. Raises PeriodClosed when it is locked."""
    await _turn(session, book_id, code, ("closed", "open"), target="open", actor=actor)


async def lock(session: AsyncSession, book_id: int, code: str, actor: str) -> None:
    """Closed -> locked, for good. Raises PeriodClosed when it is still open."""
    await _turn(session, book_id, code, ("closed", "locked"), target="locked", actor=actor)


async def _make(session: AsyncSession, book_id: int, codes: set[str]) -> None:
    rows = [{"book_id": book_id, "code": code} for code in sorted(codes)]
    await session.execute(insert(period).on_conflict_do_nothing(), rows)


async def _hold(session: AsyncSession, book_id: int, since: str) -> dict[str, str]:
    found = await session.execute(
        select(period.c.code, period.c.state)
        .where(period.c.book_id == book_id, period.c.code >= since)
        .order_by(period.c.code)
        .with_for_update(read=True)
    )
    return {row.code: row.state for row in found}


async def _turn(
    session: AsyncSession, book_id: int, code: str, sources: tuple[str, ...], *, target: str, actor: str
) -> None:
    result = await session.execute(
        update(period)
        .where(period.c.book_id == book_id, period.c.code == code, period.c.state.in_(sources))
        .values(state=target)
        .returning(period.c.code)
    )
    if result.scalar() is None:
        raise PeriodClosed("Period %(period)s cannot become %(state)s now.", period=code, state=target)
    await audit.record(session, actor, f"period.{target}", f"period:{code}", book_id=book_id)


def _date_in(code: str, day: date) -> date:
    return day if code_of(day) == code else date(int(code[:4]), int(code[5:7]), 1)
