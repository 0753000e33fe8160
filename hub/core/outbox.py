"""The outbox: events wait here, in the database, until each of their handlers has run in one transaction.

Invariant: an event is a committed row before anybody acts on it; it is marked handled in the transaction that handled
it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, Text, Uuid, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.db import Instant, metadata
from hub.core.events import Event

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("topic", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("at", Instant, nullable=False, server_default=func.now()),
    Column("handled_at", Instant),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", Instant, nullable=False, server_default=func.now()),
    Column("error", Text),
    Index("ix_outbox_waiting", "next_try_at", "id", postgresql_where=text("handled_at IS NULL")),
)

_READER_LOCK = 7_201_003  # pg advisory lock key: one reader at a time keeps the order


async def emit(session: AsyncSession, event_id: UUID, topic: str, payload: dict[str, Any]) -> None:
    """Tell a fact; a second telling under the same id is ignored."""
    await emit_many(session, [(event_id, topic, payload)])


async def emit_many(session: AsyncSession, facts: Sequence[tuple[UUID, str, dict[str, Any]]]) -> None:
    """Tell several facts with one statement."""
    if facts:
        rows = [{"event_id": event_id, "topic": topic, "payload": payload} for event_id, topic, payload in facts]
        await session.execute(insert(outbox).on_conflict_do_nothing(index_elements=["event_id"]), rows)


async def claim(session: AsyncSession, limit: int) -> list[tuple[int, Event]]:
    """Take up to `limit` waiting events, oldest first. Empty while another worker holds any: events are handled in
    order (a sale must not be posted before the receipt of its goods).
    """
    if not (await session.execute(select(func.pg_try_advisory_xact_lock(_READER_LOCK)))).scalar_one():
        return []
    rows = await session.execute(
        select(outbox)
        .where(outbox.c.handled_at.is_(None), outbox.c.next_try_at <= func.now())
        .order_by(outbox.c.id)
        .limit(limit)
    )
    return [(row.id, Event(row.event_id, row.topic, row.payload, row.at, row.attempts)) for row in rows]


async def mark_handled(session: AsyncSession, outbox_ids: Sequence[int]) -> None:
    """Close events in the transaction that handled them."""
    await session.execute(update(outbox).where(outbox.c.id.in_(outbox_ids)).values(handled_at=func.now(), error=None))


async def mark_failed(session: AsyncSession, outbox_id: int, error: str) -> int:
    """Put an event off with growing pauses; returns the number of attempts so far."""
    pause = func.least(text("interval '10 minutes'"), text("interval '1 second' * (2 ^ attempts)"))
    row = await session.execute(
        update(outbox)
        .where(outbox.c.id == outbox_id)
        .values(attempts=outbox.c.attempts + 1, error=error[:500], next_try_at=func.now() + pause)
        .returning(outbox.c.attempts)
    )
    return int(row.scalar_one())


async def oldest_waiting_age(session: AsyncSession) -> timedelta | None:
    """How long the oldest unhandled event has waited, None when there is none."""
    result = await session.execute(select(func.now() - func.min(outbox.c.at)).where(outbox.c.handled_at.is_(None)))
    age: Any = result.scalar_one()  # an interval; SQLAlchemy types it as the instant it was taken from
    return cast("timedelta | None", age)


async def try_again(session: AsyncSession, outbox_id: int) -> None:
    """A person has mended the cause: the event is due now, its attempts start afresh."""
    await session.execute(
        update(outbox)
        .where(outbox.c.id == outbox_id, outbox.c.handled_at.is_(None))
        .values(attempts=0, next_try_at=func.now(), error=None)
    )
