"""The bell: tells a worker to look at its work list now. Losing a ring costs a second or two, never work.

Invariant: nothing is ever known only to the queue; each job is "drain what the database says is waiting". A ring
waits at most once per job: the mark is taken away when the job begins to look, so a ring that comes later is never
swallowed.
"""

from arq.connections import ArqRedis, RedisSettings, create_pool

from hub.core.redis import RedisError

QUEUE = "tongku:jobs"
_MARK_MILLISECONDS = 5_000


class Bell:
    """Rings job names on arq."""

    def __init__(self, redis_url: str) -> None:
        self._settings = redis_settings(redis_url)
        self._pool: ArqRedis | None = None
        self.lost_rings = 0

    async def ring(self, job: str, *arguments: object) -> bool:
        """Wake `job`; False when nobody could be reached (the sweeper will look without being rung)."""
        try:
            pool = await self._connected()
            if await pool.set(_mark(job, arguments), "1", px=_MARK_MILLISECONDS, nx=True):
                await pool.enqueue_job(job, *arguments, _queue_name=QUEUE)
        except (RedisError, OSError, TimeoutError):
            self.lost_rings += 1
            return False
        return True

    async def answered(self, job: str, *arguments: object) -> None:
        """The job begins to look: later rings count again."""
        try:
            await (await self._connected()).delete(_mark(job, arguments))
        except (RedisError, OSError, TimeoutError):
            self.lost_rings += 1  # the mark falls off by itself

    async def close(self) -> None:
        """Give the connection back."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    async def _connected(self) -> ArqRedis:
        if self._pool is None:
            self._pool = await create_pool(self._settings, default_queue_name=QUEUE)
        return self._pool


def redis_settings(redis_url: str) -> RedisSettings:
    """arq's view of our URL, unix sockets included; one try, because a lost ring is cheap and a wait is not."""
    settings = RedisSettings.from_dsn(redis_url)
    settings.conn_retries = 0
    settings.conn_timeout = 2
    return settings


def _mark(job: str, arguments: tuple[object, ...]) -> str:
    return ":".join(["tongku:ring", job, *map(str, arguments)])
