"""Telling channels what has left: once, again after trouble with growing pauses, and a case when they refuse for good.

Invariant: a shipment stays on the work list (told_at IS NULL) until the channel knows it or a person has said so; the
call itself happens at the edge, between two transactions; adapters treat "already shipped" as told.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, literal_column, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.kit.types import ShipmentLine, ShipmentNotice
from hub.core.cases import CaseKind, close_cases_of, open_case
from hub.core.shops import Shop, ShopState, list_shops
from orders.sales.tables import sales_order, shipment
from orders.sales.timeline import Entry, note

_LEASE = text("interval '60 seconds'")
_LONGEST_PAUSE = timedelta(minutes=10)
PATIENCE = 8
"""tries after which a person is told; the tries go on"""


def subject_of(shipment_id: UUID) -> str:
    """The subject of the case about a shipment that its channel refuses."""
    return f"shipment:{shipment_id}"


async def claim_untold(session: AsyncSession, limit: int) -> list[tuple[Shop, ShipmentNotice]]:
    """Lease shipments that their channels do not know yet, oldest first; answer each by record_told.

    `notice.shipment_key` is the shipment's id. Shops that are paused or stopped wait.
    """
    shops = {shop.id: shop for shop in await list_shops(session, state=ShopState.ACTIVE)}
    due = (
        select(shipment.c.id)
        .where(shipment.c.told_at.is_(None), shipment.c.next_tell_at <= func.now(), shipment.c.shop_id.in_(shops))
        .order_by(shipment.c.next_tell_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    leased = update(shipment).where(shipment.c.id.in_(due)).values(next_tell_at=func.now() + _LEASE)
    leased_rows = leased.returning(*shipment.c).cte("leased")
    rows = await session.execute(
        select(leased_rows, sales_order.c.external_id)
        .join(sales_order, sales_order.c.id == leased_rows.c.order_id)
        .order_by(leased_rows.c.shipped_at, leased_rows.c.id)
    )
    return [(shops[row.shop_id], _notice(row)) for row in rows]


async def record_told(
    session: AsyncSession, shipment_id: UUID | str, error: str | None = None, give_up: bool = False
) -> None:
    """The channel's answer: no error = it knows; an error = try again later; give_up = only a person can mend it."""
    found = select(shipment).where(shipment.c.id == UUID(str(shipment_id)))
    row = (await session.execute(found.with_for_update())).one_or_none()
    if row is None or row.told_at is not None:
        return
    if error is None:
        await mark_told(session, row, "hub", "the channel knows it now")
        return
    attempts = row.tell_attempts + 1
    pause = min(timedelta(seconds=2 ** min(attempts, 20)), _LONGEST_PAUSE)
    await session.execute(
        update(shipment)
        .where(shipment.c.id == row.id)
        .values(
            tell_attempts=attempts,
            tell_error=error[:500],
            next_tell_at=literal_column("'infinity'::timestamptz") if give_up else func.now() + pause,
        )
    )
    if give_up or attempts == PATIENCE:
        await _open_case(session, row, error, attempts, give_up=give_up)


async def mark_told(session: AsyncSession, row: Row[Any], actor: str, why: str) -> None:
    """Take a shipment off the list and end its case."""
    await session.execute(
        update(shipment).where(shipment.c.id == row.id).values(told_at=func.clock_timestamp(), tell_error=None)
    )
    await close_cases_of(session, CaseKind.REJECTED_SHIPMENT, subject_of(row.id), actor, why)
    await note(session, [Entry(row.order_id, "told", actor, {"shipment_id": str(row.id), "why": why})])


def _notice(row: Row[Any]) -> ShipmentNotice:
    return ShipmentNotice(
        order_id=row.external_id,
        shipment_key=str(row.id),
        carrier=row.carrier,
        waybill=row.waybill,
        lines=tuple(
            ShipmentLine(line_id=line["external_line_id"], platform_sku=line["platform_sku"], quantity=line["qty"])
            for line in row.lines
        ),
        shipped_at=row.shipped_at,
    )


async def _open_case(session: AsyncSession, row: Row[Any], error: str, attempts: int, *, give_up: bool) -> None:
    await note(session, [Entry(row.order_id, "tell_refused", facts={"error": error[:300], "attempts": attempts})])
    await open_case(
        session, CaseKind.REJECTED_SHIPMENT, subject_of(row.id),
        shop_id=row.shop_id, order_id=row.order_id, shipment_id=str(row.id), waybill=row.waybill,
        error=error[:500], attempts=attempts, goes_on=not give_up,
    )  # fmt: skip
