"""The demo: a merchant with forty goods, two simulated shops, buyers who keep buying, a warehouse that ships most
of it.

Invariant: it enters through the same doors as a real merchant's day: shops are connected with credentials, listings
come through the adapters, stock arrives through `receive`, goods leave through `ship`. It adds what is missing and
changes nothing else, so a second start goes on where the first one ended.
"""

import asyncio
import json
import signal
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from channels.kit.errors import ChannelError
from channels.kit.http import Door
from channels.kit.limit import Limiter
from channels.kit.manifest import Rate
from channels.sim.app import serve
from channels.sim.world import DemoShop, DemoWorld, demo_world
from hub.core.errors import HubError, TryAgain
from hub.core.log import get_logger
from hub.core.settings import Settings
from hub.core.shops import connect_shop, list_shops
from orders.sales.queries import ready_to_ship
from orders.sales.ship import ship
from stockpool.catalogue import add_sku
from stockpool.floor.receive import receive
from stockpool.queries import low_stock
from workers.context import Hub, close_hub, open_hub
from workers.markets import import_listings

log = get_logger(__name__)

ACTOR = "demo"
HAND_SECONDS = 3.0
SUPPLIER_SECONDS = 20.0
SHIP_AFTER_SECONDS = 20
LEFT_FOR_PEOPLE = 4  # of sixteen orders this many are left for the operator to ship,
LEFT_FOR_SECONDS = 1800  # for so long
MAX_SHIPPED = 50
MAX_READY = 500
RESTOCK_BELOW = 20
RESTOCK_UNITS = 60


async def run_simulator(settings: Settings) -> None:
    """Serve the simulated marketplaces until SIGTERM."""
    settings.home.mkdir(parents=True, exist_ok=True)
    serving = asyncio.create_task(serve("127.0.0.1", settings.sim_port, str(settings.home / "simulator.db")))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


async def run_demo(settings: Settings) -> None:
    """Connect the shops once, then keep the goods flowing until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    hub = await open_hub(settings, "demo")
    simulator = Simulator(settings.sim_url)
    try:
        await prepare_world(hub, simulator, demo_world())
        await simulator.call("buyers", {"per_minute": settings.sim_orders_per_minute})
        await asyncio.gather(
            _repeat(stop, HAND_SECONDS, lambda: ship_what_is_ready(hub)),
            _repeat(stop, SUPPLIER_SECONDS, lambda: restock(hub)),
        )
    finally:
        await close_hub(hub)


class Simulator:
    """The simulator's control door."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._door = Door(0, {"default": Rate(per_second=1000, burst=1000)}, Limiter())

    async def call(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """POST with a body, GET without. Waits up to half a minute for the simulator to come up. Raises TryAgain."""
        for _ in range(60):
            try:
                answer = await self._door.send(
                    "control",
                    f"{self._url}/_sim/{path}",
                    method="GET" if body is None else "POST",
                    headers={"content-type": "application/json"},
                    content=b"" if body is None else json.dumps(body, default=str).encode(),
                )
            except ChannelError:
                await asyncio.sleep(0.5)
                continue
            if answer.status >= 400:
                raise TryAgain("The simulator refused %(path)s (%(status)s).", path=path, status=answer.status)
            return json.loads(answer.body)
        raise TryAgain("The simulator does not answer.")


async def prepare_world(hub: Hub, simulator: Simulator, world: DemoWorld) -> None:
    """Goods, opening stock, shops, listings: whatever of it is not there yet."""
    async with hub.db.transaction() as session:
        if len(await list_shops(session)) >= len(world.shops):
            return
        for good in world.skus:
            sku_id = await add_sku(session, good.code, good.title_zh)
            await receive(session, sku_id=sku_id, qty=good.stock, unit_cost=good.cost, reference="OPENING", actor=ACTOR)
    await hub.bell.ring("handle_events")
    for shop in world.shops:
        shop_id = await _connect(hub, simulator, shop)
        await import_listings(hub, shop_id)


async def _connect(hub: Hub, simulator: Simulator, shop: DemoShop) -> int:
    listings = [
        {
            "sku": one.sku,
            "code": one.code,
            "title": one.title,
            "price": str(one.price),
            "qty": one.qty,
            "single": one.single,
        }
        for one in shop.listings
    ]
    made = await simulator.call(
        "shops",
        {"id": shop.id, "kind": shop.kind, "name": shop.name, "currency": shop.currency, "listings": listings},
    )
    async with hub.db.transaction() as session:
        shop_id = await connect_shop(
            session,
            hub.seal,
            kind=shop.kind,
            name=shop.name,
            base_url=made["base_url"],
            credentials=made["secrets"],
            settings=made["settings"],
            currency=shop.currency,
        )
    await simulator.call(f"shops/{shop.id}", {"webhook_url": f"{hub.settings.console_url}/hooks/{shop_id}"})
    return shop_id


async def ship_what_is_ready(hub: Hub) -> int:
    """The warehouse hand: ships reserved orders after a while, and leaves some for the person at the console."""
    async with hub.db.transaction() as session:
        overdue = await ready_to_ship(session, older_than_seconds=LEFT_FOR_SECONDS, limit=MAX_SHIPPED)
        ready = await ready_to_ship(session, older_than_seconds=SHIP_AFTER_SECONDS, limit=MAX_READY)
    shipped = 0
    mine = [order_id for order_id in ready if order_id.bytes[-1] % 16 >= LEFT_FOR_PEOPLE]
    for order_id in dict.fromkeys([*overdue, *mine[:MAX_SHIPPED]]):
        try:
            async with hub.db.transaction() as session:
                await ship(session, order_id, carrier="SF", waybill=f"SF{order_id.int % 10**12:012d}", actor=ACTOR)
            shipped += 1
        except HubError as error:
            log.info("demo_not_shipped", order=str(order_id), reason=str(error))
    if shipped:
        for name in ("handle_events", "tell_shipments"):
            await hub.bell.ring(name)
    return shipped


async def restock(hub: Hub) -> int:
    """The supplier: brings goods that run low, at a cost that drifts a little."""
    costs = {good.code: good.cost for good in demo_world().skus}
    async with hub.db.transaction() as session:
        low = await low_stock(session, below=RESTOCK_BELOW, limit=50)
        for row in low:
            cost = costs.get(row.code, Decimal(10)) * (100 + row.version % 5) / 100
            await receive(
                session,
                sku_id=row.sku_id,
                qty=RESTOCK_UNITS,
                unit_cost=cost.quantize(Decimal("0.01")),
                reference=f"PO-{row.code}-{row.version}",
                actor=ACTOR,
            )
    if low:
        await hub.bell.ring("handle_events")
        await hub.bell.ring("relay")
    return len(low)


async def _repeat(stop: asyncio.Event, seconds: float, chore: Any) -> None:
    while not stop.is_set():
        try:
            await chore()
        except Exception:
            log.exception("demo_failed")
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            continue
