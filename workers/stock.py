"""Jobs of the stock pool: reserve new orders, let changed stock reach every offer and the gate, end overdue holds.

Invariant: the order of things is record, reserve, publish; each step is a committed row before the next is rung.
"""

from hub.core.points import point
from hub.core.shops import ShopState, list_shops
from orders.sales.book import book_new
from orders.sales.queries import in_flight
from orders.sales.refill import refill
from orders.sales.remap import drive_mapped
from stockpool.claims.expire import expire
from stockpool.offers.publish import refresh
from workers.context import Hub
from workers.job import job

BATCH = 200


@job
async def book_orders(hub: Hub) -> int:
    """Reserve everything that waits, batch by batch. Returns orders decided."""
    decided = 0
    while True:
        booked = await book_new(hub.db, hub.gate, limit=BATCH)
        if not booked.taken:
            return decided
        decided += booked.taken
        await hub.bell.ring("relay")
        await hub.bell.ring("handle_events")


@job
async def relay(hub: Hub) -> int:
    """Take the dirty Skus: new numbers to the gate and to every listing. Returns Skus refreshed."""
    refreshed = 0
    while True:
        async with hub.db.transaction() as session:
            result = await refresh(session, in_flight)
            point("relay.before_commit")
        point("relay.committed")
        if not result.skus:
            return refreshed
        refreshed += result.skus
        for shop_id in sorted(result.shops):
            await hub.bell.ring("push_offers", shop_id)


@job
async def expire_holds(hub: Hub) -> int:
    """End holds whose time is over. Returns reservations ended."""
    async with hub.db.transaction() as session:
        ended = await expire(session)
    if ended:
        await hub.bell.ring("relay")
    return ended


@job
async def serve_waiting(hub: Hub) -> int:
    """Orders that wait for stock or for a mapping and could be served now. Returns orders set going."""
    async with hub.db.transaction() as session:
        moved = len(await refill(session)) + len(await drive_mapped(session))
    if moved:
        await hub.bell.ring("book_orders")
    return moved


@job
async def fence_gate(hub: Hub) -> int:
    """Look whether the gate's server is still the one that we know; a changed one is fenced and refilled."""
    await hub.gate.fence(hub.db)
    return 0


async def active_shop_ids(hub: Hub) -> list[int]:
    """The shops that trade now."""
    async with hub.db.transaction() as session:
        return [shop.id for shop in await list_shops(session, state=ShopState.ACTIVE)]
