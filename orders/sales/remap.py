"""Orders that waited for a listing to be mapped go on; orders whose claims were taken away wait for units again.

Invariant: handlers of events and of the sweeper alike: what is done already is left alone, however often they run.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.cases import CaseKind, open_case
from hub.core.events import Event
from hub.core.money import ZERO
from orders.sales.lifecycle import State
from orders.sales.lock import claim_key, is_one_of, lock_levels_of, lock_orders, order_of
from orders.sales.queries import open_units
from orders.sales.rules import Reason
from orders.sales.tables import order_line, sales_order
from orders.sales.timeline import Entry, note
from orders.sales.wake import wake
from stockpool.claims.release import release
from stockpool.offers.dirty import mark_dirty
from stockpool.tables import listing

_MOST = 500


async def on_listing_mapped(session: AsyncSession, event: Event) -> None:
    """Handles listing.mapped."""
    await drive_mapped(session, int(event.payload["listing_id"]))


async def drive_mapped(session: AsyncSession, listing_id: int | None = None) -> list[UUID]:
    """Give the lines of waiting orders the Sku of their listing, and put orders without a gap among the new ones.

    Without `listing_id`: all that are behind (the sweeper). Returns the orders that went on.
    """
    behind = (
        select(order_line.c.order_id)
        .join(listing, listing.c.id == order_line.c.listing_id)
        .join(sales_order, sales_order.c.id == order_line.c.order_id)
        .where(order_line.c.sku_id.is_(None), listing.c.sku_id.is_not(None), _WAITS)
        .distinct()
        .limit(_MOST)
    )
    if listing_id is not None:
        behind = behind.where(order_line.c.listing_id == listing_id)
    found = [row.order_id for row in await session.execute(behind)]
    if not found:
        return []
    locked = [row.id for row in await lock_orders(session, found) if row.state != State.CANCELLED]
    named = await session.execute(
        update(order_line)
        .where(
            is_one_of(order_line.c.order_id, locked),
            order_line.c.sku_id.is_(None),
            order_line.c.listing_id == listing.c.id,
            listing.c.sku_id.is_not(None),
        )
        .values(sku_id=listing.c.sku_id)
        .returning(order_line.c.sku_id)
    )
    await mark_dirty(session, {row.sku_id for row in named})  # their units are in flight now
    return await _go_on(session, locked)


_WAITS = sales_order.c.state.in_([State.UNMAPPED.value, State.PENDING.value, State.HELD.value])


async def _go_on(session: AsyncSession, order_ids: Sequence[UUID]) -> list[UUID]:
    gap = exists().where(
        order_line.c.order_id == sales_order.c.id,
        order_line.c.sku_id.is_(None),
        order_line.c.qty > order_line.c.qty_shipped,
    )
    moved = await session.execute(
        update(sales_order)
        .where(is_one_of(sales_order.c.id, order_ids), sales_order.c.state == State.UNMAPPED.value, ~gap)
        .values(state=State.NEW.value, state_reason=None, lease_until=text("'-infinity'"))
        .returning(sales_order.c.id)
    )
    ids = [row.id for row in moved]
    await note(session, [Entry(order_id, "mapped") for order_id in ids])
    if ids:
        wake(session, "book_orders")
    return ids


async def on_claims_voided(session: AsyncSession, event: Event) -> None:
    """Handles stock.claims_voided: a count found fewer units than were promised."""
    named = [order_of(str(key)) for key in event.payload["keys"]]
    orders = await lock_orders(session, [order_id for order_id in named if order_id is not None])
    claimed = [order for order in orders if order.claimed]
    covered = await open_units(session, [order.id for order in claimed])
    left = await _units_left(session, [order.id for order in claimed])
    hit = [order for order in claimed if covered.get(order.id, {}) != left.get(order.id, {})]
    await lock_levels_of(session, [order.id for order in hit])
    for order in hit:
        await _lose_claims(session, order)
    wake(session, "relay")


async def _lose_claims(session: AsyncSession, order: Any) -> None:
    """The other lines give their units back too: an order holds all of its units or none."""
    await release(session, claim_key(order.id), f"voided {order.attempt}")
    held = order.state == State.HELD
    await session.execute(
        update(sales_order)
        .where(sales_order.c.id == order.id)
        .values(
            state=order.state if held else State.BACKORDERED.value,
            state_reason=order.state_reason if held else Reason.CLAIMS_VOIDED.value,
            attempt=order.attempt + (1 if held else 0),  # a backorder gets its next attempt when it is driven again
            claimed=False,
        )
    )
    await note(session, [Entry(order.id, "backordered", facts={"why": "a stock count took its units"})])
    await open_case(
        session, CaseKind.SHORT_STOCK, claim_key(order.id),
        shop_id=order.shop_id, order_id=order.id, cost_at_risk=order.total or ZERO,
        number=order.number, reason=Reason.CLAIMS_VOIDED.value,
    )  # fmt: skip


async def _units_left(session: AsyncSession, order_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    query = select(order_line.c.order_id, order_line.c.id, (order_line.c.qty - order_line.c.qty_shipped).label("units"))
    left: dict[UUID, dict[str, int]] = {}
    for row in await session.execute(query.where(is_one_of(order_line.c.order_id, order_ids))):
        if row.units > 0:
            left.setdefault(row.order_id, {})[str(row.id)] = row.units
    return left
