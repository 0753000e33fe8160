"""Cases about one order: opened where trouble is found, closed as soon as the order has got past it.

Invariant: the subject of a case about an order is `order:<id>`, so that a repeat counts up and whoever moves the order
on can end it.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.cases import CaseKind, cases, close_cases_of, open_case
from hub.core.money import ZERO
from orders.sales.lock import claim_key

_STOCK = (CaseKind.EXTERNAL_OVERSELL, CaseKind.SHORT_STOCK)


async def close_cases(session: AsyncSession, order_id: UUID, why: str, by: str = "hub") -> None:
    """The order no longer waits for units: end its cases about them."""
    await close_cases_for(session, [order_id], why, by)


async def close_cases_for(session: AsyncSession, order_ids: Collection[UUID], why: str, by: str = "hub") -> None:
    """The same for several orders; one question, and a statement only for those that have a case."""
    if not order_ids:
        return
    kinds = [kind.value for kind in _STOCK]
    query = select(cases.c.kind, cases.c.subject).where(
        cases.c.order_id.in_(order_ids), cases.c.state == "open", cases.c.kind.in_(kinds)
    )
    for row in (await session.execute(query.order_by(cases.c.id))).all():
        await close_cases_of(session, CaseKind(row.kind), row.subject, by, why)


async def open_late_cancel(session: AsyncSession, order: Row[Any], reason: str) -> None:
    """The buyer or a person cancelled after goods had left (or the channel shipped what was cancelled here)."""
    await open_case(
        session, CaseKind.LATE_CANCEL, claim_key(order.id),
        shop_id=order.shop_id, order_id=order.id, cost_at_risk=order.total or ZERO,
        number=order.number, reason=reason, state=order.state,
    )  # fmt: skip
