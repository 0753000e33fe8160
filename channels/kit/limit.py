"""Rate limits shared by all workers: a token bucket per (shop, operation).

Invariant: what the channel says (tokens left, seconds of ban) wins over what the manifest declares. Without Redis, or
while it is out of reach, each process counts alone: that may be too fast, never stuck, and the channel's own refusal
then corrects it.
"""

import math
from collections.abc import Awaitable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

from channels.kit.manifest import Rate
from hub.core.clock import monotonic
from hub.core.log import get_logger
from hub.core.redis import RedisError

_SCRIPT = Path(__file__).with_suffix(".lua").read_text(encoding="utf-8")
_MAX_LOCAL_BUCKETS = 10_000
_log = get_logger(__name__)


class ScriptRunner(Protocol):
    """What the limiter needs of a Redis client."""

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Awaitable[Any] | Any: ...


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer said about the limit; None = it said nothing."""

    available: float | None = None
    per_second: float | None = None
    burst: float | None = None
    closed_seconds: float | None = None


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    closed_until: float = 0.0
    per_second: float | None = None
    burst: float | None = None


class Limiter:
    """Asks for tokens and passes on what the channel told."""

    def __init__(self, redis: ScriptRunner | None = None) -> None:
        self._redis = redis
        self._local: dict[tuple[int, str], _Bucket] = {}

    @staticmethod
    def shared(redis: ScriptRunner | None) -> "Limiter":
        """The limiter of this process for this client: local buckets must outlive the job that made them."""
        return _shared(cast(Hashable, redis))

    async def take(self, shop_id: int, operation: str, rate: Rate, cost: float = 1.0) -> float:
        """Take `cost` tokens. Returns 0.0 when they were taken, else the seconds to wait before asking again."""
        if self._redis is not None:
            arguments = ("take", rate.per_second, rate.burst, cost)
            wait_ms = await self._run(shop_id, operation, arguments)
            if wait_ms is not None:
                return wait_ms / 1000
        return self._take_here(shop_id, operation, rate, cost)

    async def tell(self, shop_id: int, operation: str, told: Told) -> None:
        """Adjust the bucket by what the channel said."""
        self._tell_here(shop_id, operation, told)
        if self._redis is not None:
            closed_ms = None if told.closed_seconds is None else math.ceil(told.closed_seconds * 1000)
            values = (told.available, told.per_second, told.burst, closed_ms)
            await self._run(shop_id, operation, ("tell", *("" if value is None else value for value in values)))

    async def _run(self, shop_id: int, operation: str, arguments: tuple[object, ...]) -> int | None:
        """The script's answer, or None when Redis is out of reach."""
        assert self._redis is not None  # noqa: S101  # both callers asked
        try:
            return int(await self._redis.eval(_SCRIPT, 1, f"limit:{shop_id}:{operation}", *arguments))
        except (RedisError, OSError) as error:
            _log.warning("rate limit not shared", shop_id=shop_id, operation=operation, error=type(error).__name__)
            return None

    def _bucket(self, shop_id: int, operation: str, burst: float) -> _Bucket:
        if len(self._local) > _MAX_LOCAL_BUCKETS:
            self._local.clear()
        return self._local.setdefault((shop_id, operation), _Bucket(tokens=burst, at=monotonic()))

    def _take_here(self, shop_id: int, operation: str, rate: Rate, cost: float) -> float:
        bucket = self._bucket(shop_id, operation, rate.burst)
        now = monotonic()
        if bucket.closed_until > now:
            return bucket.closed_until - now
        per_second, burst = bucket.per_second or rate.per_second, bucket.burst or rate.burst
        tokens = min(burst, bucket.tokens + (now - bucket.at) * per_second)
        need = min(cost, burst)
        if tokens < need:
            return max(0.001, (need - tokens) / per_second)
        bucket.tokens, bucket.at = tokens - cost, now
        return 0.0

    def _tell_here(self, shop_id: int, operation: str, told: Told) -> None:
        bucket = self._bucket(shop_id, operation, told.burst or told.available or 1.0)
        now = monotonic()
        if told.available is not None:
            bucket.tokens, bucket.at = told.available, now
        bucket.per_second = told.per_second or bucket.per_second
        bucket.burst = told.burst or bucket.burst
        if told.closed_seconds is not None:
            bucket.closed_until = max(bucket.closed_until, now + told.closed_seconds)


@lru_cache(maxsize=8)
def _shared(redis: Hashable) -> Limiter:
    return Limiter(cast(ScriptRunner | None, redis))
