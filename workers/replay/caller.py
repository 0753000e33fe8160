"""JSON over HTTP to the two programs that the replay's people use: the simulated shops and the hub.

Invariant: a call that may have had its effect is not repeated: a basket is bought once, whatever happens on the way.
"""

import json
from collections.abc import Mapping
from typing import Any

from channels.kit.errors import ChannelError
from channels.kit.http import Door
from channels.kit.limit import Limiter
from channels.kit.manifest import Rate
from hub.core.errors import TryAgain

_UNLIMITED = {"default": Rate(per_second=100_000, burst=1_000_000)}


class CallFailed(TryAgain):
    """No usable answer. `answered` is the HTTP status, 0 when there was no answer at all."""

    def __init__(self, text: str, answered: int = 0) -> None:
        super().__init__(text)
        self.answered = answered


class Caller:
    """One program, spoken to as whoever holds `key` (an API key of the hub)."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url
        self._door = Door(0, _UNLIMITED, Limiter())
        self._headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})

    async def get(self, path: str) -> Any:
        """The decoded answer. Raises CallFailed."""
        return await self._call("GET", path, b"")

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The decoded answer. Raises CallFailed."""
        return await self._call("POST", path, json.dumps(body).encode())

    async def delete(self, path: str) -> Any:
        """The decoded answer. Raises CallFailed."""
        return await self._call("DELETE", path, b"")

    async def _call(self, method: str, path: str, content: bytes) -> Any:
        try:
            answer = await self._door.send(
                path, f"{self.url}{path}", method=method, headers=self._headers, content=content
            )
        except ChannelError as error:
            raise CallFailed(f"{method} {path}: {error.message}") from error
        if answer.status >= 400:
            told = answer.body[:300].decode("utf-8", "replace")
            raise CallFailed(f"{method} {path} was answered {answer.status}: {told}", answer.status)
        return json.loads(answer.body) if answer.body else None
