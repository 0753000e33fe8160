"""People, their sessions and programs' API keys: the tables that authorisation reads, and the verbs on people.

Invariant: passwords are argon2 hashes, session tokens and API keys are stored only as SHA-256 digests; a session can be
revoked at any moment; sign-in attempts are counted per name and per address before a password is looked at. At least
one active admin always remains. Sessions live in sessions.py, API keys in keys.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core import audit, passwords
from hub.core.db import Instant, metadata
from hub.core.errors import Conflict, Invalid, NotFound, Refused

FIRST_ADMIN = "admin"


class Role(StrEnum):
    """What a person or a program is trusted with; hub.web.permissions says which acts each role may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    WAREHOUSE = "warehouse"
    FINANCE = "finance"
    ADMIN = "admin"


person = Table(
    "person",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("must_change", Boolean, nullable=False, server_default=text("false")),
    Column("language", Text, nullable=False, server_default=text("''")),
    Column("theme", Text, nullable=False, server_default=text("''")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("role IN ('viewer', 'operator', 'warehouse', 'finance', 'admin')", name="role"),
)

person_session = Table(
    "person_session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("person_id", BigInteger, ForeignKey("person.id"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("seen_at", Instant, nullable=False, server_default=func.now()),
    Column("expires_at", Instant, nullable=False),
    Column("agent", Text, nullable=False, server_default=text("''")),
    Index("ix_person_session_person", "person_id"),
)

sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),  # name:... or address:...
    Column("at", Instant, nullable=False, server_default=func.now()),
    Index("ix_sign_in_attempt_subject", "subject", "at"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("revoked_at", Instant),
    CheckConstraint("role IN ('viewer', 'operator', 'warehouse', 'finance', 'admin')", name="role"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One person without the password."""

    id: int
    name: str
    role: Role
    must_change: bool
    language: str
    """'' = as the browser asks"""
    theme: str
    """'' = as the system asks, else light or dark"""
    active: bool
    created_at: datetime


PERSON_COLUMNS = [person.c[name] for name in Person.__dataclass_fields__]


def to_person(fields: Mapping[Any, Any]) -> Person:
    """A row's mapping that holds PERSON_COLUMNS as a Person."""
    values = {name: fields[name] for name in Person.__dataclass_fields__}
    return Person(**{**values, "role": Role(values["role"])})


async def ensure_first_admin(session: AsyncSession) -> str | None:
    """Make the first admin when nobody exists yet. Returns its one-time password, or None when somebody exists."""
    await session.execute(text("LOCK TABLE person IN SHARE ROW EXCLUSIVE MODE"))
    if (await session.execute(select(person.c.id).limit(1))).scalar() is not None:
        return None
    return await add_person(session, FIRST_ADMIN, Role.ADMIN, actor="hub")


async def add_person(session: AsyncSession, name: str, role: Role, actor: str) -> str:
    """Add a person. Returns the one-time password. Raises Invalid, Conflict."""
    name = name.strip()
    if not 2 <= len(name) <= 60 or not name.isprintable():
        raise Invalid("A name has 2 to 60 characters.")
    password = passwords.one_time_password()
    hashed = await passwords.hash_password(password)
    try:
        async with session.begin_nested():
            await session.execute(
                insert(person).values(name=name, role=role.value, password_hash=hashed, must_change=True)
            )
    except IntegrityError as error:
        raise Conflict("There is already a person called %(name)s.", name=name) from error
    await audit.record(session, actor, "person.add", f"person:{name}", role=role.value)
    return password


async def list_people(session: AsyncSession) -> list[Person]:
    """Everybody, by name."""
    return [to_person(row._mapping) for row in await session.execute(select(*PERSON_COLUMNS).order_by(person.c.name))]


async def get_person(session: AsyncSession, person_id: int) -> Person:
    """One person. Raises NotFound."""
    row = (await session.execute(select(*PERSON_COLUMNS).where(person.c.id == person_id))).one_or_none()
    if row is None:
        raise NotFound("There is no such person.")
    return to_person(row._mapping)


async def set_role(session: AsyncSession, person_id: int, role: Role, actor: str) -> None:
    """Trust a person with more or less. Raises NotFound, Refused for the last admin."""
    found = await get_person(session, person_id)
    await session.execute(update(person).where(person.c.id == person_id).values(role=role.value))
    await _an_admin_remains(session)
    await audit.record(session, actor, "person.role", f"person:{found.name}", before=found.role, after=role.value)


async def set_active(session: AsyncSession, person_id: int, active: bool, actor: str) -> None:
    """Close or reopen an account; closing ends its sessions at once. Raises NotFound, Refused for the last admin."""
    found = await get_person(session, person_id)
    await session.execute(update(person).where(person.c.id == person_id).values(active=active))
    await _an_admin_remains(session)
    if not active:
        await session.execute(delete(person_session).where(person_session.c.person_id == person_id))
    await audit.record(session, actor, "person.open" if active else "person.close", f"person:{found.name}")


async def reset_password(session: AsyncSession, person_id: int, actor: str) -> str:
    """Give a new one-time password and end all sessions of the person. Returns it. Raises NotFound."""
    found = await get_person(session, person_id)
    password = passwords.one_time_password()
    await _store_password(session, found, password, must_change=True)
    await session.execute(delete(person_session).where(person_session.c.person_id == person_id))
    await audit.record(session, actor, "person.reset_password", f"person:{found.name}")
    return password


async def change_password(session: AsyncSession, person_id: int, old: str, new: str, keep: bytes | None) -> None:
    """A person changes the own password; all sessions but `keep` (a digest) end. Raises Invalid, NotFound."""
    found = await get_person(session, person_id)
    kept = (await session.execute(select(person.c.password_hash).where(person.c.id == person_id))).scalar_one()
    if not await passwords.matches(kept, old):
        raise Invalid("The present password is not right.")
    if old == new:
        raise Invalid("The new password must differ from the present one.")
    passwords.check_new(new, found.name)
    await _store_password(session, found, new, must_change=False)
    others = delete(person_session).where(person_session.c.person_id == person_id)
    await session.execute(others if keep is None else others.where(person_session.c.digest != keep))
    await audit.record(session, found.name, "person.change_password", f"person:{found.name}")


async def set_preferences(
    session: AsyncSession, person_id: int, *, language: str | None = None, theme: str | None = None
) -> None:
    """Keep language and theme with the person; None leaves as it is."""
    values = {"language": language, "theme": theme}
    chosen = {name: value for name, value in values.items() if value is not None}
    if chosen:
        await session.execute(update(person).where(person.c.id == person_id).values(**chosen))


async def _store_password(session: AsyncSession, found: Person, password: str, *, must_change: bool) -> None:
    hashed = await passwords.hash_password(password)
    await session.execute(
        update(person).where(person.c.id == found.id).values(password_hash=hashed, must_change=must_change)
    )


async def _an_admin_remains(session: AsyncSession) -> None:
    """Locks the admins' rows, so that two admins cannot close each other at the same moment."""
    admins = select(person.c.id).where(person.c.role == Role.ADMIN.value, person.c.active).with_for_update()
    if not (await session.execute(admins)).all():
        raise Refused("The last active admin stays: make another person admin first.")
