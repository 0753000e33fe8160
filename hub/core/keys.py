"""API keys: how programs sign in.

Invariant: the key is shown once and stored as a SHA-256 digest; it carries a role, and a revoked key opens nothing.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core import audit
from hub.core.errors import Conflict, Invalid, NotFound
from hub.core.people import Role, api_key
from hub.core.sessions import digest_of

PREFIX = "tk_"


@dataclass(frozen=True, slots=True)
class Key:
    """One API key without its secret."""

    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


async def add_key(session: AsyncSession, name: str, role: Role, actor: str) -> str:
    """Make a key. Returns it; it cannot be read again. Raises Invalid, Conflict."""
    name = name.strip()
    if not 2 <= len(name) <= 60 or not name.isprintable():
        raise Invalid("A name has 2 to 60 characters.")
    key = PREFIX + secrets.token_urlsafe(32)
    try:
        async with session.begin_nested():
            await session.execute(insert(api_key).values(digest=digest_of(key), name=name, role=role.value))
    except IntegrityError as error:
        raise Conflict("There is already a key called %(name)s.", name=name) from error
    await audit.record(session, actor, "key.add", f"key:{name}", role=role.value)
    return key


async def find_key(session: AsyncSession, key: str) -> Key | None:
    """The valid key, or None."""
    row = (
        await session.execute(select(api_key).where(api_key.c.digest == digest_of(key), api_key.c.revoked_at.is_(None)))
    ).one_or_none()
    return Key(row.name, Role(row.role), row.created_at, None) if row else None


async def list_keys(session: AsyncSession) -> list[Key]:
    """All keys by name, the revoked ones too."""
    rows = await session.execute(select(api_key).order_by(api_key.c.name))
    return [Key(row.name, Role(row.role), row.created_at, row.revoked_at) for row in rows]


async def revoke_key(session: AsyncSession, name: str, actor: str) -> None:
    """Close a key for good. Raises NotFound."""
    result = await session.execute(
        update(api_key)
        .where(api_key.c.name == name, api_key.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(api_key.c.name)
    )
    if result.first() is None:
        raise NotFound("There is no valid key called %(name)s.", name=name)
    await audit.record(session, actor, "key.revoke", f"key:{name}")
