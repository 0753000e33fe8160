"""Confirm a hold: the buyer has paid in time, so it becomes a claim that never expires.

Invariant: exactly one of confirm and expire wins; both decide under the lock of the stock level.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stockpool.claims.closing import lock_open

_CONFIRM = text(
    """
    UPDATE reservation SET kind = 'claim', expires_at = NULL
    WHERE id = ANY(CAST(:ids AS uuid[])) AND kind = 'hold' AND expires_at >= now()
    """
)
_OVERDUE = text("SELECT count(*) FROM reservation WHERE id = ANY(CAST(:ids AS uuid[])) AND expires_at < now()")


async def confirm(session: AsyncSession, key: str) -> bool:
    """Make the whole hold a claim. False when it has ended or its time is over: reserve anew under the next attempt."""
    ids = {"ids": [claim.id for claim in await lock_open(session, key)]}
    if not ids["ids"] or (await session.execute(_OVERDUE, ids)).scalar_one():
        return False
    await session.execute(_CONFIRM, ids)
    return True
