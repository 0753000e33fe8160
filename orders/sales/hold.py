"""Holding an order: nothing may leave until a person lets it go on; its units are kept or given back.

Invariant: a hold made here is not undone by the channel; letting go asks the channel's last reading what the order
needs.
"""

from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.kit.types import OrderStatus
from orders.sales.elsewhere import ship_elsewhere
from orders.sales.errors import NotAllowed
from orders.sales.lifecycle import State, check
from orders.sales.lock import claim_key, lock_order
from orders.sales.refill import refill
from orders.sales.rules import Line, Reading, Reason, wanted
from orders.sales.tables import order_line, sales_order
from orders.sales.timeline import Entry, note
from orders.sales.wake import wake
from stockpool.claims.release import release

_NOT_PAID = {OrderStatus.PENDING}


async def hold(session: AsyncSession, order_id: UUID, actor: str, reason: str, *, keep_stock: bool = True) -> None:
    """Hold an order. Raises NotAllowed when it has left or is cancelled; holding twice is once."""
    order = await lock_order(session, order_id)
    if order.state in {State.SHIPPED, State.COMPLETED, State.CANCELLED}:
        raise NotAllowed("An order that is %(state)s cannot be held.", state=order.state)
    claimed, attempt = order.claimed, order.attempt
    if claimed and not keep_stock:
        await release(session, claim_key(order_id), f"hold {attempt}")
        claimed, attempt = False, attempt + 1
    await session.execute(
        update(sales_order)
        .where(sales_order.c.id == order_id)
        .values(state=State.HELD.value, state_reason=Reason.HELD_HERE.value, claimed=claimed, attempt=attempt)
    )
    await note(session, [Entry(order_id, "held", actor, {"reason": reason[:200], "keeps_stock": claimed})])
    if order.claimed and not claimed:
        lines = select(order_line.c.sku_id).where(order_line.c.order_id == order_id, order_line.c.sku_id.is_not(None))
        await refill(session, sorted({row.sku_id for row in await session.execute(lines)}))
    wake(session, "relay")


async def unhold(session: AsyncSession, order_id: UUID, actor: str) -> State:
    """Let a held order go on; returns its state. Raises NotAllowed when it is not held."""
    order = await lock_order(session, order_id)
    if order.state != State.HELD:
        raise NotAllowed("This order is not held.")
    lines = (await session.execute(select(order_line).where(order_line.c.order_id == order_id))).all()
    reading = Reading(
        status=OrderStatus.TO_SHIP if order.channel_status not in _NOT_PAID else OrderStatus.PENDING,
        modified_at=order.modified_at,
        body_hash=order.body_hash,
        cancel_requested=False,  # a person has decided
        lines={line.external_line_id: Line(line.sku_id, line.qty) for line in lines},
    )
    state, reason = wanted(reading, {line.external_line_id: line.qty_shipped for line in lines})
    if state is State.HELD:
        raise NotAllowed("The channel has named no lines for this order yet.")
    if state is State.NEW and order.claimed:
        state = State.RESERVED
    check(order.state, state)
    await session.execute(
        update(sales_order)
        .where(sales_order.c.id == order_id)
        .values(state=state.value, state_reason=reason, lease_until=text("'-infinity'"))
    )
    await note(session, [Entry(order_id, "released", actor, {"state": state.value})])
    if state is State.RESERVED:
        await ship_elsewhere(session, order_id)
    wake(session, "book_orders", "relay")
    return state
