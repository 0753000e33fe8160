"""Publish: compute what every listing should show, and remember what was told to whom.

Invariant: a wanted number has a version that only grows; a raise waits until the shop's order feed has been read up to
the stock reading; a dirty mark goes only after the gate knows the level and the wanted numbers are written.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.points import point
from stockpool.claims.fence import spend_epoch
from stockpool.claims.levels import BUCKET
from stockpool.claims.rebuild import levels_of
from stockpool.claims.settle import gate_of
from stockpool.offers.push import PushAnswer, PushRow, claim_pushes, record_push, shops_behind
from stockpool.offers.waterfall import InFlight, Seller, explain, pools

__all__ = ["PushAnswer", "PushRow", "Refreshed", "claim_pushes", "record_push", "refresh", "shops_behind"]

CountInFlight = Callable[[AsyncSession, Sequence[int]], Awaitable[InFlight]]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one pass did. `shops` have something to push now or soon; `levels` were told to the gate."""

    skus: int
    shops: set[int]
    levels: int


_DIRTY = text("SELECT sku_id, n, moved_shops FROM dirty ORDER BY since, sku_id LIMIT :limit")
# Locked before the levels are read: of two passes over one listing the later writer also is the later reader.
_SELLERS = text(
    """
    SELECT g.id, g.shop_id, g.sku_id, s.buffer_units, g.want_qty
    FROM listing AS g JOIN shop AS s ON s.id = g.shop_id
    WHERE g.sku_id = ANY(CAST(:skus AS bigint[])) ORDER BY g.id FOR NO KEY UPDATE OF g
    """
)
_WANT = text(
    """
    UPDATE listing AS g
    SET want_qty = c.qty, want_version = g.want_version + 1, want_at = clock_timestamp(),
        raise_at = CASE WHEN g.want_qty IS NULL OR c.qty > g.want_qty THEN clock_timestamp() ELSE g.raise_at END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:qtys AS bigint[])) AS c(id, qty)
    WHERE g.id = c.id
    RETURNING g.shop_id, g.publish
    """
)
# A mark that somebody is renewing at this moment is locked, and will have another number: leave it.
_CLEAN = text(
    """
    DELETE FROM dirty WHERE sku_id IN (
        SELECT d.sku_id FROM dirty AS d
        JOIN unnest(CAST(:skus AS bigint[]), CAST(:ns AS bigint[])) AS c(sku_id, n) ON d.sku_id = c.sku_id AND d.n = c.n
        ORDER BY d.sku_id FOR UPDATE OF d SKIP LOCKED)
    """
)
_EPOCH = text("SELECT epoch FROM gate WHERE bucket = :bucket")


async def refresh(session: AsyncSession, in_flight: CountInFlight, limit: int = 500) -> Refreshed:
    """Bring up to `limit` dirty skus up to date: gate levels, and wanted numbers of all their listings on all shops."""
    rows = (await session.execute(_DIRTY, {"limit": limit})).all()
    if not rows:
        return Refreshed(0, set(), 0)
    marks = {row.sku_id: row.n for row in rows}
    levels = await _tell_gate(session, list(marks))
    point("relay.pushed")
    shops = await _want(session, {row.sku_id: row.moved_shops for row in rows}, in_flight)
    await session.execute(_CLEAN, {"skus": list(marks), "ns": list(marks.values())})
    point("relay.deleted")
    return Refreshed(len(marks), shops, levels)


async def _tell_gate(session: AsyncSession, sku_ids: Sequence[int]) -> int:
    """Push the levels while this transaction holds no lock yet, so that a mark cannot go before the gate knows.

    When the gate cannot be told, its epoch is spent: the next fence starts a new namespace, filled from PostgreSQL.
    """
    gate = gate_of(session)
    if gate is None:
        return 0
    levels = await levels_of(session, sku_ids)
    told = await gate.push(levels)
    epoch = (await session.execute(_EPOCH, {"bucket": BUCKET})).scalar()
    if told and epoch is not None and epoch != gate.epoch:
        await gate.fence()  # what was pushed went to a dead namespace
        told = await gate.push(levels)
    if not told:
        await spend_epoch(session)
        return 0
    return len(levels)


async def _want(session: AsyncSession, moved: Mapping[int, Sequence[int]], in_flight: CountInFlight) -> set[int]:
    """`moved`: sku id -> shops that do not show any more what they were told."""
    sku_ids = list(moved)
    rows = list(await session.execute(_SELLERS, {"skus": sku_ids}))
    if not rows:
        return set()
    pool, coming = await pools(session, sku_ids), await in_flight(session, sku_ids)
    offers = {
        row.id: explain(Seller(row.id, row.shop_id, row.sku_id, row.buffer_units), pool[row.sku_id], coming).offer
        for row in rows
    }
    changed = {
        row.id: offers[row.id] for row in rows if row.want_qty != offers[row.id] or row.shop_id in moved[row.sku_id]
    }
    if not changed:
        return set()
    wanted = await session.execute(_WANT, {"ids": list(changed), "qtys": list(changed.values())})
    return {row.shop_id for row in wanted if row.publish}
