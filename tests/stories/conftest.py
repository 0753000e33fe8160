"""A small merchant's world for stories: real simulator over HTTP, real database and gate, the workers' jobs run by
hand.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest_asyncio
from arq.connections import create_pool
from sqlalchemy import text

from channels.kit.http import close_connections
from channels.sim.app import RunningSim, start
from finance.setup import ensure_book
from hub.core.clock import utcnow
from hub.core.db import Database
from hub.core.queue import QUEUE, redis_settings
from hub.core.settings import Settings
from hub.core.shops import connect_shop
from stockpool.catalogue import add_sku, ensure_places
from stockpool.floor.receive import receive
from workers.context import Hub, close_hub, open_hub
from workers.demo import Simulator
from workers.markets import import_listings, pull_orders, push_offers, tell_shipments
from workers.relay import handle_events
from workers.stock import active_shop_ids, book_orders, relay

SECRET = "a secret of the tests, long enough for them"
GOODS = {"CUP": ("89.00", "38.00", 10), "TEA": ("113.00", "60.00", 5), "PEN": ("9.90", "2.00", 100)}


@dataclass
class World:
    """Two shops that sell the same three goods, the hub in the middle."""

    hub: Hub
    sim: RunningSim
    control: Simulator
    shops: dict[str, int]
    skus: dict[str, int]

    async def buy(self, shop: str, lines: Mapping[str, int], **more: Any) -> dict[str, Any]:
        """A simulated buyer; {code: qty}. Returns the simulator's answer."""
        wishes = [{"code": code, "qty": qty} for code, qty in lines.items()]
        bought: dict[str, Any] = await self.control.call("buy", {"shop": shop, "lines": wishes, **more})
        return bought

    async def pull(self, *shops: str) -> None:
        """What the sweeper would ring. TOP tells time in whole seconds: a sale is seen once its second is over."""
        await asyncio.sleep(1.001 - utcnow().microsecond / 1_000_000)
        for name in shops or tuple(self.shops):
            await pull_orders(self.hub, self.shops[name])

    async def settle(self) -> None:
        """Run every work list until nothing is left."""
        for _ in range(20):
            done = await book_orders(self.hub) + await relay(self.hub) + await handle_events(self.hub)
            for shop_id in await active_shop_ids(self.hub):
                done += await push_offers(self.hub, shop_id)
            done += await tell_shipments(self.hub)
            if not done:
                return
        raise AssertionError("the world does not come to rest")

    async def shown(self, shop: str) -> dict[str, int]:
        """What the shop shows for sale, by code."""
        page = await self.control.call(f"shops/{shop}/listings")
        return {row["code"]: row["qty"] for row in page["listings"]}

    async def rung(self) -> set[tuple[object, ...]]:
        """The jobs that wait in the queue, with their arguments."""
        pool = await create_pool(redis_settings(self.hub.settings.redis()), default_queue_name=QUEUE)
        try:
            return {(job.function, *job.args) for job in await pool.queued_jobs(queue_name=QUEUE)}
        finally:
            await pool.aclose()

    async def level(self, code: str) -> tuple[int, int]:
        """(on hand, reserved) of a good."""
        query = "SELECT on_hand, reserved FROM stock_level WHERE sku_id = :sku"
        return tuple((await self.rows(query, sku=self.skus[code]))[0])

    async def rows(self, query: str, **parameters: object) -> list[Any]:
        """Look into the database."""
        return await rows(self.hub.db, query, **parameters)

    async def one(self, query: str, **parameters: object) -> Any:
        """A single value."""
        return (await self.rows(query, **parameters))[0][0]

    async def fault(self, shop: str, name: str, count: int = 1, **options: object) -> None:
        """Let something go wrong at a shop."""
        await self.control.call("faults", {"shop": shop, "fault": name, "count": count, **options})


async def rows(db: Database, query: str, **parameters: object) -> list[Any]:
    """Run a query of a test."""
    async with db.transaction() as session:
        return list(await session.execute(text(query), parameters))


def settings_for(database_url: str, redis_url: str, home: Path) -> Settings:
    """Settings of a process under test."""
    return Settings(database_url=database_url, redis_url=redis_url, secret_key=SECRET, home=home)  # type: ignore[arg-type]


@asynccontextmanager
async def open_world(settings: Settings, *, opening: Mapping[str, int] | None = None) -> AsyncIterator[World]:
    """Goods with stock, two shops with listings, everything published."""
    hub = await open_hub(settings, "test")
    async with start() as sim:
        control = Simulator(sim.url)
        skus: dict[str, int] = {}
        await hub.gate.fence(hub.db)
        async with hub.db.transaction() as session:
            await ensure_places(session)
            await ensure_book(session)
            for code, (_, cost, stock) in GOODS.items():
                skus[code] = await add_sku(session, code, f"The {code.lower()}")
                units = (opening or {}).get(code, stock)
                if units:
                    await receive(
                        session,
                        sku_id=skus[code],
                        qty=units,
                        unit_cost=Decimal(cost),
                        reference="OPENING",
                        actor="test",
                    )
        shops = {kind: await connect(hub, control, kind) for kind in ("tmall", "shopify")}
        world = World(hub, sim, control, shops, skus)
        for shop_id in shops.values():
            await import_listings(hub, shop_id)
        await world.settle()
        await world.pull()  # numbers rise only after the order feed was read up to the stock reading
        await world.settle()
        try:
            yield world
        finally:
            await close_connections()
            await close_hub(hub)


async def connect(hub: Hub, control: Simulator, kind: str) -> int:
    """One simulated shop with all goods, connected to the hub."""
    listings = [
        {"sku": code, "code": code, "title": code, "price": price, "qty": 0} for code, (price, _, _) in GOODS.items()
    ]
    shop = {"id": kind, "kind": kind, "name": kind, "currency": "CNY", "listings": listings}
    made = await control.call("shops", shop)
    async with hub.db.transaction() as session:
        return await connect_shop(
            session,
            hub.seal,
            kind=kind,
            name=kind,
            base_url=made["base_url"],
            credentials=made["secrets"],
            settings=made["settings"],
        )


@pytest_asyncio.fixture
async def world(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world at rest with everything published."""
    async with open_world(settings_for(database_url, redis_url, tmp_path)) as opened:
        yield opened
