"""The processes: `run_worker` answers the bell through arq, `run_sweeper` looks without being called.

Invariant: both stop on SIGTERM after finishing what is in hand; a worker whose Redis goes away ends itself and is
started again by its supervisor, while the sweeper keeps everything moving.
"""

import asyncio
import signal
from typing import Any

from arq.worker import Worker, func

from hub.core.log import get_logger
from hub.core.queue import QUEUE, redis_settings
from hub.core.settings import Settings
from workers.context import Hub, close_hub, open_hub
from workers.job import Job
from workers.markets import import_listings, pull_orders, push_offers, tell_shipments
from workers.relay import handle_events
from workers.stock import book_orders, expire_holds, relay
from workers.sweep import BEAT_SECONDS, say_alive, sweep_forever

log = get_logger(__name__)

JOBS: tuple[Job, ...] = (
    pull_orders,
    import_listings,
    push_offers,
    tell_shipments,
    handle_events,
    book_orders,
    relay,
    expire_holds,
)
JOB_TIMEOUT_SECONDS = 120
POLL_DELAY_SECONDS = 0.05


def _as_arq(run: Job) -> Any:
    async def call(ctx: dict[str, Any], *arguments: Any) -> int:
        return await run(ctx["hub"], *arguments)

    return func(call, name=run.__name__, keep_result=0, timeout=JOB_TIMEOUT_SECONDS, max_tries=5)


async def run_worker(settings: Settings) -> None:
    """Answer the bell until SIGTERM. Raises when Redis goes away (the supervisor starts a new worker)."""
    hub = await open_hub(settings, "work")
    alive = asyncio.create_task(_beat_forever(hub))
    worker = Worker(
        functions=[_as_arq(run) for run in JOBS],
        redis_settings=redis_settings(settings.redis()),
        queue_name=QUEUE,
        max_jobs=10,
        poll_delay=POLL_DELAY_SECONDS,
        keep_result=0,
        job_completion_wait=int(settings.drain_seconds),
        handle_signals=True,
        ctx={"hub": hub},
    )
    try:
        await hub.gate.fence(hub.db)
        await worker.async_run()
    except asyncio.CancelledError:
        log.info("worker_drained")
    finally:
        alive.cancel()
        await worker.close()
        await close_hub(hub)


async def _beat_forever(hub: Hub) -> None:
    while True:
        try:
            await say_alive(hub, "work")
        except Exception as error:  # the database is away: /readyz says so by the silence
            log.warning("heartbeat_missed", error=type(error).__name__)
        await asyncio.sleep(BEAT_SECONDS)


async def run_sweeper(settings: Settings) -> None:
    """Sweep until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    hub = await open_hub(settings, "sweep")
    try:
        await sweep_forever(hub, stop)
    finally:
        await close_hub(hub)
