"""What orders tell the rest of the hub, and what they listen to.

    order.fulfilled      {order_id, shipment_id, shop_id, external_id, number, currency, shipped_at, paid_at,
                          lines: [{line_id, sku_id, qty, amount, move_id, warehouse_id, title}]}
                         amount = what the buyer pays for these units, VAT and shipping share included, as decimal text
    listing.mapped       {listing_id, sku_id}                   heard: unmapped orders go on
    stock.claims_voided  {keys: ["order:<uuid>", ...]}          heard: these orders wait for units again
    stock.received       {move_id, sku_id, warehouse_id, qty, unit_cost, reference, at}    heard: backorders are served
    stock.adjusted       {move_id, sku_id, warehouse_id, qty_delta, reason, at}            heard: as stock.received

The id of order.fulfilled is derive('fulfilled', shipment id): one shipment is told once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.ids import derive
from hub.core.outbox import emit

FULFILLED = "order.fulfilled"
CLAIMS_VOIDED = "stock.claims_voided"


async def tell_fulfilled(
    session: AsyncSession, order: Row[Any], shipment_id: UUID, shipped_at: datetime, lines: Sequence[dict[str, Any]]
) -> None:
    """Put order.fulfilled into the outbox. `lines` are plain JSON as in the module's text."""
    payload = {
        "order_id": str(order.id),
        "shipment_id": str(shipment_id),
        "shop_id": order.shop_id,
        "external_id": order.external_id,
        "number": order.number,
        "currency": order.currency,
        "shipped_at": shipped_at.isoformat(),
        "paid_at": order.paid_at.isoformat() if order.paid_at else None,
        "lines": list(lines),
    }
    await emit(session, derive("fulfilled", shipment_id), FULFILLED, payload)
