"""Who is alive: each process says so every few seconds, and /readyz reads it.

Invariant: ages are measured by the database's clock on both ends, so a skewed host cannot look alive or dead.
"""

from dataclasses import dataclass

from sqlalchemy import Column, Table, Text, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.db import Instant, metadata

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("process", Text, primary_key=True),  # work:host:pid, sweep:host:pid
    Column("kind", Text, nullable=False),
    Column("started_at", Instant, nullable=False, server_default=func.now()),
    Column("at", Instant, nullable=False, server_default=func.now()),
)


@dataclass(frozen=True, slots=True)
class Alive:
    """One process that spoke lately."""

    process: str
    kind: str
    age_seconds: float


async def beat(session: AsyncSession, kind: str, process: str) -> None:
    """Say that this process is alive; forget those silent for a day."""
    statement = insert(heartbeat).values(process=process, kind=kind)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["process"], set_={"at": func.now(), "kind": kind})
    )
    await session.execute(delete(heartbeat).where(heartbeat.c.at < func.now() - text("interval '1 day'")))


async def heard_from(session: AsyncSession, within_seconds: float = 60) -> list[Alive]:
    """The processes that spoke within that time, freshest first."""
    age = func.extract("epoch", func.now() - heartbeat.c.at)
    rows = await session.execute(
        select(heartbeat.c.process, heartbeat.c.kind, age.label("age")).where(age < within_seconds).order_by(age)
    )
    return [Alive(row.process, row.kind, float(row.age)) for row in rows]
