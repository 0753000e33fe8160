"""A full count of the orders of a shop, page by page: what the hub has, to be held against what the channel has.

Invariant: reads only; a page is one statement's moment, every order is on exactly one page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from orders.sales.lock import is_one_of
from orders.sales.tables import order_line, sales_order, shipment

MAX_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class CountedLine:
    """One line: what it sells at the channel, units wanted now, units that have left."""

    platform_sku: str
    qty: int
    qty_shipped: int


@dataclass(frozen=True, slots=True)
class CountedShipment:
    """One shipment; `told` = the channel knows it."""

    id: UUID
    waybill: str
    told: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """One order with its lines and shipments."""

    id: UUID
    shop_id: int
    external_id: str
    state: str
    state_reason: str | None
    cancel: bool
    lines: Sequence[CountedLine]
    shipments: Sequence[CountedShipment]


async def count_orders(session: AsyncSession, shop_id: int, after: str = "", limit: int = MAX_PAGE) -> list[Counted]:
    """The orders of a shop in the order of their external ids, starting after one; [] at the end."""
    orders = await session.execute(
        select(*[sales_order.c[name] for name in ("id", "shop_id", "external_id", "state", "state_reason", "cancel")])
        .where(sales_order.c.shop_id == shop_id, sales_order.c.external_id > after)
        .order_by(sales_order.c.external_id)
        .limit(min(limit, MAX_PAGE))
    )
    rows = orders.all()
    ids = [row.id for row in rows]
    lines = await session.execute(
        select(order_line).where(is_one_of(order_line.c.order_id, ids)).order_by(order_line.c.position)
    )
    shipments = await session.execute(
        select(shipment).where(is_one_of(shipment.c.order_id, ids)).order_by(shipment.c.shipped_at)
    )
    lines_of, shipments_of = _by_order(lines.all()), _by_order(shipments.all())
    return [
        Counted(
            row.id,
            row.shop_id,
            row.external_id,
            row.state,
            row.state_reason,
            row.cancel,
            [CountedLine(line.platform_sku, line.qty, line.qty_shipped) for line in lines_of.get(row.id, ())],
            [CountedShipment(one.id, one.waybill, one.told_at is not None) for one in shipments_of.get(row.id, ())],
        )
        for row in rows
    ]


def _by_order(rows: Sequence[Row[Any]]) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.order_id, []).append(row)
    return found
