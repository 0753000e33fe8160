"""A marketplace sold more than we have: the case, with the facts that explain it.

Internal oversell cannot happen (no claim without a unit), so every backordered marketplace order was sold against a
number that we had published and that was too high by the time it was bought, or by a channel that ignores ours.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.kit.types import OrderStatus
from hub.core.cases import CaseKind, open_case
from hub.core.money import ZERO
from hub.core.shops import shop
from orders.sales.lock import claim_key, is_one_of
from orders.sales.tables import order_line, sales_order
from stockpool.tables import listing, sku

_GONE = {OrderStatus.SHIPPED, OrderStatus.COMPLETED}


async def open_oversell_cases(session: AsyncSession, missing: Mapping[UUID, Mapping[int, int]]) -> None:
    """One case per order. `missing`: order id -> sku id -> units that were not there."""
    if not missing:
        return
    lines: dict[UUID, dict[int, Row[Any]]] = {}
    for row in await session.execute(_evidence(list(missing))):
        lines.setdefault(row.order_id, {}).setdefault(row.sku_id, row)
    for order_id in sorted(missing):
        await _open(session, order_id, missing[order_id], lines.get(order_id, {}))


def _evidence(order_ids: list[UUID]) -> Any:
    return (
        select(
            sales_order.c.id.label("order_id"), sales_order.c.shop_id, sales_order.c.number, sales_order.c.placed_at,
            sales_order.c.recorded_at, sales_order.c.channel_status, sales_order.c.total, shop.c.cursor_at,
            order_line.c.sku_id, sku.c.code, listing.c.id.label("listing_id"), listing.c.sent_qty,
            listing.c.sent_version, listing.c.sent_at,
        )
        .join(order_line, order_line.c.order_id == sales_order.c.id)
        .join(shop, shop.c.id == sales_order.c.shop_id)
        .join(sku, sku.c.id == order_line.c.sku_id)
        .outerjoin(listing, listing.c.id == order_line.c.listing_id)
        .where(is_one_of(sales_order.c.id, order_ids))
        .order_by(sales_order.c.id, order_line.c.position)
    )  # fmt: skip


async def _open(
    session: AsyncSession, order_id: UUID, missing: Mapping[int, int], lines: Mapping[int, Row[Any]]
) -> None:
    order = next(iter(lines.values()))
    first = next((lines[sku_id] for sku_id in missing if sku_id in lines), order)
    await open_case(
        session, CaseKind.EXTERNAL_OVERSELL, claim_key(order_id),
        shop_id=order.shop_id, order_id=order_id, sku_id=first.sku_id, listing_id=first.listing_id,
        cost_at_risk=order.total or ZERO,
        number=order.number,
        units_missing=sum(missing.values()),
        skus=[_fact(lines[sku_id], units) for sku_id, units in missing.items() if sku_id in lines],
        placed_at=order.placed_at.isoformat(),
        recorded_at=order.recorded_at.isoformat(),
        pull_lag_seconds=_seconds(order.placed_at, order.recorded_at),
        feed_complete_to=order.cursor_at.isoformat(),
        shipped_at_channel=order.channel_status in _GONE,
    )  # fmt: skip


def _fact(line: Row[Any], units: int) -> dict[str, Any]:
    return {
        "sku_id": line.sku_id,
        "sku": line.code,
        "missing": units,
        "listing_id": line.listing_id,
        "published": line.sent_qty,
        "version": line.sent_version,
        "published_at": line.sent_at.isoformat() if line.sent_at else None,
    }


def _seconds(before: datetime, after: datetime) -> int:
    return max(0, round((after - before).total_seconds()))
