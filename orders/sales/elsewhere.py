"""Goods that a merchant shipped by hand in the channel's back office.

When a channel says that units have left which we have not shipped, they really left: keeping them reserved would show
stock that no shelf holds. So they are posted here too, as a shipment that the channel knows already: moves, event and
state as for our own. Orders that are not reserved yet are reserved first (book) and then posted; without units they
become backorders whose case says that the channel has shipped them. Goods that left before the shop was connected are
history: they were gone when the stock was first counted, and move nothing.
"""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.kit.types import OrderStatus
from hub.core.clock import utcnow
from hub.core.ids import derive
from orders.sales.lifecycle import State
from orders.sales.lock import lock_order
from orders.sales.rules import units_gone_elsewhere
from orders.sales.ship import Parcel, book_out
from orders.sales.tables import order_line, sales_order
from orders.sales.wake import wake

CARRIER = "channel"


async def ship_elsewhere(session: AsyncSession, order_id: UUID) -> bool:
    """Post what the channel says has left of a reserved order beyond our own shipments. True when there was any."""
    order = await lock_order(session, order_id)
    if order.state != State.RESERVED or not order.claimed:
        return False
    lines = (await session.execute(select(order_line).where(order_line.c.order_id == order_id))).all()
    status = OrderStatus(order.channel_status)
    numbers = {str(line.id): (line.qty, line.qty_shipped, line.channel_shipped) for line in lines}
    gone = {UUID(line_id): units for line_id, units in units_gone_elsewhere(status, numbers).items()}
    if not gone:
        return False
    total = (f"{line_id}:{numbers[str(line_id)][1] + gone[line_id]}" for line_id in sorted(gone))
    parcel = Parcel(
        derive("elsewhere", order_id, *total), CARRIER, "", "channel", min(order.modified_at, utcnow()), told=True
    )
    await book_out(session, order, parcel, gone)
    if status is OrderStatus.COMPLETED:
        await session.execute(
            update(sales_order)
            .where(sales_order.c.id == order_id, sales_order.c.state == State.SHIPPED.value)
            .values(state=State.COMPLETED.value)
        )
    wake(session, "handle_events")
    return True
