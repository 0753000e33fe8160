"""Cancelling an order here: its units go back to the pool at once, and the channel's later edits do not revive it.

Invariant: the state and the end of its claims are one transaction; goods that have left do not come back by a click -
then the order is flagged and a case opened.
"""

from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.db import after_commit
from hub.core.points import point
from orders.sales.close import close_cases, open_late_cancel
from orders.sales.lifecycle import GONE, State, check
from orders.sales.lock import claim_key, lock_order
from orders.sales.refill import refill
from orders.sales.rules import Reason
from orders.sales.tables import order_line, sales_order
from orders.sales.timeline import Entry, note
from orders.sales.wake import wake
from stockpool.claims.release import release
from stockpool.offers.dirty import mark_dirty


async def cancel(session: AsyncSession, order_id: UUID, actor: str, reason: str) -> State:
    """Cancel; returns the state: `cancelled`, or `shipped` / `completed` with the cancel flag. Twice is once."""
    order = await lock_order(session, order_id)
    if order.cancel and order.state_reason == Reason.CANCELLED_HERE:
        return State(order.state)
    if order.state in GONE:
        await _flag(session, order_id, State(order.state))
        await open_late_cancel(session, order, reason[:200])
        await note(session, [Entry(order_id, "cancel_asked", actor, {"reason": reason[:200]})])
        return State(order.state)
    sku_ids = await _sku_ids(session, order_id)
    part_gone = await _part_gone(session, order_id)
    freed = await release(session, claim_key(order_id), "cancel") if order.claimed else 0
    state = check(order.state, State.SHIPPED if part_gone else State.CANCELLED)
    await _flag(session, order_id, state)
    await close_cases(session, order_id, "order cancelled", actor)
    if part_gone:
        await open_late_cancel(session, order, reason[:200])
    await note(session, [Entry(order_id, "cancelled", actor, {"reason": reason[:200], "freed": freed})])
    if not order.claimed:
        await mark_dirty(session, sku_ids)  # its units were in flight; a release has marked them by itself
    await refill(session, sku_ids)
    wake(session, "relay")
    pass_cancel_points(session)
    return state


def pass_cancel_points(session: AsyncSession) -> None:
    """Where a fault test may kill the process around the commit of a cancellation, by whomever it was made."""
    point("cancel.before_commit")
    after_commit(session, _committed)


async def _committed() -> None:
    point("cancel.committed")


async def _flag(session: AsyncSession, order_id: UUID, state: State) -> None:
    values = {"state": state.value, "cancel": True, "claimed": False, "lease_until": text("'-infinity'")}
    if state not in GONE or state is State.CANCELLED:
        values["state_reason"] = Reason.CANCELLED_HERE.value
    await session.execute(update(sales_order).where(sales_order.c.id == order_id).values(**values))


async def _sku_ids(session: AsyncSession, order_id: UUID) -> list[int]:
    query = select(order_line.c.sku_id).where(order_line.c.order_id == order_id, order_line.c.sku_id.is_not(None))
    return sorted({row.sku_id for row in await session.execute(query)})


async def _part_gone(session: AsyncSession, order_id: UUID) -> bool:
    query = select(order_line.c.id).where(order_line.c.order_id == order_id, order_line.c.qty_shipped > 0).limit(1)
    return (await session.execute(query)).first() is not None
