"""Real servers for every test: PostgreSQL and Valkey of its own for each test process, one migrated database.

Addresses in HUB_TEST_DATABASE_URL (a superuser's, of any existing database) and HUB_TEST_REDIS_URL replace the
embedded servers. Sockets reach this machine only. A test that asks for `db` finds the database as the migrations left
it; one that asks for `redis` finds it empty.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # asyncpg brings no types
import pytest
import pytest_asyncio
import pytest_socket
import structlog
from sqlalchemy.engine import make_url

from hub.core.db import Database
from hub.core.embedded import Embedded
from hub.core.redis import Redis, connect
from hub.migrations.run import upgrade

_ROOMY_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Servers:
    """Addresses that this test process may use."""

    database_url: str
    redis_url: str


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup() -> None:
    """No test speaks to another machine."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
def plain_log() -> None:
    """A test that ran a command has set up logging for its own standard error; the next one starts afresh."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A directory with a short path that other users may pass through, in memory where there is room."""
    path = Path(tempfile.mkdtemp(prefix="tk-", dir=_fast_folder()))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def servers(scratch: Path, worker_number: int) -> Iterator[Servers]:
    """PostgreSQL and Valkey for this test process, the same durable servers as `tongku up` runs."""
    database_url, redis_url = os.environ.get("HUB_TEST_DATABASE_URL"), os.environ.get("HUB_TEST_REDIS_URL")
    if database_url and redis_url:
        yield Servers(database_url, f"{redis_url.rstrip('/')}/{worker_number}")
        return
    with Embedded.start(scratch / "servers", postgres=not database_url, valkey=not redis_url) as own:
        yield Servers(
            database_url or own.database_url,
            f"{redis_url.rstrip('/')}/{worker_number}" if redis_url else own.redis_url,
        )


@pytest.fixture
def own_servers(scratch: Path) -> Iterator[Embedded]:
    """A pair of servers for one test alone, to be killed and restarted at will."""
    home = Path(tempfile.mkdtemp(prefix="own-", dir=scratch))
    home.chmod(0o711)
    with Embedded.start(home) as own:
        yield own
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def worker_number() -> int:
    """0, 1, ...: the number of this test process among its siblings."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@pytest.fixture(scope="session")
def template_name(servers: Servers, worker_number: int) -> Iterator[str]:
    """A migrated, empty database, from which others are copied."""
    name = f"tongku_test_{os.getpid()}_{worker_number}"
    asyncio.run(_execute(servers.database_url, f"CREATE DATABASE {name}"))
    try:
        asyncio.run(_migrate(_named(servers.database_url, name)))
        yield name
    finally:
        asyncio.run(_execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def new_database(servers: Servers, template_name: str) -> Iterator[Callable[[], str]]:
    """Makes migrated databases: each call gives the address of a new one, dropped at the end of the run."""
    made: list[str] = []

    def make() -> str:
        made.append(f"{template_name}_{len(made) + 1}")
        asyncio.run(_execute(servers.database_url, f"CREATE DATABASE {made[-1]} TEMPLATE {template_name}"))
        return _named(servers.database_url, made[-1])

    yield make
    for name in made:
        asyncio.run(_execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def shared_database_url(new_database: Callable[[], str]) -> str:
    """The database that the tests of this process share, whatever state it is in."""
    return new_database()


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    """The shared database, as the migrations left it: other tests' rows are gone."""
    asyncio.run(_clean(shared_database_url))
    return shared_database_url


@pytest.fixture
def fresh_database_url(new_database: Callable[[], str]) -> str:
    """A migrated database that no other test uses."""
    return new_database()


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A clean database."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """Valkey, emptied."""

    async def flush() -> None:
        client = connect(servers.redis_url)
        await client.flushdb()
        await client.aclose()

    asyncio.run(flush())
    return servers.redis_url


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client on an empty Valkey."""
    client = connect(redis_url)
    yield client
    await client.aclose()


def _fast_folder() -> str | None:
    shared_memory = Path("/dev/shm")
    if not (shared_memory.is_dir() and os.access(shared_memory, os.W_OK)):
        return "/tmp"
    found = os.statvfs(shared_memory)
    roomy = found.f_bavail * found.f_frsize > _ROOMY_BYTES and not found.f_flag & os.ST_NOEXEC
    return str(shared_memory) if roomy else "/tmp"


def _named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


async def _connect(url: str) -> asyncpg.Connection:
    parts = make_url(url)
    host = parts.query.get("host", parts.host)
    return await asyncpg.connect(
        host=host if isinstance(host, str) else None,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        database=parts.database,
    )


async def _execute(url: str, statement: str) -> None:
    await _with(url, lambda connection: connection.execute(statement))


async def _with(url: str, work: Callable[[asyncpg.Connection], Coroutine[Any, Any, Any]]) -> None:
    connection = await _connect(url)
    try:
        await work(connection)
    finally:
        await connection.close()


async def _migrate(url: str) -> None:
    await upgrade(url)
    await _with(url, _keep_reference_rows)


async def _keep_reference_rows(connection: asyncpg.Connection) -> None:
    """Copy the rows that the migrations themselves wrote, so that cleaning can bring them back."""
    await connection.execute("CREATE SCHEMA reference")
    for table in await _filled(connection, await _tables(connection)):
        await connection.execute(f'CREATE TABLE reference."{table}" AS TABLE public."{table}"')


async def _clean(url: str) -> None:
    await _with(url, _empty)


async def _empty(connection: asyncpg.Connection) -> None:
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '20s'")  # a test that left a transaction open is told so
        tables = await _filled(connection, await _tables(connection))
        if not tables:
            return
        names = ", ".join(f'public."{table}"' for table in tables)
        await connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        await connection.execute("SET LOCAL session_replication_role = replica")  # no triggers while rows come back
        for table in await _tables(connection, "reference"):
            await connection.execute(
                f'INSERT INTO public."{table}" OVERRIDING SYSTEM VALUE SELECT * FROM reference."{table}"'  # noqa: S608
            )


async def _tables(connection: asyncpg.Connection, schema: str = "public") -> list[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename <> 'alembic_version' ORDER BY 1"
    return [row[0] for row in await connection.fetch(query, schema)]


async def _filled(connection: asyncpg.Connection, tables: list[str]) -> list[str]:
    if not tables:
        return []
    query = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM public.\"{table}\")" for table in tables)  # noqa: S608
    return [row[0] for row in await connection.fetch(query)]
