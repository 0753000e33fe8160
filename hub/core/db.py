"""The one door to PostgreSQL: the metadata that all tables hang on, and transactions that edges open.

Invariant: domain code receives an `AsyncSession` and never commits; `Database.transaction()` commits once at the edge
and only then runs what was put off by `after_commit` (bells, gate settles): nothing acts on a row that is not
committed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from sqlalchemy import DateTime, MetaData, Numeric, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from hub.core.log import get_logger

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = DateTime(timezone=True)
Amount = Numeric(18, 2)
UnitAmount = Numeric(18, 6)

_AWAY = ("08", "57P", "53300")  # broken, shutting down or starting up, no connection left

log = get_logger(__name__)
Session = AsyncSession
Afterwards = Callable[[], Awaitable[None]]


def after_commit(session: AsyncSession, action: Afterwards) -> None:
    """Put `action` off until the edge has committed; dropped on rollback. It must be safe to lose: a sweeper
    repairs.
    """
    session.info.setdefault("after_commit", []).append(action)


class Database:
    """A pool of connections. `info` is laid into every session (e.g. the reservation gate)."""

    def __init__(self, url: str, *, info: Mapping[str, object] | None = None, pool_size: int = 10) -> None:
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            hide_parameters=True,  # an error text with its parameters would carry buyer data into the log
            pool_timeout=10,
            connect_args={"timeout": 5, "command_timeout": 60, "server_settings": {"timezone": "UTC"}},
        )
        self.info = dict(info or {})

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end of the block, rolled back on any exception."""
        async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
            session.info.update(self.info)
            async with session.begin():
                yield session
            await _run_afterwards(session)

    async def ping(self) -> None:
        """Raises when the database does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


async def _run_afterwards(session: AsyncSession) -> None:
    for action in session.info.pop("after_commit", []):
        try:
            await action()
        except Exception as error:  # the transaction stands; whatever was put off is repaired by the sweeper
            log.warning("after_commit_failed", error=type(error).__name__, detail=str(error)[:200])


def is_connection_trouble(error: BaseException) -> bool:
    """True when the database went away in the middle: the outcome is unknown and the work must be driven again."""
    return isinstance(error, OSError | TimeoutError) or (
        isinstance(error, DBAPIError)
        and (
            error.connection_invalidated
            or str(getattr(error.orig, "sqlstate", "") or "").startswith(_AWAY)
            or "connection" in str(error.orig).lower()
        )
    )
