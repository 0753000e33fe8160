"""Figures of the stock pool for machines: the gate, broken promises, what waits to be published, channels' answers.

Invariant: reads only, by indexes that exist for the work itself; windows are bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_POOL = text(
    """
    SELECT (SELECT count(*) FROM dirty),
           coalesce((SELECT extract(epoch FROM now() - min(since)) FROM dirty), 0)::float8,
           (SELECT count(*) FROM stock_level WHERE reserved > on_hand + backorder_allowed),
           (SELECT count(*) FROM stock_level WHERE frozen),
           coalesce((SELECT max(epoch) FROM gate), 0), coalesce((SELECT sum(bumps) FROM gate), 0)::bigint
    """
)
_BEHIND = text(
    "SELECT shop_id, count(*) FROM listing WHERE sent_version < want_version AND publish AND sku_id IS NOT NULL"
    " GROUP BY shop_id"
)
_OUTCOMES = text(
    "SELECT outcome, count(*) FROM push_log WHERE answered_at > now() - interval '1 hour' GROUP BY outcome"
)


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """`overpromised` = levels with more reserved than on hand and allowed: always 0."""

    dirty: int
    dirty_seconds: float
    overpromised: int
    frozen: int
    gate_epoch: int
    gate_bumps: int


async def pool_figures(session: AsyncSession) -> PoolFigures:
    """The pool in one statement."""
    return PoolFigures(*(await session.execute(_POOL)).one())


async def listings_behind(session: AsyncSession) -> Mapping[int, int]:
    """Shop id -> listings whose number is not sent yet; shops without any are absent."""
    return {row[0]: int(row[1]) for row in await session.execute(_BEHIND)}


async def push_outcomes(session: AsyncSession) -> Mapping[str, int]:
    """What channels answered to pushes within the last hour: applied, accepted, rejected."""
    return {row[0]: int(row[1]) for row in await session.execute(_OUTCOMES)}
