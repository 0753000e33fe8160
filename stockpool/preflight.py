"""Looks at PostgreSQL before anything is promised on it.

Invariant: the hub refuses a database that may forget a committed transaction, because every promise is a committed row.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stockpool.errors import UnfitServer

_SETTINGS = text(
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
)
_FORGETFUL = {"fsync": {"off"}, "full_page_writes": {"off"}, "synchronous_commit": {"off", "local"}}


async def refuse_forgetful_database(session: AsyncSession) -> None:
    """Raises UnfitServer when fsync or full_page_writes is off, or synchronous_commit is off or local."""
    for name, setting in (await session.execute(_SETTINGS)).all():
        if setting in _FORGETFUL[name]:
            raise UnfitServer("PostgreSQL runs with %(name)s = %(setting)s and may forget.", name=name, setting=setting)
