"""What order tests start from: a shop, Skus with stock, listings, and readings of channel orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from channels.kit.types import ChannelLine, ChannelOrder, OrderPage, OrderStatus
from hub.core.cases import cases
from hub.core.db import Database, Session
from hub.core.events import Event
from hub.core.outbox import claim, mark_handled
from hub.core.seal import Seal
from hub.core.shops import Shop, connect_shop, get_shop
from orders.sales.audit import check
from orders.sales.book import book_new
from orders.sales.ingest import Ingested, ingest_page
from orders.sales.refill import on_stock_received
from orders.sales.remap import on_claims_voided, on_listing_mapped
from orders.sales.tables import order_event, order_line, sales_order
from stockpool import audit as stock_audit
from stockpool.catalogue import add_sku, ensure_places
from stockpool.floor.receive import receive
from stockpool.offers.listings import FoundListing, register
from stockpool.tables import stock_level

SEAL = Seal("a test secret of some length")
T0 = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """One shop, and Skus by code, each with a listing P-<code>."""

    db: Database
    shop: Shop
    skus: Mapping[str, int]


async def a_world(db: Database, stock: Mapping[str, int], shop_name: str = "Tmall A") -> World:
    """A shop that sells these Skus; each has this much stock."""
    async with db.transaction() as session:
        await ensure_places(session)
        shop_id = await connect_shop(
            session, SEAL, kind="tmall", name=shop_name, base_url="http://127.0.0.1:1", credentials={}
        )
        skus = {code: await add_sku(session, code, f"Goods {code}") for code in stock}
        for code, units in stock.items():
            if units:
                await receive(
                    session, sku_id=skus[code], qty=units, unit_cost=Decimal("3.50"), reference="opening", actor="test"
                )
        await register(session, shop_id, [FoundListing(f"P-{code}", code, f"Goods {code}", {}, None) for code in stock])
        return World(db, await get_shop(session, shop_id), skus)


def line(code: str, qty: int = 1, *, line_id: str | None = None, price: str = "10.00", **more: Any) -> ChannelLine:
    """A line that buys units of a Sku by its listing."""
    values = {"qty_ordered": qty, "unit_price": Decimal(price), "sku": code, "platform_sku": f"P-{code}"} | more
    return ChannelLine(line_id=line_id or f"L-{code}", title=f"Goods {code}", qty=qty, **values)


def reading(
    external_id: str = "1001",
    lines: Sequence[ChannelLine] = (),
    *,
    status: OrderStatus = OrderStatus.TO_SHIP,
    version: int = 1,
    **more: Any,
) -> ChannelOrder:
    """One reading of an order; `version` seconds after T0 it was modified."""
    values: dict[str, Any] = {
        "number": external_id,
        "currency": "CNY",
        "total": None,
        "placed_at": T0 + timedelta(days=1),
        "paid_at": T0 + timedelta(days=1),
        "buyer": {"name": "Wang Xiaoming"},
        "ship_to": {"phone": "13800000000"},
    }
    modified_at = T0 + timedelta(days=1, seconds=version)
    return ChannelOrder(
        external_id=external_id, status=status, lines=tuple(lines), modified_at=modified_at, **(values | more)
    )


async def deliver(world: World, *orders: ChannelOrder, raw: bytes = b"") -> list[Ingested]:
    """The channel delivers one page."""
    async with world.db.transaction() as session:
        return await ingest_page(session, world.shop, OrderPage(orders=orders, raw=raw), SEAL)


async def book_all(db: Database) -> None:
    """Book until nothing waits."""
    while (await book_new(db, None)).taken:
        pass


async def serve_backorders(session: Session, event: Event) -> None:
    """One event's worth."""
    await on_stock_received(session, [event])


async def relay(db: Database) -> None:
    """Hand waiting events to the handlers of the orders."""
    handlers = {
        "listing.mapped": on_listing_mapped,
        "stock.claims_voided": on_claims_voided,
        "stock.received": serve_backorders,
        "stock.adjusted": serve_backorders,
    }
    async with db.transaction() as session:
        for outbox_id, event in await claim(session, 1000):
            if event.topic in handlers:
                await handlers[event.topic](session, event)
            await mark_handled(session, [outbox_id])


async def order(db: Database, order_id: UUID) -> Any:
    """The stored order."""
    async with db.transaction() as session:
        return (await session.execute(select(sales_order).where(sales_order.c.id == order_id))).one()


async def lines_of(db: Database, order_id: UUID) -> list[Any]:
    """Its lines."""
    async with db.transaction() as session:
        query = select(order_line).where(order_line.c.order_id == order_id).order_by(order_line.c.position)
        return list((await session.execute(query)).all())


async def entries_of(db: Database, order_id: UUID) -> list[str]:
    """The kinds of its diary's entries."""
    async with db.transaction() as session:
        query = select(order_event.c.kind).where(order_event.c.order_id == order_id).order_by(order_event.c.id)
        return list((await session.execute(query)).scalars())


async def open_cases(db: Database) -> list[Any]:
    """All open cases."""
    async with db.transaction() as session:
        return list((await session.execute(select(cases).where(cases.c.state == "open").order_by(cases.c.id))).all())


async def levels(db: Database, sku_id: int) -> tuple[int, int]:
    """(on hand, reserved) of a Sku."""
    async with db.transaction() as session:
        query = select(func.sum(stock_level.c.on_hand), func.sum(stock_level.c.reserved))
        row = (await session.execute(query.where(stock_level.c.sku_id == sku_id))).one()
        return int(row[0] or 0), int(row[1] or 0)


async def count(db: Database, table: Any) -> int:
    """Rows of a table."""
    async with db.transaction() as session:
        return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


async def all_is_well(db: Database) -> None:
    """No invariant of orders or stock is broken."""
    async with db.transaction() as session:
        assert await check(session) == []
        assert [one for one in await stock_audit.check(session) if one.invariant not in {"I8", "I9"}] == []
