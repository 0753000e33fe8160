"""Figures about orders: how many wait, how many come, how long each step takes.

Invariant: every figure is computed from rows, nothing is counted twice in memory; windows are bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from orders.sales.lifecycle import State
from orders.sales.tables import sales_order

_MOST_MINUTES = 3000
_SAMPLE = 5000


@dataclass(frozen=True, slots=True)
class Minute:
    """Orders recorded from one shop in one minute."""

    at: datetime
    shop_id: int
    orders: int


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds, median and 99th percentile, over `orders` decided orders (the newest 5,000 since the instant asked for).

    recorded: placed at the channel -> stored here. decided: stored -> reserved or backordered. visible: placed -> the
    first number that a channel confirmed after the decision, for each Sku of the order (None before any was confirmed).
    """

    orders: int
    recorded_p50: float | None
    recorded_p99: float | None
    decided_p50: float | None
    decided_p99: float | None
    visible: int
    visible_p50: float | None
    visible_p99: float | None


async def counts(session: AsyncSession) -> dict[State, int]:
    """Orders per state, 0 included."""
    rows = await session.execute(select(sales_order.c.state, func.count()).group_by(sales_order.c.state))
    found = {state: int(number) for state, number in rows}
    return {state: found.get(state.value, 0) for state in State}


async def orders_per_minute(session: AsyncSession, shop_id: int | None, since: datetime) -> list[Minute]:
    """Orders stored per minute and shop since an instant, oldest first; minutes without orders are absent."""
    minute = func.date_trunc("minute", sales_order.c.recorded_at).label("minute")
    query = select(minute, sales_order.c.shop_id, func.count()).where(sales_order.c.recorded_at >= since)
    if shop_id is not None:
        query = query.where(sales_order.c.shop_id == shop_id)
    query = query.group_by(minute, sales_order.c.shop_id).order_by(minute.desc(), sales_order.c.shop_id)
    rows: Sequence[tuple[datetime, int, int]] = [
        (at, shop, number) for at, shop, number in await session.execute(query.limit(_MOST_MINUTES))
    ]
    return [Minute(*row) for row in reversed(rows)]


async def oldest_new_age(session: AsyncSession) -> timedelta | None:
    """How long the oldest order that waits for a decision has waited; None when none waits."""
    oldest = select(func.now(), func.min(sales_order.c.recorded_at)).where(sales_order.c.state == State.NEW.value)
    now, recorded_at = (await session.execute(oldest)).one()
    return now - recorded_at if recorded_at is not None else None


_LAG = text(
    """
    WITH decided AS MATERIALIZED (
        SELECT id, placed_at, recorded_at, decided_at FROM sales_order
        WHERE recorded_at >= :since AND decided_at IS NOT NULL AND decided_at >= recorded_at
        ORDER BY recorded_at DESC LIMIT :sample
    ), shown AS (
        SELECT decided.placed_at, first.answered_at
        FROM decided
        JOIN (SELECT DISTINCT order_id, sku_id FROM order_line WHERE sku_id IS NOT NULL) AS line
          ON line.order_id = decided.id
        CROSS JOIN LATERAL (
            SELECT answered_at FROM push_log
            WHERE sku_id = line.sku_id AND answered_at >= decided.decided_at AND wanted_at >= decided.decided_at
              AND outcome = 'applied'
            ORDER BY answered_at LIMIT 1
        ) AS first
    ), steps AS (
        SELECT count(*) AS orders,
               percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
                   ORDER BY extract(epoch FROM recorded_at - placed_at)) AS recorded,
               percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
                   ORDER BY extract(epoch FROM decided_at - recorded_at)) AS decided
        FROM decided
    ), views AS (
        SELECT count(*) AS visible,
               percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
                   ORDER BY extract(epoch FROM answered_at - placed_at)) AS seen
        FROM shown
    )
    SELECT orders, recorded[1], recorded[2], decided[1], decided[2], visible, seen[1], seen[2] FROM steps, views
    """
)


async def lag(session: AsyncSession, since: datetime) -> Lag:
    """How long orders recorded since an instant took; the p99 of few orders is their slowest."""
    row = (await session.execute(_LAG, {"since": since, "sample": _SAMPLE})).one()
    return Lag(*row)
