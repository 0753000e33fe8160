"""Reads over the tables of the core, for the console and the metrics: cases, the audit trail, the outbox.

Invariant: reads only; every list is bounded.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.audit import audit_log
from hub.core.cases import CaseKind, cases
from hub.core.errors import NotFound
from hub.core.outbox import outbox

MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class Case:
    """One entry of the exception queue."""

    id: int
    kind: CaseKind
    subject: str
    state: str
    shop_id: int | None
    order_id: UUID | None
    listing_id: int | None
    sku_id: int | None
    facts: dict[str, Any]
    cost_at_risk: Decimal
    seen: int
    owner: str | None
    opened_at: datetime
    last_seen_at: datetime
    due_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    resolution: str | None


@dataclass(frozen=True, slots=True)
class CaseCount:
    """Open cases of one kind: how many, and what waiting may cost."""

    kind: CaseKind
    count: int
    cost_at_risk: Decimal
    overdue: int


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the audit trail."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The outbox: how many events wait, how long the oldest, how many of them have failed before."""

    count: int
    oldest_seconds: float | None
    given_up: int


_CASE_COLUMNS = [cases.c[name] for name in Case.__dataclass_fields__]


async def count_cases(session: AsyncSession) -> list[CaseCount]:
    """Open cases by kind, the costliest first."""
    cost = func.sum(cases.c.cost_at_risk)
    rows = await session.execute(
        select(cases.c.kind, func.count(), cost, func.count().filter(cases.c.due_at < func.now()))
        .where(cases.c.state == "open")
        .group_by(cases.c.kind)
        .order_by(cost.desc(), func.count().desc())
    )
    return [CaseCount(CaseKind(kind), count, cost_at_risk, overdue) for kind, count, cost_at_risk, overdue in rows]


async def list_cases(
    session: AsyncSession,
    *,
    state: str = "open",
    kind: CaseKind | None = None,
    shop_id: int | None = None,
    limit: int = 100,
) -> list[Case]:
    """The queue: overdue first, then by cost at risk, then by due time. Closed ones: the latest first."""
    query = select(*_CASE_COLUMNS).where(cases.c.state == state)
    if kind is not None:
        query = query.where(cases.c.kind == kind.value)
    if shop_id is not None:
        query = query.where(cases.c.shop_id == shop_id)
    if state == "open":
        overdue = case((cases.c.due_at < func.now(), 0), else_=1)
        query = query.order_by(overdue, cases.c.cost_at_risk.desc(), cases.c.due_at, cases.c.id)
    else:
        query = query.order_by(cases.c.closed_at.desc(), cases.c.id.desc())
    return await _cases(session, query.limit(min(limit, MAX_ROWS)))


async def page_cases(
    session: AsyncSession,
    *,
    state: str = "open",
    kind: CaseKind | None = None,
    shop_id: int | None = None,
    after: int = 0,
    limit: int = 50,
) -> list[Case]:
    """Cases in the order of their ids, starting after `after`: for readers that want every one exactly once."""
    query = select(*_CASE_COLUMNS).where(cases.c.state == state, cases.c.id > after).order_by(cases.c.id)
    if kind is not None:
        query = query.where(cases.c.kind == kind.value)
    if shop_id is not None:
        query = query.where(cases.c.shop_id == shop_id)
    return await _cases(session, query.limit(max(1, min(limit, MAX_ROWS))))


async def get_case(session: AsyncSession, case_id: int) -> Case:
    """One case. Raises NotFound."""
    found = await _cases(session, select(*_CASE_COLUMNS).where(cases.c.id == case_id))
    if not found:
        raise NotFound("There is no such case.")
    return found[0]


async def cases_of_order(session: AsyncSession, order_id: UUID) -> list[Case]:
    """All cases of one order, the latest first."""
    query = select(*_CASE_COLUMNS).where(cases.c.order_id == order_id).order_by(cases.c.id.desc())
    return await _cases(session, query.limit(MAX_ROWS))


async def own_case(session: AsyncSession, case_id: int, owner: str | None) -> None:
    """Say who is on it, or that nobody is. Raises NotFound."""
    result = await session.execute(
        update(cases).where(cases.c.id == case_id, cases.c.state == "open").values(owner=owner).returning(cases.c.id)
    )
    if result.scalar() is None:
        raise NotFound("There is no such open case.")


async def list_acts(
    session: AsyncSession, *, subject: str = "", before: int | None = None, limit: int = 100
) -> list[Act]:
    """The audit trail, the latest first; `before` is the id of the last row of the page before."""
    query = select(audit_log).order_by(audit_log.c.id.desc()).limit(min(limit, MAX_ROWS))
    if subject:
        query = query.where(audit_log.c.subject == subject)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    return [Act(row.id, row.at, row.actor, row.action, row.subject, row.detail) for row in await session.execute(query)]


async def waiting_events(session: AsyncSession) -> Waiting:
    """What lies in the outbox."""
    age = func.extract("epoch", func.now() - func.min(outbox.c.at))
    row = (
        await session.execute(
            select(func.count(), age, func.count().filter(outbox.c.attempts > 0)).where(outbox.c.handled_at.is_(None))
        )
    ).one()
    return Waiting(row[0], None if row[1] is None else float(row[1]), row[2])


async def count_opened_since(session: AsyncSession, kind: CaseKind, days: int) -> int:
    """Cases of one kind opened in the last `days` days, closed or not."""
    since = func.now() - timedelta(days=days)
    query = select(func.count()).where(cases.c.kind == kind.value, cases.c.opened_at >= since)
    return int((await session.execute(query)).scalar_one())


async def _cases(session: AsyncSession, query: Select[Any]) -> list[Case]:
    rows = await session.execute(query)
    return [Case(**{**row._mapping, "kind": CaseKind(row.kind)}) for row in rows]
