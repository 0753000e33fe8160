"""The moves that end cases about orders. Each runs the ordinary verb, writes the audit trail and ends the case.

Invariant: a move that no longer fits (the order has gone on meanwhile) is refused in words, and changes nothing.
"""

from uuid import UUID

from sqlalchemy import literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.audit import record
from hub.core.cases import CaseKind, close_cases_of
from hub.core.errors import NotFound
from orders.sales.cancel import cancel
from orders.sales.close import close_cases
from orders.sales.errors import NotAllowed
from orders.sales.lifecycle import State
from orders.sales.lock import claim_key, lock_order
from orders.sales.refill import drive_again
from orders.sales.tables import shipment
from orders.sales.tell import mark_told, subject_of
from orders.sales.timeline import Entry, note
from orders.sales.wake import wake
from stockpool.offers.listings import map_listing


async def map_and_drive(session: AsyncSession, listing_id: int, sku_id: int, actor: str) -> None:
    """UNMAPPED_LISTING: say which Sku the listing sells. Its orders go on when the event listing.mapped is handled."""
    await map_listing(session, listing_id, sku_id, actor)
    wake(session, "handle_events", "relay")


async def retry_backorder(session: AsyncSession, order_id: UUID, actor: str) -> None:
    """EXTERNAL_OVERSELL, SHORT_STOCK: try to reserve again now. The case ends when the units are there."""
    order = await lock_order(session, order_id)
    if order.state != State.BACKORDERED:
        raise NotAllowed("This order does not wait for units: it is %(state)s.", state=order.state)
    await drive_again(session, [order_id], actor, "asked by a person")
    await record(session, actor, "order.retry", claim_key(order_id))


async def cancel_here(session: AsyncSession, order_id: UUID, actor: str, reason: str) -> State:
    """Any case about an order: cancel it here. Later edits of the channel do not revive it."""
    state = await cancel(session, order_id, actor, reason)
    await record(session, actor, "order.cancel", claim_key(order_id), reason=reason[:200])
    return state


async def keep_waiting(session: AsyncSession, order_id: UUID, actor: str) -> None:
    """EXTERNAL_OVERSELL, SHORT_STOCK: goods are coming; the order stays a backorder and is served then."""
    order = await lock_order(session, order_id)
    if order.state != State.BACKORDERED:
        raise NotAllowed("This order does not wait for units: it is %(state)s.", state=order.state)
    await close_cases(session, order_id, "waits for goods", actor)
    await note(session, [Entry(order_id, "keeps_waiting", actor)])
    await record(session, actor, "order.keep_waiting", claim_key(order_id))


async def accept_late_cancel(session: AsyncSession, order_id: UUID, actor: str, how: str) -> None:
    """LATE_CANCEL: what was agreed with the buyer (goods come back, refund without return, buyer keeps the order)."""
    await lock_order(session, order_id)
    await close_cases_of(session, CaseKind.LATE_CANCEL, claim_key(order_id), actor, how)
    await note(session, [Entry(order_id, "late_cancel_settled", actor, {"how": how[:200]})])
    await record(session, actor, "order.late_cancel", claim_key(order_id), how=how[:200])


async def tell_again(session: AsyncSession, shipment_id: UUID, actor: str) -> None:
    """REJECTED_SHIPMENT: tell the channel once more, now."""
    order_id = await _untold(session, shipment_id)
    await session.execute(
        update(shipment)
        .where(shipment.c.id == shipment_id)
        .values(tell_attempts=0, tell_error=None, next_tell_at=literal_column("now()"))
    )
    await close_cases_of(session, CaseKind.REJECTED_SHIPMENT, subject_of(shipment_id), actor, "told again")
    await note(session, [Entry(order_id, "tell_again", actor, {"shipment_id": str(shipment_id)})])
    await record(session, actor, "shipment.tell_again", subject_of(shipment_id))
    wake(session, "tell_shipments")


async def mark_told_by_hand(session: AsyncSession, shipment_id: UUID, actor: str) -> None:
    """REJECTED_SHIPMENT: a person has told the channel in its own back office."""
    await _untold(session, shipment_id)
    row = (await session.execute(select(shipment).where(shipment.c.id == shipment_id))).one()
    await mark_told(session, row, actor, "told by hand")
    await record(session, actor, "shipment.told_by_hand", subject_of(shipment_id))


async def _untold(session: AsyncSession, shipment_id: UUID) -> UUID:
    """Lock a shipment that its channel does not know; returns its order's id."""
    row = (await session.execute(select(shipment).where(shipment.c.id == shipment_id).with_for_update())).one_or_none()
    if row is None:
        raise NotFound("There is no shipment %(shipment_id)s.", shipment_id=shipment_id)
    if row.told_at is not None:
        raise NotAllowed("The channel knows this shipment already.")
    order_id: UUID = row.order_id
    return order_id
