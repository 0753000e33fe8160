"""Serving backorders when units appear: received, freed by a cancellation, mapped.

Invariant: this only puts orders back among the `new` ones, oldest first, under the next attempt; whether the units are
really there is decided by the grant like for every other order. Order rows are taken with SKIP LOCKED, so it may be
called by a verb that holds stock rows already; what is skipped, the sweeper finds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import BigInteger, any_, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.events import Event
from orders.sales.lifecycle import State
from orders.sales.lock import is_one_of
from orders.sales.remap import on_claims_voided, on_listing_mapped
from orders.sales.rules import Backorder, servable
from orders.sales.tables import order_line, sales_order
from orders.sales.timeline import Entry, note
from orders.sales.wake import wake
from stockpool.catalogue import default_warehouse
from stockpool.tables import stock_level

__all__ = ["drive_again", "on_claims_voided", "on_listing_mapped", "on_stock_received", "refill"]

_MOST = 500


async def refill(session: AsyncSession, sku_ids: Sequence[int] | None = None) -> list[UUID]:
    """Drive the backorders that present stock can serve; of these Skus, or of all (the sweeper). Returns their ids."""
    waiting = await _waiting(session, sku_ids)
    if not waiting:
        return []
    free = await _free(session, sorted({sku_id for order in waiting for sku_id in order.needs}))
    served = servable(waiting, free)
    await drive_again(session, served, "hub", "units are there")
    return served


async def drive_again(session: AsyncSession, order_ids: Sequence[UUID], actor: str, why: str) -> None:
    """Put locked backorders back among the new ones."""
    if not order_ids:
        return
    await session.execute(
        update(sales_order)
        .where(is_one_of(sales_order.c.id, order_ids), sales_order.c.state == State.BACKORDERED.value)
        .values(
            state=State.NEW.value,
            state_reason=None,
            attempt=sales_order.c.attempt + 1,
            claimed=False,
            lease_until=text("'-infinity'"),
        )
    )
    await note(session, [Entry(order_id, "retried", actor, {"why": why}) for order_id in order_ids])
    wake(session, "book_orders")


async def on_stock_received(session: AsyncSession, events: Sequence[Event]) -> None:
    """Handles stock.received and stock.adjusted, all Skus of a batch at once."""
    await refill(session, sorted({int(event.payload["sku_id"]) for event in events}))


async def _waiting(session: AsyncSession, sku_ids: Sequence[int] | None) -> list[Backorder]:
    """The backorders that want one of these Skus, oldest first, locked; those that somebody works on are left out."""
    query = select(sales_order.c.id).where(sales_order.c.state == State.BACKORDERED.value)
    if sku_ids is not None:
        if not sku_ids:
            return []
        wanting = select(order_line.c.order_id).where(
            order_line.c.sku_id == any_(literal(list(sku_ids), ARRAY(BigInteger))),
            order_line.c.qty > order_line.c.qty_shipped,
        )
        query = query.where(sales_order.c.id.in_(wanting))
    query = query.order_by(sales_order.c.placed_at, sales_order.c.id).limit(_MOST)
    ids = [row.id for row in await session.execute(query.with_for_update(skip_locked=True, of=sales_order))]
    needs: dict[UUID, Counter[int]] = {order_id: Counter() for order_id in ids}
    lines = select(order_line.c.order_id, order_line.c.sku_id, order_line.c.qty - order_line.c.qty_shipped).where(
        is_one_of(order_line.c.order_id, ids), order_line.c.qty > order_line.c.qty_shipped
    )
    for order_id, sku_id, units in await session.execute(lines) if ids else []:
        needs[order_id][sku_id] += units
    return [Backorder(order_id, needs[order_id]) for order_id in ids]


async def _free(session: AsyncSession, sku_ids: Sequence[int]) -> Mapping[int, int]:
    """Units that could be granted now, less what older `new` orders are about to take."""
    place = await default_warehouse(session)
    spare = stock_level.c.on_hand + stock_level.c.backorder_allowed - stock_level.c.reserved
    levels = select(stock_level.c.sku_id, spare).where(
        stock_level.c.sku_id == any_(literal(list(sku_ids), ARRAY(BigInteger))),
        stock_level.c.warehouse_id == place,
        stock_level.c.frozen.is_(False),
    )
    free = {sku_id: max(0, units) for sku_id, units in await session.execute(levels)}
    asked = (
        select(order_line.c.sku_id, func.sum(order_line.c.qty - order_line.c.qty_shipped))
        .join(sales_order, sales_order.c.id == order_line.c.order_id)
        .where(sales_order.c.state == State.NEW.value, sales_order.c.attempt > 1, order_line.c.sku_id.in_(free))
        .group_by(order_line.c.sku_id)
    )
    for sku_id, units in await session.execute(asked):
        free[sku_id] = max(0, free[sku_id] - int(units))
    return free
