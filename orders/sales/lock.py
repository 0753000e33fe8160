"""Taking locks in the one order that everybody keeps: order rows by id, then stock rows by key.

Invariant: a transaction that will free or post the claims of several orders takes all their stock rows at once,
sorted, before it touches the first, so that two transactions can wait for each other but never in a circle. Marks in
`dirty` come after stock rows, cases last.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Text, Uuid, any_, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from orders.sales.errors import NoSuchOrder
from orders.sales.tables import sales_order
from stockpool.tables import reservation, resolution, stock_level


def claim_key(order_id: UUID) -> str:
    """The reservation key of an order."""
    return f"order:{order_id}"


def order_of(key: str) -> UUID | None:
    """The order behind a reservation key, None when the key is not an order's."""
    kind, _, order_id = key.partition(":")
    return UUID(order_id) if kind == "order" else None


def is_one_of(column: ColumnElement[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    """`column = ANY(array)`: one statement text however many ids."""
    return column == any_(literal(list(ids), ARRAY(Uuid())))


async def lock_order(session: AsyncSession, order_id: UUID) -> Row[Any]:
    """The order row, locked. Raises NoSuchOrder."""
    rows = await lock_orders(session, [order_id])
    if not rows:
        raise NoSuchOrder("There is no order %(order_id)s.", order_id=order_id)
    return rows[0]


async def lock_orders(session: AsyncSession, order_ids: Collection[UUID]) -> Sequence[Row[Any]]:
    """The order rows, locked in the order of their ids."""
    query = select(sales_order).where(is_one_of(sales_order.c.id, order_ids)).order_by(sales_order.c.id)
    return (await session.execute(query.with_for_update())).all()


async def lock_levels_of(session: AsyncSession, order_ids: Collection[UUID]) -> None:
    """Lock the stock rows under the open claims of these orders, in key order."""
    if not order_ids:
        return
    keys = literal([claim_key(order_id) for order_id in order_ids], ARRAY(Text()))
    claimed = (
        select(reservation.c.sku_id, reservation.c.warehouse_id)
        .outerjoin(resolution, resolution.c.reservation_id == reservation.c.id)
        .where(reservation.c.key == any_(keys), resolution.c.reservation_id.is_(None))
    )
    await session.execute(
        select(stock_level.c.sku_id)
        .where(tuple_(stock_level.c.sku_id, stock_level.c.warehouse_id).in_(claimed))
        .order_by(stock_level.c.sku_id, stock_level.c.warehouse_id)
        .with_for_update()
    )
