"""Waking a worker after the commit. Losing a ring costs a second: the sweeper reads the same work lists.

Invariant: a bell is rung only for rows that are committed.
"""

from collections.abc import Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.db import after_commit
from hub.core.queue import Bell


def wake(session: AsyncSession, *jobs: str) -> None:
    """Ring each job once this transaction is committed, if the session has a bell."""
    bell = session.info.get("bell")
    if isinstance(bell, Bell):
        after_commit(session, partial(_ring, bell, jobs))


async def _ring(bell: Bell, jobs: Sequence[str]) -> None:
    for job in jobs:
        await bell.ring(job)
