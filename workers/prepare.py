"""What must be true before the first process starts: a fit database, the present schema, the reference data, an admin.

Invariant: safe to run at every start and by several processes at once; it only adds what is missing. Refuses a
PostgreSQL that may forget what it acknowledged: every promise of the hub stands on committed rows.
"""

from finance.setup import ensure_book
from hub.core import people
from hub.core.db import Database, Session
from hub.core.errors import NotFound
from hub.core.redis import connect
from hub.core.settings import Settings
from hub.migrations.run import upgrade
from stockpool.catalogue import ensure_places
from stockpool.claims.gate import refuse_unfit_server
from stockpool.preflight import refuse_forgetful_database


async def prepare_database(settings: Settings) -> str | None:
    """Check both servers, migrate, seed. Returns the one-time password of a first admin that was just made."""
    redis = connect(settings.gate())
    db = Database(settings.database(), pool_size=2)
    try:
        await refuse_unfit_server(redis)
        async with db.transaction() as session:
            await refuse_forgetful_database(session)
        await upgrade(settings.database())
        async with db.transaction() as session:
            return await _seed(session)
    finally:
        await redis.aclose()
        await db.close()


async def _seed(session: Session) -> str | None:
    await ensure_places(session)
    await ensure_book(session)
    return await people.ensure_first_admin(session)


async def add_person(settings: Settings, name: str, role: str) -> str:
    """Create a person; returns the one-time password."""
    db = Database(settings.database(), pool_size=2)
    try:
        async with db.transaction() as session:
            return await people.add_person(session, name, people.Role(role), actor="command line")
    finally:
        await db.close()


async def reset_person(settings: Settings, name: str) -> str:
    """A new one-time password; all sessions of the person end."""
    db = Database(settings.database(), pool_size=2)
    try:
        async with db.transaction() as session:
            found = [person for person in await people.list_people(session) if person.name == name]
            if not found:
                raise NotFound("There is no person called %(name)s.", name=name)
            return await people.reset_password(session, found[0].id, actor="command line")
    finally:
        await db.close()
