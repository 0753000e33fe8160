"""The one door to Redis or Valkey.

Invariant: scripts are called by raw EVALSHA. A helper that silently reloads on NOSCRIPT would remove the fence of the
reservation gate (reliability record: a restarted or promoted server must look closed until it is fenced again).
"""

import redis.asyncio as aio
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = [
    "NoScriptError",
    "Redis",
    "RedisConnectionError",
    "RedisError",
    "RedisTimeoutError",
    "ResponseError",
    "connect",
]


def connect(url: str, *, timeout_seconds: float = 1.0) -> Redis:
    """A client on its own pool; answers are text. No retry: the caller knows what a lost answer means."""
    client: Redis = aio.from_url(  # type: ignore[no-untyped-call]  # redis-py leaves from_url without types
        url,
        decode_responses=True,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=None,
        max_connections=50,
    )
    return client
