"""The simulator as a web application and as a process.

Invariant: every answer of a marketplace goes through `_Spoiler`, so that faults hit all protocols alike; one store, one
clock, one postman, one crowd of buyers.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from channels.kit.http import close_connections
from channels.sim.buyers import Buyers
from channels.sim.clock import SimClock
from channels.sim.control import Control
from channels.sim.faults import Faults
from channels.sim.quirks.protocol import Quirks, World
from channels.sim.quirks.shopify import Shopify
from channels.sim.quirks.tmall import Tmall
from channels.sim.sell import Till
from channels.sim.store import Shop, Store
from channels.sim.webhooks import Postman

_STOP_SECONDS = 3


def create_sim(
    store_path: str = ":memory:",
    clock: SimClock | None = None,
    *,
    buyers_per_minute: float = 0.0,
    seed: int = 1,
    base_url: str = "",
) -> Starlette:
    """The application. `store_path` is a SQLite file or ":memory:"; `base_url` is what shops are told when the
    simulator is reached under another address than the request's. `app.state.world` is for tests."""
    clock = clock or SimClock()
    store = Store(store_path)
    world = World(store, clock, Till(store, clock), Faults())
    quirks: dict[str, Quirks] = {one.kind: one for one in (Shopify(), Tmall())}
    postman = Postman(world)
    control = Control(world, quirks, postman, base_url)
    buyers = control.buyers = Buyers(world, control.told, buyers_per_minute, seed)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(postman.run()), asyncio.create_task(buyers.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            store.close()

    routes = [Route(one.path, _spoiling(world, one), methods=["POST"]) for one in quirks.values()]
    app = Starlette(routes=[*routes, *control.routes()], lifespan=lifespan)
    app.state.world = world
    return app


def _spoiling(world: World, quirks: Quirks):  # type: ignore[no-untyped-def]  # Starlette's endpoint type is private
    """The marketplace's endpoint, with the faults that do not depend on its protocol."""

    async def answer(request: Request) -> Response:
        shop = await _shop_of(world, quirks, request)
        if shop is None:
            return await quirks.answer(world, request)
        if world.faults.take(shop.id, "server_error") is not None:
            return Response("Service Unavailable", status_code=503)
        if world.faults.take(shop.id, "html") is not None:
            return Response("<!DOCTYPE html><html><body>We are busy</body></html>", media_type="text/html")
        delay = world.faults.take(shop.id, "delay")
        if delay is not None:
            await asyncio.sleep(min(60.0, float(delay.get("seconds", 1))))
        response = await quirks.answer(world, request)
        if world.faults.take(shop.id, "lost_answer") is not None:
            return Response("Bad Gateway", status_code=502)
        if world.faults.take(shop.id, "half_written") is not None:
            return Response(bytes(response.body)[: len(response.body) // 2], media_type="application/json")
        return response

    return answer


async def _shop_of(world: World, quirks: Quirks, request: Request) -> Shop | None:
    if "shop" in request.path_params:
        return world.store.shop(request.path_params["shop"])
    raw = (await request.body()).decode("utf-8", "replace")
    for shop in world.store.shops():
        session = shop.settings.get("session")
        if shop.kind == quirks.kind and session and f"session={session}" in raw:
            return shop
    return None


@dataclass(frozen=True, slots=True)
class RunningSim:
    """A simulator that answers on loopback."""

    url: str
    world: World


class _Quiet(uvicorn.Server):
    """Signals belong to the process that runs us; `ready` is set when the first call would be answered."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # uvicorn's own signature
        yield


@asynccontextmanager
async def start(
    *, host: str = "127.0.0.1", port: int = 0, store_path: str = ":memory:", clock: SimClock | None = None
) -> AsyncIterator[RunningSim]:
    """Run in this event loop until the block ends: for tests and tools. Port 0 = any free one."""
    app = create_sim(store_path, clock)
    listener = _listen(host, port)
    server = _server(app)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.wait([task, asyncio.create_task(server.ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        yield RunningSim(f"http://{host}:{listener.getsockname()[1]}", app.state.world)
    finally:
        server.should_exit = True
        await task
        listener.close()
        await close_connections()


async def serve(
    host: str, port: int, store_path: str, *, buyers_per_minute: float = 0.0, seed: int = 1, base_url: str = ""
) -> None:
    """Run until cancelled; then finish open answers (at most three seconds) and keep the store's file."""
    server = _server(create_sim(store_path, buyers_per_minute=buyers_per_minute, seed=seed, base_url=base_url))
    with _listen(host, port) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            server.should_exit = True
            await task
            raise


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket that names TCP: without it asyncio leaves Nagle's delay on, 40 ms an answer."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def _server(app: Starlette) -> _Quiet:
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=_STOP_SECONDS, ws="none"
    )
    return _Quiet(config)
