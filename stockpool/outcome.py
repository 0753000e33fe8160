"""What a whole run of the stock pool comes to: how much still waits, how often was pushed, was anything promised twice.

Invariant: reads only; every figure is counted from rows that were written anyway, none is kept on the side.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_FEW = 50

_WAITING = text("""
    SELECT (SELECT count(*) FROM dirty) AS dirty,
           (SELECT count(*) FROM listing WHERE sent_version < want_version AND publish) AS behind,
           greatest(
               (SELECT extract(epoch FROM clock_timestamp() - min(since)) FROM dirty),
               (SELECT extract(epoch FROM clock_timestamp() - want_at) FROM listing
                 WHERE sent_version < want_version AND publish ORDER BY want_at OFFSET :few LIMIT 1),
               0
           ) AS lag_seconds
""")

_PUSHES = text("""
    SELECT count(*) AS pushes, count(DISTINCT listing_id) AS listings,
           count(*) FILTER (WHERE outcome = 'rejected') AS rejected
      FROM push_log
     WHERE answered_at > :since
""")

_OVERSOLD = text("""
    WITH taken AS (
        SELECT r.sku_id, r.warehouse_id, sum(r.qty) AS units
          FROM reservation r LEFT JOIN resolution e ON e.reservation_id = r.id
         WHERE e.kind IS NULL OR e.kind = 'post'
         GROUP BY r.sku_id, r.warehouse_id
    ), had AS (
        SELECT place.sku_id, place.warehouse_id, sum(place.units) AS units
          FROM (SELECT sku_id, to_id AS warehouse_id, qty AS units FROM stock_move
                 UNION ALL
                SELECT sku_id, from_id, -qty FROM stock_move WHERE reservation_id IS NULL) place
         GROUP BY place.sku_id, place.warehouse_id
    )
    SELECT coalesce(sum(greatest(0, taken.units - coalesce(had.units, 0))), 0)
      FROM taken LEFT JOIN had USING (sku_id, warehouse_id)
""")

_BUMPS = text("SELECT coalesce(sum(bumps), 0) FROM gate")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Skus whose numbers are to be computed, listings whose number is to be sent, and how far behind publishing is.

    `lag_seconds` is the age of the oldest Sku, or of the number before which only a few others wait: a listing that its
    shop keeps refusing says nothing about the rest."""

    dirty: int
    behind: int
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class Pushes:
    """Numbers sent: how many, to how many different listings, how many of them refused."""

    pushes: int
    listings: int
    rejected: int


async def waiting(session: AsyncSession) -> Waiting:
    """What is not yet published."""
    row = (await session.execute(_WAITING, {"few": _FEW})).one()
    return Waiting(row.dirty, row.behind, float(row.lag_seconds))


async def pushes_since(session: AsyncSession, since: datetime) -> Pushes:
    """The pushes that were answered after that instant."""
    row = (await session.execute(_PUSHES, {"since": since})).one()
    return Pushes(row.pushes, row.listings, row.rejected)


async def oversold_units(session: AsyncSession) -> int:
    """Units promised (claims that are open or were shipped) beyond what ever came in, per sku and warehouse."""
    return int((await session.execute(_OVERSOLD)).scalar_one())


async def epoch_bumps(session: AsyncSession) -> int:
    """How often the gate began anew because its server was another one, or had forgotten."""
    return int((await session.execute(_BUMPS)).scalar_one())
