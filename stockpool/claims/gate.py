"""The gate: Redis' side of a reservation. It may say no; only PostgreSQL may say yes (grant.py).

Invariant: whatever Redis forgets, invents or repeats can cause a late no, never an oversell. Each answer that is not
sure is BYPASS: the caller decides by PostgreSQL alone. Calls are raw EVALSHA; NOSCRIPT means "fence again".
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from hub.core.clock import monotonic
from hub.core.db import Database, is_connection_trouble
from hub.core.log import get_logger
from hub.core.points import point
from hub.core.redis import NoScriptError, Redis, RedisConnectionError, RedisError
from stockpool.claims.fence import Fence, put_up_fence
from stockpool.claims.levels import Level, read_levels
from stockpool.claims.rules import Ask, Place, gate_key
from stockpool.errors import GateClosed, UnfitServer

_log = get_logger(__name__)
_MOST_ASKS = 200
_MOST_KEYS = 1000
_ROUNDS = 3
_TTL_SECONDS = 86_400
_LONGEST_PAUSE_SECONDS = 1.0
_OLDEST_SERVER = 7


class Verdict(StrEnum):
    """What the gate thinks of an ask."""

    OK = "ok"
    NO_FINAL = "final"
    """not enough units, whatever becomes of those in flight"""
    NO_IN_FLIGHT = "flight"
    """the units are promised to somebody whose grant is under way: it may be worth asking again"""
    BYPASS = "bypass"
    """the gate does not know; ask PostgreSQL"""


@dataclass(frozen=True, slots=True)
class Answer:
    """The gate's answer to one ask. `missing`: sku id -> units, when it said no."""

    key: str
    verdict: Verdict
    missing: Mapping[int, int] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether it is a no."""
        return self.verdict in (Verdict.NO_FINAL, Verdict.NO_IN_FLIGHT)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the gate holds for one level; `pending_sum` is recounted from the pendings."""

    base: int
    version: int
    pending: int
    pending_sum: int


class Gate:
    """One per process, laid into every session as `session.info["gate"]`."""

    def __init__(self, redis: Redis, database: Database | None = None, *, pending_seconds: float = 10.0) -> None:
        self._redis = redis
        self._database = database
        self._pending_ms = int(pending_seconds * 1000)
        self._fence: Fence | None = None
        self._last_epoch: int | None = None
        self._fencing = asyncio.Lock()
        self._closed_until = 0.0
        self._pause_seconds = 0.0
        self.counts: Counter[str] = Counter()
        """What happened since the start: ok, final, flight, bypass, late_no, fenced, epoch_changed, trouble."""

    @property
    def epoch(self) -> int | None:
        """The epoch that this process works in, None while it is not fenced."""
        return self._fence.epoch if self._fence else None

    async def fence(self, database: Database | None = None) -> int | None:
        """Fence now, whatever was known before; a monitor calls it each second. Cheap when nothing changed.

        Returns the epoch, None when Redis or the database is away: then the gate is closed and every path bypasses it.
        """
        async with self._fencing:
            self._database = database or self._database
            try:
                return (await self._put_up_fence()).epoch
            except GateClosed:
                return None

    async def admit(self, asks: Sequence[Ask]) -> list[Answer]:
        """Let asks in as pending, each whole or not at all, decided in order; one script call per 200 asks."""
        answers: list[Answer] = []
        for part in _portions(asks):
            answers += await self._admit(part)
        for answer in answers:
            self.counts[answer.verdict.value] += 1
        point("gate.admitted")
        return answers

    async def settle(self, tickets: Iterable[str], levels: Iterable[Level], *, epoch: int | None = None) -> bool:
        """Drop pendings and set the bases that now contain them, in one call. False when the gate could not be told."""
        point("settle.before")
        known, names = list(levels), list(tickets)
        if epoch is not None and self.epoch not in (None, epoch):
            self._fence = None  # somebody fenced a newer life of Redis
        figures = [figure for level in known for figure in (level.available, level.version)]
        reply = await self._run("settle", [level.place for level in known], [len(names), *names, *figures])
        point("settle.after")
        return reply is not None

    async def push(self, levels: Sequence[Level]) -> bool:
        """Set bases where newer, create what is missing. False when the gate could not be told."""
        for start in range(0, len(levels), _MOST_KEYS):
            part = levels[start : start + _MOST_KEYS]
            figures = [figure for level in part for figure in (level.available, level.version)]
            if await self._run("push", [level.place for level in part], figures) is None:
                return False
        return True

    async def forget(self, places: Sequence[Place]) -> bool:
        """Make levels unknown at the gate, so that they load anew; pendings stay. False when it is out of reach."""
        return await self._run("forget", places, []) is not None

    async def check(self, places: Sequence[Place]) -> dict[Place, Seen] | None:
        """What the gate holds, for the audit: absent = unknown there. None when it is out of reach."""
        found: dict[Place, Seen] = {}
        for start in range(0, len(places), _MOST_KEYS):
            part = places[start : start + _MOST_KEYS]
            reply = await self._run("inspect", part, [])
            if reply is None:
                return None
            rows = zip(part, *[iter(reply)] * 4, strict=False)
            found |= {place: Seen(int(b), int(v), int(p or 0), int(total)) for place, b, v, p, total in rows if b != ""}
        return found

    async def _admit(self, asks: Sequence[Ask]) -> list[Answer]:
        places = sorted({place for ask in asks for place in ask.demand})
        index = {place: at for at, place in enumerate(places)}
        arguments: list[object] = [self._pending_ms, len(asks)]
        for ask in asks:
            demand = ask.demand
            arguments += [ask.ticket, len(demand)]
            for place, qty in demand.items():
                arguments += [index[place], qty]
        for _ in range(_ROUNDS):
            reply = await self._run("admit", places, arguments)
            if reply is None:
                break
            if reply[0] == "done":
                return [_read_answer(ask, line, places) for ask, line in zip(asks, reply[1:], strict=True)]
            if not await self._load([places[int(at)] for at in reply[1:]]):
                break
        return [Answer(ask.key, Verdict.BYPASS) for ask in asks]

    async def _load(self, places: Sequence[Place]) -> bool:
        """A missing key is unknown: tell the gate what PostgreSQL knows."""
        if self._database is None:
            return False
        try:
            async with self._database.transaction() as session:
                levels = await read_levels(session, places)
        except Exception as error:
            if not is_connection_trouble(error):
                raise
            return False
        return await self.push([levels.get(place) or _never_stocked(place) for place in places])

    async def _run(self, operation: str, places: Sequence[Place], arguments: Sequence[object]) -> list[str] | None:
        """One raw EVALSHA. None = the gate is closed or its answer was lost."""
        for _ in range(2):
            fence = await self._fenced()
            if fence is None:
                return None
            keys = [fence.pendings, fence.deadlines, *(fence.stock_prefix + gate_key(place) for place in places)]
            words = [operation, fence.stock_prefix, _TTL_SECONDS, *arguments]
            try:
                call = self._redis.evalsha(fence.sha, len(keys), *keys, *map(str, words))
                reply: list[str] = await cast("Awaitable[list[str]]", call)  # typed as the answer of either client
            except NoScriptError:
                if self._fence is fence:
                    self._fence = None
            except (RedisError, OSError, TimeoutError) as error:
                self._close(type(error).__name__)
                return None
            else:
                return reply
        return None

    async def _fenced(self) -> Fence | None:
        if self._fence is not None:
            return self._fence
        async with self._fencing:
            if self._fence is None and monotonic() >= self._closed_until:
                try:
                    await self._put_up_fence()
                except GateClosed:
                    return None
            return self._fence

    async def _put_up_fence(self) -> Fence:
        if self._database is None:
            raise GateClosed("The reservation gate has not met its database yet.")
        try:
            fence = await self._fence_on_fresh_connections(self._database)
        except GateClosed as error:
            self._close(str(error))
            raise
        except Exception as error:
            if not (isinstance(error, RedisError) or is_connection_trouble(error)):
                raise
            self._close(type(error).__name__)
            raise GateClosed("The reservation gate is out of reach.") from error
        if self._last_epoch not in (None, fence.epoch):
            self.counts["epoch_changed"] += 1
            _log.info("gate_epoch", before=self._last_epoch, now=fence.epoch)
        self.counts["fenced"] += 1
        self._fence, self._last_epoch = fence, fence.epoch
        self._pause_seconds = self._closed_until = 0.0
        return fence

    async def _fence_on_fresh_connections(self, database: Database) -> Fence:
        """A pooled connection that broke says nothing about the server of now: drop the idle ones and look again."""
        try:
            return await put_up_fence(self._redis, database)
        except RedisConnectionError:
            await self._redis.connection_pool.disconnect(inuse_connections=False)
            return await put_up_fence(self._redis, database)

    def _close(self, reason: str) -> None:
        """Bypass for a moment, longer each time up to a second, so that a dead Redis costs nothing per order."""
        self._fence = None
        self._pause_seconds = min(max(2 * self._pause_seconds, 0.05), _LONGEST_PAUSE_SECONDS)
        self._closed_until = monotonic() + self._pause_seconds
        self.counts["trouble"] += 1
        _log.warning("gate_closed", reason=reason, pause_seconds=self._pause_seconds)


async def refuse_unfit_server(redis: Redis) -> None:
    """Refuse to start on a server that would lose the fence or drop keys. Raises UnfitServer, RedisError."""
    info = await redis.info()
    if int(str(info["redis_version"]).partition(".")[0]) < _OLDEST_SERVER:
        raise UnfitServer(
            "Redis must be version 7 or newer, or Valkey; this is %(found)s.", found=info["redis_version"]
        )
    if info["role"] != "master":
        raise UnfitServer("The gate's Redis is a replica; point HUB_GATE_URL at the primary.")
    if info["maxmemory_policy"] != "noeviction":
        raise UnfitServer(
            "Redis must have maxmemory-policy noeviction; this has %(found)s.", found=info["maxmemory_policy"]
        )


def _portions(asks: Sequence[Ask]) -> Iterator[list[Ask]]:
    """Asks in order, cut so that one script call stays short."""
    part: list[Ask] = []
    lines = 0
    for ask in asks:
        if part and (len(part) >= _MOST_ASKS or lines + len(ask.lines) > _MOST_KEYS):
            yield part
            part, lines = [], 0
        part.append(ask)
        lines += len(ask.lines)
    if part:
        yield part


def _read_answer(ask: Ask, line: str, places: Sequence[Place]) -> Answer:
    verdict, _, short = line.partition(" ")
    pairs = (part.split("=") for part in short.split(";") if part)
    return Answer(ask.key, Verdict(verdict), {places[int(at)][0]: int(units) for at, units in pairs})


def _never_stocked(place: Place) -> Level:
    return Level(*place, on_hand=0, reserved=0, backorder_allowed=0, version=0, frozen=False)
