"""The live picture: one poller per process reads what happens now, every open page gets it as a small event.

Invariant: the number of readers does not change the load on the database; streams are bounded; no buyer data is in the
picture, because every role sees it.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable

from hub.core.clock import monotonic
from hub.core.db import Database, is_connection_trouble
from hub.core.errors import TryAgain
from hub.core.log import get_logger
from hub.web.picture import Picture, gather, gather_slow
from hub.web.pulse import pulse

MAX_STREAMS = 200
FAST_SECONDS = 1.5
SLOW_SECONDS = 10.0
_IDLE_SECONDS = 15.0
_SILENCE_SECONDS = 3.0

log = get_logger(__name__)


class Live:
    """Keeps the latest picture while somebody looks. `stopping` says that the server wants to end."""

    def __init__(self, db: Database, stopping: Callable[[], bool] = lambda: False) -> None:
        self._db = db
        self._stopping = stopping
        self.picture: Picture | None = None
        self._read_at = -1e9
        self._slow_at = -1e9
        self._asked_at = -1e9
        self._lock = asyncio.Lock()
        self._changed = asyncio.Condition()
        self._streams = 0

    async def look(self, max_age_seconds: float = 5.0) -> Picture:
        """The picture, read now when the kept one is older than that."""
        self._asked_at = monotonic()
        if self.picture is None or self._asked_at - self._read_at > max_age_seconds:
            async with self._lock:
                if self.picture is None or monotonic() - self._read_at > max_age_seconds:
                    await self._read()
        assert self.picture is not None  # noqa: S101  # _read sets it or raises
        return self.picture

    async def run(self) -> None:
        """Poll until cancelled; only while somebody looked lately."""
        while True:
            await asyncio.sleep(FAST_SECONDS)
            if not self._streams and monotonic() - self._asked_at > _IDLE_SECONDS:
                continue
            try:
                async with self._lock:
                    await self._read()
            except Exception as error:
                if not is_connection_trouble(error):
                    log.exception("live_failed")
                else:
                    log.warning("live_put_off", error=type(error).__name__)

    def admit(self) -> None:
        """Raises TryAgain when too many streams are open."""
        if self._streams >= MAX_STREAMS:
            raise TryAgain("Too many pages are open. Close some and try again.")

    async def stream(self) -> AsyncGenerator[str, None]:
        """Server-sent events: the picture now, then each newer one; a comment keeps a silent line open."""
        self._streams += 1
        try:
            sent: Picture | None = None
            while not self._stopping():
                picture = self.picture
                if picture is not None and picture is not sent:
                    sent = picture
                    yield f"event: pulse\ndata: {json.dumps(pulse(picture), separators=(',', ':'))}\n\n"
                else:
                    yield ": still here\n\n"
                await self._newer_than(sent)
        finally:
            self._streams -= 1

    async def _newer_than(self, sent: Picture | None) -> None:
        """Wait until there is a newer picture, a few seconds at most."""
        async with self._changed:
            if self.picture is sent:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _SILENCE_SECONDS)

    async def _read(self) -> None:
        now = monotonic()
        async with self._db.transaction() as session:
            if self.picture is None or now - self._slow_at > SLOW_SECONDS:
                slow = await gather_slow(session)
                self._slow_at = now
            else:
                slow = self.picture.slow
            self.picture = await gather(session, self.picture, slow)
        self._read_at = monotonic()
        async with self._changed:
            self._changed.notify_all()
