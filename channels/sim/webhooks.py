"""Sends what the marketplaces say by themselves.

Invariant: bounded queue, never in the way of a buyer; a message that cannot be delivered is counted and dropped, as a
marketplace would do after its tries (Shopify: eight over four hours; here three within a second).
"""

import asyncio

from channels.kit.errors import ChannelError
from channels.kit.http import Door
from channels.kit.limit import Limiter
from channels.kit.manifest import Rate
from channels.sim.quirks.protocol import Message, World
from hub.core.log import get_logger

_MAX_WAITING = 10_000
_TRIES = 3
_log = get_logger(__name__)


class Postman:
    """One queue and one task."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: asyncio.Queue[tuple[str, Message]] = asyncio.Queue(_MAX_WAITING)
        self._door = Door(0, {"default": Rate(per_second=10_000, burst=10_000)}, Limiter())

    def post(self, shop_id: str, message: Message | None) -> None:
        """Queue a message; a full queue drops it, counted."""
        if message is None:
            return
        if self._world.faults.take(shop_id, "webhook_lost") or self._waiting.full():
            self._world.store.count(shop_id, "webhooks_lost")
            return
        self._waiting.put_nowait((shop_id, message))
        if self._world.faults.take(shop_id, "webhook_twice") and not self._waiting.full():
            self._waiting.put_nowait((shop_id, message))

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            shop_id, message = await self._waiting.get()
            delivered = await self._deliver(message)
            self._world.store.count(shop_id, "webhooks_sent" if delivered else "webhooks_failed")

    async def _deliver(self, message: Message) -> bool:
        for attempt in range(_TRIES):
            try:
                answer = await self._door.send("webhook", message.url, headers=message.headers, content=message.body)
            except ChannelError as error:
                _log.debug("webhook not delivered", code=error.code)
            else:
                if 200 <= answer.status < 300:
                    return True
            await asyncio.sleep(0.1 * (attempt + 1))
        return False
