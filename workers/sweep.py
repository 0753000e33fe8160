"""The sweeper: looks at every work list again and again, and does what nobody was woken for.

It works without Redis: a job that cannot be rung is run here. Invariant: nothing that is written down waits longer
than a few seconds while this process and PostgreSQL live.
"""

import asyncio
from collections.abc import Awaitable, Callable

from hub.core.clock import monotonic
from hub.core.db import is_connection_trouble
from hub.core.heartbeat import beat
from hub.core.log import get_logger
from hub.core.shops import due_for_pull
from workers.context import Hub
from workers.markets import pull_orders, push_offers, tell_shipments
from workers.relay import handle_events
from workers.stock import active_shop_ids, book_orders, expire_holds, fence_gate, relay, serve_waiting

log = get_logger(__name__)

TICK_SECONDS = 0.25
SLOW_TICK_SECONDS = 1.0
BEAT_SECONDS = 5.0


async def sweep_forever(hub: Hub, stop: asyncio.Event) -> None:
    """Run until `stop` is set; trouble with the database is waited out."""
    chores = [
        _every(TICK_SECONDS, stop, lambda: ring_due_pulls(hub)),
        _every(SLOW_TICK_SECONDS, stop, lambda: fence_gate(hub)),
        _every(hub.settings.sweep_seconds, stop, lambda: drive_left_behind(hub)),
        _every(BEAT_SECONDS, stop, lambda: say_alive(hub, "sweep")),
    ]
    await asyncio.gather(*chores)


async def _every(seconds: float, stop: asyncio.Event, chore: Callable[[], Awaitable[object]]) -> None:
    while not stop.is_set():
        started = monotonic()
        try:
            await chore()
        except Exception as error:
            if not is_connection_trouble(error):
                log.exception("sweep_failed")
            else:
                log.warning("sweep_put_off", error=type(error).__name__, detail=str(error)[:200])
        pause = max(0.05, seconds - (monotonic() - started))
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue


async def ring_due_pulls(hub: Hub) -> int:
    """Wake a pull for every shop whose time has come; pull here when nobody can be rung."""
    async with hub.db.transaction() as session:
        due = await due_for_pull(session)
    for shop_id in due:
        if not await hub.bell.ring("pull_orders", shop_id):
            await pull_orders(hub, shop_id)
    return len(due)


async def drive_left_behind(hub: Hub) -> int:
    """One pass over all work lists, doing whatever still waits."""
    done = await serve_waiting(hub) + await book_orders(hub) + await relay(hub) + await handle_events(hub)
    for shop_id in await active_shop_ids(hub):
        done += await push_offers(hub, shop_id)
    return done + await tell_shipments(hub) + await expire_holds(hub)


async def say_alive(hub: Hub, kind: str) -> None:
    """Write the heartbeat that /readyz reads."""
    async with hub.db.transaction() as session:
        await beat(session, kind, hub.name)
