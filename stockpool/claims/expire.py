"""Expire holds whose time is over, by the database's clock.

Invariant: a hold either becomes a claim or expires, never both: both look again under the lock of its stock level.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stockpool.claims.closing import free, still_open
from stockpool.claims.levels import lock_levels
from stockpool.claims.rules import Place

_OVERDUE = text(
    """
    SELECT r.id, r.sku_id, r.warehouse_id FROM reservation AS r
    WHERE r.expires_at < now() AND NOT EXISTS (SELECT FROM resolution AS e WHERE e.reservation_id = r.id)
    ORDER BY r.expires_at LIMIT :limit
    """
)
_STILL_OVERDUE = text(
    "SELECT id FROM reservation WHERE id = ANY(CAST(:ids AS uuid[])) AND kind = 'hold' AND expires_at < now()"
)


async def expire(session: AsyncSession, limit: int = 200) -> int:
    """End up to `limit` overdue holds. Returns how many."""
    overdue = list(await session.execute(_OVERDUE, {"limit": limit}))
    if not overdue:
        return 0
    places: set[Place] = {(row.sku_id, row.warehouse_id) for row in overdue}
    await lock_levels(session, places)
    claims = await still_open(session, await _still_overdue(session, [row.id for row in overdue]))
    await free(session, claims, "expire", "time is over")
    return len(claims)


async def _still_overdue(session: AsyncSession, ids: list[UUID]) -> list[UUID]:
    return list((await session.execute(_STILL_OVERDUE, {"ids": ids})).scalars())
