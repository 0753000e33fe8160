"""Sign-in and server-side sessions.

Invariant: the browser holds a random token, the table only its SHA-256 digest; a session ends after SESSION_HOURS,
after IDLE_HOURS without a request, by sign-out, by revocation or with the account. Attempts are counted before the
password is looked at; the count and the check are two transactions, so that a refused attempt still counts.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core import audit, passwords
from hub.core.errors import NotFound, Refused
from hub.core.people import PERSON_COLUMNS, Person, person, person_session, sign_in_attempt, to_person

SESSION_HOURS = 7 * 24
IDLE_HOURS = 24
PER_NAME_PER_MINUTE = 5
PER_ADDRESS_PER_MINUTE = 30
MAX_SESSIONS_PER_PERSON = 50
_WINDOW = text("interval '1 minute'")
_THROTTLE_LOCK = 7_201_010


class TooManyAttempts(Refused):
    """Wait a minute before the next attempt."""

    code = "too_many_attempts"
    status = 429


class SignInRefused(Refused):
    """Name or password is wrong; which of the two is not told."""

    code = "sign_in_refused"
    status = 401


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. `token` goes into the cookie and is kept nowhere else."""

    token: str
    person: Person
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """A live session: who asks, and the token that the forms of this session carry."""

    digest: bytes
    csrf: str
    person: Person


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One row of the list of sessions. `handle` names it in forms; it is no token."""

    handle: str
    agent: str
    created_at: datetime
    seen_at: datetime


def digest_of(token: str) -> bytes:
    """What the tables keep of a token or key."""
    return hashlib.sha256(token.encode()).digest()


async def count_attempt(session: AsyncSession, name: str, address: str) -> None:
    """Count this attempt. Raises TooManyAttempts (then nothing more is counted)."""
    await session.execute(select(func.pg_advisory_xact_lock(_THROTTLE_LOCK)))
    await session.execute(delete(sign_in_attempt).where(sign_in_attempt.c.at < func.now() - text("interval '1 hour'")))
    limits = {
        f"name:{name.strip().lower()[:60]}": PER_NAME_PER_MINUTE,
        f"address:{address[:60]}": PER_ADDRESS_PER_MINUTE,
    }
    recent = select(sign_in_attempt.c.subject, func.count()).where(
        sign_in_attempt.c.subject.in_(limits), sign_in_attempt.c.at > func.now() - _WINDOW
    )
    rows = await session.execute(recent.group_by(sign_in_attempt.c.subject))
    counts = {row[0]: row[1] for row in rows}
    if any(counts.get(subject, 0) >= limit for subject, limit in limits.items()):
        raise TooManyAttempts("Too many attempts. Wait a minute and try again.")
    await session.execute(insert(sign_in_attempt), [{"subject": subject} for subject in limits])


async def sign_in(session: AsyncSession, name: str, password: str, agent: str) -> SignedIn:
    """Check name and password and open a session. Call `count_attempt` first. Raises SignInRefused."""
    row = (
        await session.execute(select(*PERSON_COLUMNS, person.c.password_hash).where(person.c.name == name.strip()))
    ).one_or_none()
    fits = await passwords.matches(row.password_hash if row else None, password)
    if row is None or not fits or not row.active:
        raise SignInRefused("The name or the password is not right.")
    found = to_person(row._mapping)
    await session.execute(
        delete(sign_in_attempt).where(sign_in_attempt.c.subject == f"name:{name.strip().lower()[:60]}")
    )
    return await _open(session, found, agent)


async def _open(session: AsyncSession, found: Person, agent: str) -> SignedIn:
    token = secrets.token_urlsafe(32)
    expires = func.now() + text(f"interval '{SESSION_HOURS} hours'")
    await session.execute(delete(person_session).where(person_session.c.expires_at < func.now()))
    result = await session.execute(
        insert(person_session)
        .values(
            digest=digest_of(token),
            person_id=found.id,
            csrf=secrets.token_urlsafe(24),
            expires_at=expires,
            agent=agent[:200],
        )
        .returning(person_session.c.expires_at)
    )
    await audit.record(session, found.name, "person.sign_in", f"person:{found.name}")
    return SignedIn(token, found, result.scalar_one())


async def find_visit(session: AsyncSession, token: str) -> Visit | None:
    """The live session of this token, or None. Notes at most once a minute that it was seen."""
    digest = digest_of(token)
    row = (
        await session.execute(
            select(*PERSON_COLUMNS, person_session.c.csrf, person_session.c.seen_at, func.now().label("now"))
            .join(person_session, person_session.c.person_id == person.c.id)
            .where(
                person_session.c.digest == digest,
                person_session.c.expires_at > func.now(),
                person_session.c.seen_at > func.now() - text(f"interval '{IDLE_HOURS} hours'"),
                person.c.active,
            )
        )
    ).one_or_none()
    if row is None:
        return None
    if row.now - row.seen_at > timedelta(minutes=1):
        await session.execute(
            update(person_session).where(person_session.c.digest == digest).values(seen_at=func.now())
        )
    return Visit(digest, row.csrf, to_person(row._mapping))


async def sign_out(session: AsyncSession, visit: Visit) -> None:
    """End this session."""
    await session.execute(delete(person_session).where(person_session.c.digest == visit.digest))
    await audit.record(session, visit.person.name, "person.sign_out", f"person:{visit.person.name}")


async def list_sessions(session: AsyncSession, person_id: int) -> list[OpenSession]:
    """The open sessions of one person, the latest seen first."""
    rows = await session.execute(
        select(person_session)
        .where(person_session.c.person_id == person_id, person_session.c.expires_at > func.now())
        .order_by(person_session.c.seen_at.desc())
        .limit(MAX_SESSIONS_PER_PERSON)
    )
    return [OpenSession(row.digest.hex()[:16], row.agent, row.created_at, row.seen_at) for row in rows]


async def revoke(session: AsyncSession, person_id: int, handle: str, actor: str) -> None:
    """End one session of a person by its handle. Raises NotFound."""
    result = await session.execute(
        delete(person_session)
        .where(
            person_session.c.person_id == person_id,
            func.left(func.encode(person_session.c.digest, "hex"), 16) == handle,
        )
        .returning(person_session.c.person_id)
    )
    if result.first() is None:
        raise NotFound("This session has ended already.")
    await audit.record(session, actor, "person.revoke_session", f"person_id:{person_id}", handle=handle)
