"""Where the benchmarks stand: servers of their own in a folder that is removed, a fresh database for each benchmark."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from finance.setup import ensure_book
from hub.core.db import Database
from hub.core.embedded import Embedded
from hub.core.redis import Redis, connect
from hub.migrations.run import upgrade
from stockpool.catalogue import ensure_places
from stockpool.claims.gate import Gate


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Tiny: only shows that the benchmarks run."""

    tiny: bool = False

    @property
    def rounds(self) -> int:
        """How often each thing is measured."""
        return 2 if self.tiny else 5

    def of(self, whole: int, tiny: int) -> int:
        """One number of the two."""
        return tiny if self.tiny else whole


@dataclass(frozen=True, slots=True)
class Plot:
    """A fresh hub: `db` lays the gate into every session, `bare` lays none."""

    db: Database
    bare: Database
    gate: Gate
    redis: Redis
    size: Size

    async def execute(self, statement: str, **values: object) -> None:
        """Prepare something with plain SQL."""
        async with self.bare.transaction() as session:
            await session.execute(text(statement), values)

    async def scalar(self, query: str, **values: object) -> int:
        """A number from the database."""
        async with self.bare.transaction() as session:
            return int((await session.execute(text(query), values)).scalar_one())


class Ground:
    """Migrated once; `plot` copies it."""

    def __init__(self, database_url: str, redis_url: str, size: Size) -> None:
        self._url = database_url
        self._redis_url = redis_url
        self._made = 0
        self.size = size

    @asynccontextmanager
    async def plot(self) -> AsyncIterator[Plot]:
        """A fresh database and an empty Valkey, gone afterwards."""
        self._made += 1
        name = f"bench_{self._made}"
        url = make_url(self._url).set(database=name).render_as_string(hide_password=False)
        await self._admin(f"CREATE DATABASE {name} TEMPLATE {make_url(self._url).database}")
        redis = connect(self._redis_url, timeout_seconds=30)
        await redis.flushall()
        bare, db = Database(url, pool_size=16), Database(url, pool_size=16)
        gate = Gate(redis, bare)
        db.info["gate"] = gate
        try:
            await gate.fence()
            yield Plot(db, bare, gate, redis, self.size)
        finally:
            await db.close()
            await bare.close()
            await redis.aclose()
            await self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    async def _admin(self, statement: str) -> None:
        engine = create_async_engine(make_url(self._url).set(database="postgres"), isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(statement))
        await engine.dispose()


class Transactions:
    """Counts the transactions that reach PostgreSQL while it is open."""

    def __init__(self, *databases: Database) -> None:
        self._engines = [db.engine.sync_engine for db in databases]
        self.count = 0

    def __enter__(self) -> "Transactions":
        for engine in self._engines:
            event.listen(engine, "begin", self._began)
        return self

    def __exit__(self, *failure: object) -> None:
        for engine in self._engines:
            event.remove(engine, "begin", self._began)

    def _began(self, _connection: object) -> None:
        self.count += 1


@contextmanager
def own_ground(size: Size, folder: Path | None = None) -> Iterator[Ground]:
    """Servers in a folder of their own (below `folder`, else the system's), stopped and removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="tongku-bench-", dir=folder))
    home.chmod(0o711)
    try:
        with Embedded.start(home) as servers:
            asyncio.run(prepare(servers.database_url))
            yield Ground(servers.database_url, servers.redis_url, size)
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def prepare(url: str) -> None:
    """Schema and reference rows, as after the first start of the hub."""
    await upgrade(url)
    db = Database(url)
    async with db.transaction() as session:
        await ensure_places(session)
        await ensure_book(session)
    await db.close()
