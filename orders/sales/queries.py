"""Reading orders: for the console, the offers (units in flight) and the other domains. Typed rows, keyset pages.

Invariant: nothing here writes; buyer data leaves only through `open_private`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    any_,
    func,
    literal,
    or_,
    select,
    tuple_,
    union,
)
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.errors import NotFound
from hub.core.seal import Seal
from hub.core.shops import shop
from orders.sales.errors import NoSuchOrder
from orders.sales.figures import (
    Lag,
    Minute,
    counts,
    lag,
    oldest_new_age,
    orders_per_minute,
)
from orders.sales.lifecycle import IN_FLIGHT, State
from orders.sales.lock import claim_key, is_one_of
from orders.sales.tables import order_event, order_line, sales_order, shipment
from stockpool.tables import reservation, resolution, sku

__all__ = [
    "Lag", "LineRow", "Minute", "OrderDetail", "OrderFilter", "OrderPage", "OrderRow", "Position", "ShipmentRow",
    "TimelineRow", "counts", "in_flight", "lag", "list_orders", "oldest_new_age", "open_private", "open_units",
    "order_detail", "orders_of_waybill", "orders_per_minute", "ready_to_ship", "timeline",
]  # fmt: skip

MAX_PAGE = 200
Position = tuple[datetime, UUID]
"""where a page ended: (placed_at, id)"""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What to list, by placed_at. `text` meets external id or number (from their beginning) or a whole Sku code."""

    states: Collection[str] = ()
    shop_id: int | None = None
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order in a list."""

    id: UUID
    shop_id: int
    shop_name: str
    external_id: str
    number: str
    state: str
    state_reason: str | None
    channel_status: str
    cancel: bool
    claimed: bool
    attempt: int
    currency: str
    total: Decimal | None
    shipping: Decimal
    units: int
    placed_at: datetime
    paid_at: datetime | None
    modified_at: datetime
    recorded_at: datetime
    decided_at: datetime | None
    shipped_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Newest first; `next` is None on the last page."""

    rows: Sequence[OrderRow]
    next: Position | None


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line. `reserved` = units of it that are claimed now."""

    id: UUID
    external_line_id: str
    position: int
    listing_id: int | None
    sku_id: int | None
    sku_code: str | None
    sku_name: str | None
    platform_sku: str
    channel_sku: str | None
    title: str
    qty: int
    qty_ordered: int
    qty_shipped: int
    reserved: int
    unit_price: Decimal
    discount: Decimal
    tax: Decimal
    shipping_share: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ShipmentRow:
    """One shipment; told_at None = the channel does not know it yet."""

    id: UUID
    carrier: str
    waybill: str
    actor: str
    shipped_at: datetime
    told_at: datetime | None
    tell_attempts: int
    tell_error: str | None
    lines: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class OrderDetail:
    """One order with all that belongs to it but its diary."""

    order: OrderRow
    lines: Sequence[LineRow]
    shipments: Sequence[ShipmentRow]


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One entry of the diary."""

    at: datetime
    kind: str
    actor: str
    facts: Mapping[str, Any]


async def list_orders(
    session: AsyncSession, wanted: OrderFilter, after: Position | None = None, limit: int = 50
) -> OrderPage:
    """A page of orders, newest first."""
    limit = max(1, min(limit, MAX_PAGE))
    query = _orders().where(*_conditions(wanted)).order_by(sales_order.c.placed_at.desc(), sales_order.c.id.desc())
    if after is not None:
        query = query.where(tuple_(sales_order.c.placed_at, sales_order.c.id) < tuple_(*map(literal, after)))
    rows = [OrderRow(**row._mapping) for row in await session.execute(query.limit(limit + 1))]
    more = len(rows) > limit
    rows = rows[:limit]
    return OrderPage(rows, (rows[-1].placed_at, rows[-1].id) if more else None)


async def order_detail(session: AsyncSession, order_id: UUID) -> OrderDetail:
    """One order. Raises NoSuchOrder."""
    order = (await session.execute(_orders().where(sales_order.c.id == order_id))).one_or_none()
    if order is None:
        raise NoSuchOrder("There is no order %(order_id)s.", order_id=order_id)
    reserved = (await open_units(session, [order_id])).get(order_id, {})
    names = [name for name in LineRow.__dataclass_fields__ if name not in {"sku_code", "sku_name", "reserved"}]
    lines = await session.execute(
        select(*[order_line.c[name] for name in names], sku.c.code.label("sku_code"), sku.c.name.label("sku_name"))
        .outerjoin(sku, sku.c.id == order_line.c.sku_id)
        .where(order_line.c.order_id == order_id)
        .order_by(order_line.c.position, order_line.c.id)
    )
    shipments = await session.execute(
        select(*[shipment.c[name] for name in ShipmentRow.__dataclass_fields__])
        .where(shipment.c.order_id == order_id)
        .order_by(shipment.c.shipped_at, shipment.c.id)
    )
    return OrderDetail(
        OrderRow(**order._mapping),
        [LineRow(**line._mapping, reserved=reserved.get(str(line.id), 0)) for line in lines],
        [ShipmentRow(**row._mapping) for row in shipments],
    )


async def timeline(session: AsyncSession, order_id: UUID, limit: int = 200) -> list[TimelineRow]:
    """The order's diary, oldest first; of a very long one the newest `limit` entries."""
    columns = [order_event.c[name] for name in TimelineRow.__dataclass_fields__]
    query = select(*columns).where(order_event.c.order_id == order_id).order_by(order_event.c.id.desc()).limit(limit)
    return [TimelineRow(**row._mapping) for row in await session.execute(query)][::-1]


async def open_private(session: AsyncSession, seal: Seal, order_id: UUID) -> dict[str, Any]:
    """Buyer and address in clear, {} when there are none. Only for roles that may see them; log the look."""
    row = (await session.execute(select(sales_order.c.private).where(sales_order.c.id == order_id))).one_or_none()
    if row is None:
        raise NotFound("There is no order %(order_id)s.", order_id=order_id)
    opened: dict[str, Any] = seal.open_json(row.private) if row.private else {}
    return opened


async def ready_to_ship(session: AsyncSession, *, older_than_seconds: float = 0, limit: int = 100) -> list[UUID]:
    """Reserved orders whose units have been claimed for at least so long, oldest first."""
    query = (
        select(sales_order.c.id)
        .where(
            sales_order.c.state == State.RESERVED.value,
            sales_order.c.decided_at <= func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_than_seconds),
        )
        .order_by(sales_order.c.placed_at, sales_order.c.id)
        .limit(limit)
    )
    return list((await session.execute(query)).scalars())


async def in_flight(session: AsyncSession, sku_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """Units in orders known to exist on a channel and not yet reserved here: (sku id, shop id) -> units."""
    waiting = (
        select(sales_order.c.id, sales_order.c.shop_id)
        .where(
            or_(
                sales_order.c.state.in_(sorted(state.value for state in IN_FLIGHT)),
                (sales_order.c.state == State.HELD.value) & sales_order.c.claimed.is_(False),
            )
        )
        .cte("waiting")
        .prefix_with("MATERIALIZED")  # few orders wait; a Sku may have years of lines
    )
    units = func.sum(order_line.c.qty - order_line.c.qty_shipped)
    query = (
        select(order_line.c.sku_id, waiting.c.shop_id, units)
        .join(waiting, waiting.c.id == order_line.c.order_id)
        .where(
            order_line.c.sku_id == any_(literal(list(sku_ids), ARRAY(BigInteger()))),
            order_line.c.qty > order_line.c.qty_shipped,
        )
        .group_by(order_line.c.sku_id, waiting.c.shop_id)
    )
    return {(sku_id, shop_id): int(total) for sku_id, shop_id, total in await session.execute(query)}


async def open_units(session: AsyncSession, order_ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """What these orders hold in the pool: order id -> line id as text -> units. Orders without claims are absent."""
    owners = {claim_key(order_id): order_id for order_id in order_ids}
    rows = await session.execute(
        select(reservation.c.key, reservation.c.line, func.sum(reservation.c.qty).label("units"))
        .outerjoin(resolution, resolution.c.reservation_id == reservation.c.id)
        .where(reservation.c.key == any_(literal(list(owners), ARRAY(Text()))), resolution.c.reservation_id.is_(None))
        .group_by(reservation.c.key, reservation.c.line)
    )
    held: dict[UUID, dict[str, int]] = {}
    for row in rows:
        held.setdefault(owners[row.key], {})[row.line] = int(row.units)
    return held


def _orders() -> Select[Any]:
    names = [name for name in OrderRow.__dataclass_fields__ if name != "shop_name"]
    return select(*[sales_order.c[name] for name in names], shop.c.name.label("shop_name")).join(
        shop, shop.c.id == sales_order.c.shop_id
    )


def _conditions(wanted: OrderFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.states:
        found.append(sales_order.c.state.in_(sorted(wanted.states)))
    if wanted.shop_id is not None:
        found.append(sales_order.c.shop_id == wanted.shop_id)
    if wanted.since is not None:
        found.append(sales_order.c.placed_at >= wanted.since)
    if wanted.until is not None:
        found.append(sales_order.c.placed_at < wanted.until)
    if text := wanted.text.strip().replace("\x00", "")[:200]:
        found.append(sales_order.c.id.in_(_matching(text)))
    return found


def _matching(text: str) -> Any:
    """Ids of orders whose external id or number begins with the text, or that hold a Sku with this code."""
    numbers = [text, f"#{text}"]  # some channels write their numbers with a #
    by_id = select(sales_order.c.id).where(sales_order.c.external_id.startswith(text, autoescape=True))
    by_number = select(sales_order.c.id).where(
        or_(*[sales_order.c.number.startswith(number, autoescape=True) for number in numbers])
    )
    by_sku = select(order_line.c.order_id).join(sku, sku.c.id == order_line.c.sku_id).where(sku.c.code == text)
    by_id_or_sku = union(by_id, by_number, by_sku, *_by_own_id(text)).subquery()
    return select(by_id_or_sku.c[0])


def _by_own_id(text: str) -> list[Select[Any]]:
    try:
        own = UUID(text)
    except ValueError:
        return []
    return [select(sales_order.c.id).where(is_one_of(sales_order.c.id, [own]))]


async def orders_of_waybill(session: AsyncSession, waybill: str, limit: int = 20) -> list[OrderRow]:
    """Orders of which something left under this waybill, newest first."""
    parcels = select(shipment.c.order_id).where(shipment.c.waybill == waybill.strip()[:100].replace("\x00", ""))
    query = _orders().where(sales_order.c.id.in_(parcels)).order_by(sales_order.c.placed_at.desc(), sales_order.c.id)
    return [OrderRow(**row._mapping) for row in await session.execute(query.limit(max(1, min(limit, MAX_PAGE))))]
