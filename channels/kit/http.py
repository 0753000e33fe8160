"""The one door to HTTP for everything in channels.

Invariant: every call has a time limit, a size limit and a token from the shop's bucket; neither bodies, addresses with
queries, headers nor secrets are ever logged; a transport failure is RetryLater, because nobody knows whether the call
arrived.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

import httpx

from channels.kit.errors import BadAnswer, RetryAfter, RetryLater, StopShop
from channels.kit.limit import Limiter, Told
from channels.kit.manifest import Rate
from hub.core.clock import monotonic
from hub.core.log import get_logger

MAX_ANSWER_BYTES = 20_000_000
MAX_WAIT_SECONDS = 10.0
_TRIES = 3
_FIRST_PAUSE_SECONDS = 0.2
_OWN_LIMIT = "own-rate-limit"
_TIMEOUT = httpx.Timeout(30.0, connect=5.0, write=15.0, pool=15.0)
_POOL = httpx.Limits(max_connections=100, max_keepalive_connections=50, keepalive_expiry=30.0)
_log = get_logger(__name__)
_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]" = WeakKeyDictionary()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer, for whoever asked to record. Holds secrets and buyer data: seal it."""

    shop_id: int
    operation: str
    method: str
    url: str
    request: bytes
    answer: Answer
    seconds: float


Record = Callable[[Exchange], None]


class Door:
    """One shop's way out: takes a token, calls, bounds the answer."""

    def __init__(
        self, shop_id: int, limits: Mapping[str, Rate], limiter: Limiter, *, record: Record | None = None
    ) -> None:
        self._shop_id = shop_id
        self._limits = limits
        self._limiter = limiter
        self._record = record

    async def send(
        self,
        operation: str,
        url: str,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        cost: float = 1.0,
    ) -> Answer:
        """One call. Raises RetryLater when it failed on the way, RetryAfter when the bucket stays empty for too long,
        BadAnswer when the answer is too large. The status is for the caller to judge."""
        await self._wait_for_turn(operation, cost)
        began = monotonic()
        try:
            answer = await _exchange(method, url, dict(headers or {}), content)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise StopShop(f"{operation}: the shop's address is not a web address", code="base_url") from error
        except httpx.RequestError as error:
            raise RetryLater(f"{operation}: {type(error).__name__}", code="transport") from error
        seconds = monotonic() - began
        _log.debug("call", shop_id=self._shop_id, operation=operation, status=answer.status, seconds=round(seconds, 3))
        if self._record is not None:
            self._record(Exchange(self._shop_id, operation, method, url, content, answer, seconds))
        return answer

    async def tell(self, operation: str, told: Told) -> None:
        """Pass on what the answer said about the limit."""
        await self._limiter.tell(self._shop_id, self._bucket(operation), told)

    async def patiently(self, operation: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Run a call that may safely be repeated: short trouble and waits are sat out here, the rest is raised."""
        pause = _FIRST_PAUSE_SECONDS
        for left in range(_TRIES - 1, -1, -1):
            try:
                return await attempt()
            except RetryAfter as error:
                if error.code == _OWN_LIMIT:
                    raise
                await self.tell(operation, Told(closed_seconds=error.wait_seconds))
                if not left or error.wait_seconds > MAX_WAIT_SECONDS:
                    raise
            except (RetryLater, BadAnswer) as error:
                if not left:
                    raise
                _log.info("again", shop_id=self._shop_id, operation=operation, code=error.code, tries_left=left)
                await asyncio.sleep(pause)
                pause *= 3
        raise AssertionError("unreachable: the last try returns or raises")

    async def _wait_for_turn(self, operation: str, cost: float) -> None:
        bucket = self._bucket(operation)
        waited = 0.0
        while wait := await self._limiter.take(self._shop_id, bucket, self._limits[bucket], cost):
            if waited + wait > MAX_WAIT_SECONDS:
                raise RetryAfter(f"{operation}: the rate limit is used up", code=_OWN_LIMIT, wait_seconds=wait)
            waited += wait
            await asyncio.sleep(wait)

    def _bucket(self, operation: str) -> str:
        return operation if operation in self._limits else "default"


async def _exchange(method: str, url: str, headers: dict[str, str], content: bytes) -> Answer:
    """The call itself, its answer read in pieces so that no answer can fill the memory."""
    async with _client().stream(method, url, headers=headers, content=content) as response:
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise BadAnswer(f"the answer has more than {MAX_ANSWER_BYTES} bytes", code="too-large")
            pieces.append(piece)
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, b"".join(pieces))


def _client() -> httpx.AsyncClient:
    """One client, hence one connection pool, per event loop."""
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None or client.is_closed:
        client = httpx.AsyncClient(timeout=_TIMEOUT, limits=_POOL, follow_redirects=False, trust_env=False)
        _clients[loop] = client
    return client


async def close_connections() -> None:
    """Close this loop's pool: the last act of a process or a test."""
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()
