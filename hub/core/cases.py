"""The exception queue: what cannot be decided automatically becomes a typed case with a clock and an end.

Invariant: at most one open case per (kind, subject); a repeat counts up instead of opening a twin. Opened by any step
in its own transaction. The moves that end each kind are offered by the console (hub.web) and run the ordinary verbs.
"""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.clock import utcnow
from hub.core.db import Amount, Instant, metadata
from hub.core.errors import Conflict


class CaseKind(StrEnum):
    """Every kind has a manual page, moves in the console, and an end."""

    UNMAPPED_LISTING = "unmapped_listing"
    EXTERNAL_OVERSELL = "external_oversell"
    SHORT_STOCK = "short_stock"
    REJECTED_PUSH = "rejected_push"
    REJECTED_SHIPMENT = "rejected_shipment"
    UNREADABLE_ORDER = "unreadable_order"
    STALE_FEED = "stale_feed"
    CREDENTIALS = "credentials"
    FORGED_WEBHOOK = "forged_webhook"
    LATE_CANCEL = "late_cancel"
    FROZEN_KEY = "frozen_key"
    FAILED_JOB = "failed_job"
    POSTING_BLOCKED = "posting_blocked"


SLA = {
    CaseKind.EXTERNAL_OVERSELL: timedelta(hours=2),
    CaseKind.LATE_CANCEL: timedelta(hours=2),
    CaseKind.CREDENTIALS: timedelta(hours=1),
    CaseKind.STALE_FEED: timedelta(hours=1),
    CaseKind.FROZEN_KEY: timedelta(hours=1),
}
DEFAULT_SLA = timedelta(hours=8)
_MOVE_LOCK = 7_201_020

cases = Table(
    "cases",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("shop_id", BigInteger, ForeignKey("shop.id")),
    Column("order_id", Uuid),
    Column("listing_id", BigInteger),
    Column("sku_id", BigInteger),
    Column("facts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("cost_at_risk", Amount, nullable=False, server_default=text("0")),
    Column("seen", Integer, nullable=False, server_default=text("1")),
    Column("owner", Text),
    Column("opened_at", Instant, nullable=False, server_default=func.now()),
    Column("last_seen_at", Instant, nullable=False, server_default=func.now()),
    Column("due_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Text),
    Column("resolution", Text),
    CheckConstraint("state IN ('open', 'closed')", name="state"),
    Index("uq_cases_open", "kind", "subject", unique=True, postgresql_where=text("state = 'open'")),
    Index("ix_cases_queue", "state", "due_at", "id"),
    Index("ix_cases_order", "order_id"),
)


async def open_case(
    session: AsyncSession,
    kind: CaseKind,
    subject: str,
    *,
    shop_id: int | None = None,
    order_id: UUID | None = None,
    listing_id: int | None = None,
    sku_id: int | None = None,
    cost_at_risk: Decimal = Decimal(0),
    **facts: Any,
) -> int:
    """Open a case, or count up the open one of the same kind and subject. Returns its id."""
    statement = insert(cases).values(
        kind=kind.value,
        subject=subject[:300],
        shop_id=shop_id,
        order_id=order_id,
        listing_id=listing_id,
        sku_id=sku_id,
        cost_at_risk=cost_at_risk,
        facts=facts,
        due_at=utcnow() + SLA.get(kind, DEFAULT_SLA),
    )
    result = await session.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject"],
            index_where=text("state = 'open'"),
            set_={"seen": cases.c.seen + 1, "last_seen_at": func.now(), "facts": statement.excluded.facts},
        ).returning(cases.c.id)
    )
    return int(result.scalar_one())


async def one_at_a_time(session: AsyncSession, case_id: int) -> None:
    """Wait until nobody else makes a move on this case. A lock of its own, because a move locks orders before cases."""
    await session.execute(select(func.pg_advisory_xact_lock(_MOVE_LOCK, func.hashint8(case_id))))


async def close_case(session: AsyncSession, case_id: int, by: str, resolution: str) -> None:
    """End a case. Raises Conflict when it has ended already."""
    result = await session.execute(
        update(cases)
        .where(cases.c.id == case_id, cases.c.state == "open")
        .values(state="closed", closed_at=func.now(), closed_by=by, resolution=resolution[:500])
        .returning(cases.c.id)
    )
    if result.scalar() is None:
        raise Conflict("This case has been closed already.")


async def close_cases_of(session: AsyncSession, kind: CaseKind, subject: str, by: str, resolution: str) -> int:
    """End the open case of this kind and subject, if there is one (the trouble went away). Returns how many."""
    result = await session.execute(
        update(cases)
        .where(cases.c.kind == kind.value, cases.c.subject == subject[:300], cases.c.state == "open")
        .values(state="closed", closed_at=func.now(), closed_by=by, resolution=resolution[:500])
        .returning(cases.c.id)
    )
    return len(result.all())
