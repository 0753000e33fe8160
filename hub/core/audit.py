"""The audit trail: who did what to which subject, append-only and chained by hash.

Invariant: each row's hash covers the row and the hash before it, so an altered or removed row breaks the chain.
"""

import hashlib
import json
from typing import Any

from sqlalchemy import BigInteger, Column, Identity, Index, LargeBinary, Table, Text, func, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.clock import utcnow
from hub.core.db import Instant, metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_log_subject", "subject", "id"),
)

_CHAIN_LOCK = 7_201_001  # pg advisory lock key: one writer at a time keeps the chain linear


def row_hash(  # noqa: PLR0917 - the order is the order of the chain
    previous: bytes, at: str, actor: str, action: str, subject: str, detail: dict[str, Any]
) -> bytes:
    """SHA-256 over the previous hash and the row's canonical JSON."""
    body = json.dumps([at, actor, action, subject, detail], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(previous + body.encode()).digest()


async def record(session: AsyncSession, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Write one audit row in the caller's transaction. For acts of people and of repair, not for every order."""
    await session.execute(select(func.pg_advisory_xact_lock(_CHAIN_LOCK)))
    last = (await session.execute(select(audit_log.c.hash).order_by(audit_log.c.id.desc()).limit(1))).scalar()
    at = utcnow()
    plain = json.loads(json.dumps(detail, default=str))
    digest = row_hash(last or b"", at.isoformat(), actor, action, subject, plain)
    await session.execute(
        insert(audit_log).values(at=at, actor=actor, action=action, subject=subject, detail=plain, hash=digest)
    )


async def verify_chain(session: AsyncSession) -> int | None:
    """The id of the first row whose hash does not fit, or None when the whole chain holds."""
    previous = b""
    stream = await session.stream(select(audit_log).order_by(audit_log.c.id))
    async for row in stream:
        if row.hash != row_hash(previous, row.at.isoformat(), row.actor, row.action, row.subject, row.detail):
            return int(row.id)
        previous = row.hash
    return None
