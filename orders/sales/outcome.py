"""What a whole run of orders comes to: how many were decided how, what still waits, how soon other shops saw a sale.

Invariant: reads only; every figure is counted from rows that were written anyway, none is kept on the side.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ROAD = text("""
    SELECT (SELECT count(*) FROM sales_order WHERE decided_at IS NOT NULL) AS decided,
           coalesce((SELECT extract(epoch FROM clock_timestamp() - min(recorded_at)) FROM sales_order
                      WHERE state = 'new'), 0) AS oldest_seconds
""")

_UNFINISHED = text("""
    SELECT (SELECT count(*) FROM sales_order WHERE state = 'new') AS new,
           (SELECT count(*) FROM sales_order WHERE state = 'reserved') AS reserved,
           (SELECT count(*) FROM shipment WHERE told_at IS NULL) AS untold,
           (SELECT count(*) FROM outbox WHERE handled_at IS NULL) AS events
""")

_TOTALS = text("""
    WITH wanted AS (
        SELECT l.sku_id, sum(l.qty - l.qty_shipped) AS units
          FROM sales_order o JOIN order_line l ON l.order_id = o.id
         WHERE o.state = 'backordered' GROUP BY l.sku_id
    ), free AS (
        SELECT sku_id, sum(greatest(0, on_hand - reserved)) AS units FROM stock_level GROUP BY sku_id
    )
    SELECT count(*) AS orders,
           (SELECT count(*) FROM order_line) AS lines,
           count(*) FILTER (WHERE state IN ('reserved', 'shipped', 'completed')) AS reserved,
           count(*) FILTER (WHERE state = 'backordered') AS short,
           (SELECT coalesce(sum(greatest(0, wanted.units - coalesce(free.units, 0))), 0)
              FROM wanted LEFT JOIN free USING (sku_id)) AS missing_units
      FROM sales_order
""")

_SAMPLE = 20_000  # orders; their ids are hashes, so the first by id are as good as drawn by lot

# The number that carries a sale was computed after the sale was decided; the first one that the other shop took counts.
_LAG = text("""
    SELECT count(*) AS sales,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY lag) AS p50,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY lag) AS p99
      FROM (
        SELECT extract(epoch FROM seen.answered_at - o.placed_at) AS lag
          FROM (SELECT * FROM sales_order
                 WHERE placed_at >= date_trunc('second', CAST(:since AS timestamptz))
                   AND state IN ('reserved', 'shipped', 'completed')
                 ORDER BY id LIMIT :sample) o
          JOIN order_line l ON l.order_id = o.id
          JOIN listing other ON other.sku_id = l.sku_id AND other.shop_id <> o.shop_id
         CROSS JOIN LATERAL (
                SELECT p.answered_at FROM push_log p
                 WHERE p.sku_id = l.sku_id AND p.answered_at >= o.decided_at AND p.listing_id = other.id
                   AND p.outcome = 'applied' AND p.wanted_at >= o.decided_at
                 ORDER BY p.answered_at LIMIT 1) seen
      ) lags
""")


@dataclass(frozen=True, slots=True)
class Road:
    """Orders decided so far; seconds that the oldest undecided one has waited, 0 when none waits."""

    decided: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What is still to be done with orders: decide, ship, tell the marketplace, hand on to the books."""

    new: int
    reserved: int
    untold: int
    events: int


@dataclass(frozen=True, slots=True)
class Totals:
    """All orders: `reserved` got all their units (and may have left since), `short` wait for `missing_units`."""

    orders: int
    lines: int
    reserved: int
    short: int
    missing_units: int


@dataclass(frozen=True, slots=True)
class OtherShops:
    """Seconds from a sale in one shop to the answered push in another; `sales` counts (line, other shop) pairs.

    Marketplaces tell the time of a sale in whole seconds, so a lag reads up to one second too long."""

    sales: int
    p50_seconds: float
    p99_seconds: float


async def road(session: AsyncSession) -> Road:
    """How far the hub has come."""
    row = (await session.execute(_ROAD)).one()
    return Road(row.decided, float(row.oldest_seconds))


async def unfinished(session: AsyncSession) -> Unfinished:
    """Whether the hub has come to rest."""
    row = (await session.execute(_UNFINISHED)).one()
    return Unfinished(row.new, row.reserved, row.untold, row.events)


async def totals(session: AsyncSession) -> Totals:
    """What became of all orders."""
    row = (await session.execute(_TOTALS)).one()
    return Totals(row.orders, row.lines, row.reserved, row.short, int(row.missing_units))


async def seen_elsewhere(session: AsyncSession, since: datetime) -> OtherShops:
    """How soon the other shops showed a sale, over the orders placed since then that got their units."""
    row = (await session.execute(_LAG, {"since": since, "sample": _SAMPLE})).one()
    return OtherShops(row.sales, float(row.p50 or 0), float(row.p99 or 0))
