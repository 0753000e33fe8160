"""A process that walks the whole road once, to be killed at a named point: python -m tests.faults.drive <order to
ship>.
"""

import asyncio
import sys
from uuid import UUID

from hub.core.settings import load_settings
from orders.sales.ship import ship
from workers.context import close_hub, open_hub
from workers.markets import pull_orders, push_offers, tell_shipments
from workers.relay import handle_events
from workers.stock import active_shop_ids, book_orders, relay


async def walk(order_id: UUID) -> None:
    """Pull, reserve, publish, ship, post, tell."""
    hub = await open_hub(load_settings(), "drive")
    await hub.gate.fence(hub.db)
    for shop_id in await active_shop_ids(hub):
        await pull_orders(hub, shop_id)
    async with hub.db.transaction() as session:
        await ship(session, order_id, carrier="SF", waybill="SF1", actor="test")
    await book_orders(hub)
    await relay(hub)
    await handle_events(hub)
    for shop_id in await active_shop_ids(hub):
        await push_offers(hub, shop_id)
    await tell_shipments(hub)
    await close_hub(hub)


if __name__ == "__main__":
    asyncio.run(walk(UUID(sys.argv[1])))
