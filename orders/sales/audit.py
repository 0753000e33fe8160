"""Checking the promises about orders against the rows: I5, I7, I9 of the reliability record.

I5: a reserved order holds exactly its open units, what it shipped was posted, and no other order holds any. I7: an
order with the cancel flag is cancelled or has left. I9: no order waits longer than the bound to be decided, and no
shipment is forgotten. Nothing here writes.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stockpool.audit import Breach

NEW_BOUND_SECONDS = 60
_MOST = 100

# An order whose voided claims are still being told about by a waiting event is not a breach.
_HOLDINGS = text(
    """
    WITH held AS (
        SELECT r.key, r.line, sum(r.qty) AS units FROM reservation r
        LEFT JOIN resolution e ON e.reservation_id = r.id
        WHERE r.key LIKE 'order:%' AND e.reservation_id IS NULL GROUP BY r.key, r.line
    ), due AS (
        SELECT 'order:' || o.id AS key, l.id::text AS line, l.qty - l.qty_shipped AS units
        FROM sales_order o JOIN order_line l ON l.order_id = o.id
        WHERE o.claimed AND l.qty > l.qty_shipped
    )
    SELECT coalesce(due.key, held.key) AS key, coalesce(due.line, held.line) AS line,
           coalesce(due.units, 0) AS due, coalesce(held.units, 0) AS held
    FROM due FULL JOIN held USING (key, line)
    WHERE due.units IS DISTINCT FROM held.units AND NOT EXISTS (
        SELECT 1 FROM outbox WHERE topic = 'stock.claims_voided' AND handled_at IS NULL
          AND payload->'keys' ? coalesce(due.key, held.key))
    ORDER BY 1, 2 LIMIT :most
    """
)
_FLAGS = text(
    """
    SELECT id, state, claimed FROM sales_order
    WHERE (state = 'reserved') <> claimed AND state <> 'held' ORDER BY id LIMIT :most
    """
)
_POSTED = text(
    """
    WITH shipped AS (
        SELECT 'order:' || s.order_id AS key, line->>'line_id' AS line, sum((line->>'qty')::bigint) AS units
        FROM shipment s CROSS JOIN jsonb_array_elements(s.lines) AS line GROUP BY 1, 2
    ), posted AS (
        SELECT r.key, r.line, sum(m.qty) AS units
        FROM reservation r JOIN stock_move m ON m.reservation_id = r.id
        WHERE r.key LIKE 'order:%' GROUP BY r.key, r.line
    )
    SELECT coalesce(shipped.key, posted.key) AS key, coalesce(shipped.units, 0) AS shipped,
           coalesce(posted.units, 0) AS posted
    FROM shipped FULL JOIN posted USING (key, line)
    WHERE shipped.units IS DISTINCT FROM posted.units ORDER BY 1 LIMIT :most
    """
)
_CANCELLED = text(
    "SELECT id, state FROM sales_order WHERE cancel AND state NOT IN ('cancelled', 'shipped', 'completed') "
    "ORDER BY id LIMIT :most"
)
_WAITING = text(
    """
    SELECT id, extract(epoch FROM now() - greatest(recorded_at, e.at))::bigint AS seconds
    FROM sales_order o CROSS JOIN LATERAL (SELECT max(at) AS at FROM order_event WHERE order_id = o.id) AS e
    WHERE state = 'new' AND greatest(recorded_at, e.at) < now() - make_interval(secs => :bound)
    ORDER BY recorded_at LIMIT :most
    """
)


async def check(session: AsyncSession, new_bound_seconds: int = NEW_BOUND_SECONDS) -> list[Breach]:
    """Every breach found, at most 100 of each kind."""
    most = {"most": _MOST}
    breaches = [
        Breach("I5", row.key, f"line {row.line}: {row.due} units are due to it, {row.held} are reserved")
        for row in await session.execute(_HOLDINGS, most)
    ]
    breaches += [
        Breach("I5", f"order:{row.id}", f"is {row.state} and says claimed={row.claimed}")
        for row in await session.execute(_FLAGS, most)
    ]
    breaches += [
        Breach("I5", row.key, f"{row.shipped} units in shipments, {row.posted} moved out")
        for row in await session.execute(_POSTED, most)
    ]
    breaches += [
        Breach("I7", f"order:{row.id}", f"has the cancel flag and is {row.state}")
        for row in await session.execute(_CANCELLED, most)
    ]
    breaches += [
        Breach("I9", f"order:{row.id}", f"waits for a decision since {row.seconds} s")
        for row in await session.execute(_WAITING, most | {"bound": new_bound_seconds})
    ]
    return breaches
