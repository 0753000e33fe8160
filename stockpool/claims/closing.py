"""What the three ways to end a reservation share: find what is open, under the locks that protect it, and close it.

Invariant: a reservation ends at most once (resolution's primary key); whether it is open is decided after its stock
level has been locked, so the slower of two closers finds nothing left to do.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.errors import TryAgain
from stockpool.claims.levels import Change, change_levels, lock_levels
from stockpool.claims.rules import OpenClaim, units_by_place
from stockpool.claims.settle import settle_later
from stockpool.offers.dirty import mark_dirty

_COLUMNS = "r.id, r.key, r.line, r.attempt, r.sku_id, r.warehouse_id, r.qty, r.opened_at"
_OPEN = "NOT EXISTS (SELECT FROM resolution AS e WHERE e.reservation_id = r.id)"
_OPEN_OF_KEY = text(f"SELECT {_COLUMNS} FROM reservation AS r WHERE r.key = :key AND {_OPEN} ORDER BY r.id")  # noqa: S608
_OPEN_BY_ID = text(
    f"SELECT {_COLUMNS} FROM reservation AS r WHERE r.id = ANY(CAST(:ids AS uuid[])) AND {_OPEN} ORDER BY r.id"  # noqa: S608
)
_OPEN_AT = text(
    f"""
    SELECT {_COLUMNS} FROM reservation AS r
    WHERE r.sku_id = :sku_id AND r.warehouse_id = :warehouse_id AND {_OPEN}
    """  # noqa: S608  # constants
)
_RESOLVE = text(
    """
    INSERT INTO resolution (reservation_id, kind, cause)
    SELECT id, :kind, :cause FROM unnest(CAST(:ids AS uuid[])) AS ended(id)
    """
)


async def lock_open(session: AsyncSession, key: str) -> list[OpenClaim]:
    """Lock the stock levels of a key's open reservations and return what is open then."""
    seen = await _open_of(session, key)
    if not seen:
        return []
    places = {claim.place for claim in seen}
    await lock_levels(session, places)
    claims = await _open_of(session, key)
    if any(claim.place not in places for claim in claims):
        raise TryAgain("This claim was made anew at this moment.")  # its level is not locked; never lock out of order
    return claims


async def still_open(session: AsyncSession, ids: Sequence[UUID]) -> list[OpenClaim]:
    """Which of these reservations are open; the caller holds the locks of their levels."""
    return [OpenClaim(*row) for row in await session.execute(_OPEN_BY_ID, {"ids": list(ids)})]


async def open_at(session: AsyncSession, sku_id: int, warehouse_id: int) -> list[OpenClaim]:
    """All open reservations on one level; the caller holds its lock."""
    return [
        OpenClaim(*row) for row in await session.execute(_OPEN_AT, {"sku_id": sku_id, "warehouse_id": warehouse_id})
    ]


async def resolve(session: AsyncSession, claims: Sequence[OpenClaim], kind: str, cause: str) -> None:
    """End reservations as `post`, `void` or `expire`. Levels are changed by the caller in the same transaction."""
    if claims:
        await session.execute(_RESOLVE, {"ids": [claim.id for claim in claims], "kind": kind, "cause": cause[:300]})


async def free(session: AsyncSession, claims: Sequence[OpenClaim], kind: str, cause: str) -> int:
    """End reservations without goods moving: their units are free again. Returns the units."""
    if not claims:
        return 0
    await resolve(session, claims, kind, cause)
    held = units_by_place(claims)
    changed = await change_levels(session, {place: Change(reserved=-qty) for place, qty in held.items()})
    await mark_dirty(session, (place[0] for place in held))
    settle_later(session, changed.levels, epoch=changed.epoch)
    return sum(held.values())


async def _open_of(session: AsyncSession, key: str) -> list[OpenClaim]:
    return [OpenClaim(*row) for row in await session.execute(_OPEN_OF_KEY, {"key": key})]
