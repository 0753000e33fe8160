"""Brings a database to the present schema: forward only, one head, safe to run by several processes at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

_LOCK = 7_201_002  # pg advisory lock key: one migrator at a time
_HERE = Path(__file__).parent


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without an ini file."""
    configuration = Config()
    configuration.set_main_option("script_location", str(_HERE))
    configuration.attributes["connection"] = connection
    return configuration


async def upgrade(url: str, revision: str = "head") -> None:
    """Run all migrations up to `revision` on the database at `url` (postgresql+asyncpg://...)."""
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            await connection.execute(text("SET lock_timeout = '4s'"))  # a busy database must not stand still for us
            await connection.execute(text("SET statement_timeout = '5s'"))
            await connection.commit()
            await connection.run_sync(_upgrade, revision)
            await connection.commit()
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    command.upgrade(config(connection), revision)
