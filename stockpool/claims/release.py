"""Release: a claim ends without goods moving (cancelled, put on hold, replaced).

Invariant: each reservation is voided at most once; a second call changes nothing and answers the same.
"""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.points import point
from stockpool.claims.closing import free, lock_open

_FREED = text(
    """
    SELECT coalesce(sum(r.qty), 0)
    FROM reservation AS r JOIN resolution AS e ON e.reservation_id = r.id
    WHERE r.key = :key AND e.kind = 'void' AND e.cause = :cause
      AND (CAST(:lines AS text[]) IS NULL OR r.line = ANY(CAST(:lines AS text[])))
      AND r.attempt = (SELECT max(l.attempt) FROM reservation AS l WHERE l.key = r.key AND l.line = r.line)
    """
)


async def release(session: AsyncSession, key: str, cause: str, lines: Collection[str] | None = None) -> int:
    """Void what is open under `key` (only these lines, when given). Returns the units that this cause has freed."""
    claims = [claim for claim in await lock_open(session, key) if lines is None or claim.line in lines]
    point("release.locked")
    await free(session, claims, "void", cause)
    point("release.written")
    wanted = None if lines is None else sorted(lines)
    freed = await session.execute(_FREED, {"key": key, "cause": cause[:300], "lines": wanted})
    return int(freed.scalar_one())
