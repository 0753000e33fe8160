"""Cuts the database connections of all other sessions, as a failing network or an impatient administrator would.

For fault runs on a database of their own. Invariant: our own session stays, and only this database is touched.
"""

from sqlalchemy import text

from hub.core.db import Database

_CUT = text(
    """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    """
)


async def cut_sessions(db: Database) -> int:
    """Returns how many sessions were ended."""
    async with db.transaction() as session:
        return int((await session.execute(_CUT)).scalar_one())
