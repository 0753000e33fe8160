"""Facts for the tests of the books: events as the other rooms tell them, and the rows that they stand on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from finance.tables import account, entry, voucher
from hub.core.db import Database
from hub.core.events import Event
from hub.core.shops import shop
from stockpool.tables import sku, stock_move, warehouse

AT = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """Ids of what every story needs."""

    book_id: int
    shop_id: int
    other_shop_id: int
    storage: int
    second_storage: int
    supplier: int
    customer: int
    adjustment: int
    skus: tuple[int, ...]


async def make_world(session: AsyncSession, book_id: int) -> World:
    """Two shops, five places, twenty SKUs."""
    shops = [await _one(session, shop, kind="sim", name=name, base_url="", credentials=b"") for name in ("Tmall", "JD")]
    kinds = {"MAIN": "storage", "EAST": "storage", "SUP": "supplier", "CUS": "customer", "ADJ": "adjustment"}
    places = [await _one(session, warehouse, code=code, name=code, kind=kind) for code, kind in kinds.items()]
    skus = [await _one(session, sku, code=f"SKU-{number}", name=f"Thing {number}") for number in range(20)]
    return World(book_id, *shops, *places, tuple(skus))


async def _one(session: AsyncSession, table: Any, **values: Any) -> int:
    return int((await session.execute(insert(table).values(**values).returning(table.c.id))).scalar_one())


def received(world: World, qty: int, unit_cost: str, sku_id: int | None = None, *, at: datetime = AT) -> Event:
    """stock.received"""
    payload = {
        "move_id": str(uuid4()),
        "sku_id": sku_id or world.skus[0],
        "warehouse_id": world.storage,
        "qty": qty,
        "unit_cost": unit_cost,
        "reference": "PO-1",
        "at": at.isoformat(),
    }
    return Event(uuid4(), "stock.received", payload, at)


def fulfilled(
    world: World,
    lines: Sequence[tuple[int, int, str]],
    *,
    at: datetime = AT,
    currency: str = "CNY",
    shop_id: int | None = None,
    order_id: UUID | None = None,
) -> Event:
    """order.fulfilled; lines are (sku_id, qty, amount)."""
    payload = {
        "order_id": str(order_id or uuid4()),
        "shipment_id": str(uuid4()),
        "shop_id": shop_id or world.shop_id,
        "external_id": "E-1",
        "number": "N-1",
        "currency": currency,
        "shipped_at": at.isoformat(),
        "paid_at": None,
        "lines": [
            {
                "line_id": str(uuid4()),
                "sku_id": sku_id,
                "qty": qty,
                "amount": amount,
                "move_id": str(uuid4()),
                "warehouse_id": world.storage,
                "title": "Thing",
            }
            for sku_id, qty, amount in lines
        ],
    }
    return Event(uuid4(), "order.fulfilled", payload, at)


def adjusted(world: World, delta: int, *, sku_id: int | None = None, at: datetime = AT, **more: Any) -> Event:
    """stock.adjusted"""
    payload = {
        "move_id": str(uuid4()),
        "sku_id": sku_id or world.skus[0],
        "warehouse_id": world.storage,
        "qty_delta": delta,
        "reason": "count",
        "at": at.isoformat(),
    }
    return Event(uuid4(), "stock.adjusted", payload | more, at)


async def book_moves(session: AsyncSession, world: World, event: Event) -> None:
    """The stock moves that the event tells of, as the floor writes them."""
    rows = event.payload["lines"] if event.topic == "order.fulfilled" else [event.payload]
    places = {"order.fulfilled": world.customer, "stock.received": world.supplier, "stock.adjusted": world.adjustment}
    outside = places[event.topic]
    for row in rows:
        delta = row.get("qty_delta", row.get("qty", 0) * (-1 if event.topic == "order.fulfilled" else 1))
        outside = {"order.fulfilled": world.customer, "stock.received": world.supplier}.get(
            event.topic, world.adjustment
        )
        ends = (row["warehouse_id"], outside) if delta < 0 else (outside, row["warehouse_id"])
        await session.execute(
            insert(stock_move).values(
                id=UUID(row["move_id"]),
                sku_id=row["sku_id"],
                from_id=ends[0],
                to_id=ends[1],
                qty=abs(delta),
                cause=event.topic,
                reference="test",
                actor="test",
            )
        )


async def vouchers(db: Database) -> list[Any]:
    """All vouchers by number."""
    async with db.transaction() as session:
        order = (voucher.c.period, voucher.c.word, voucher.c.number)
        return list((await session.execute(select(voucher).order_by(*order))).all())


async def entries_of(db: Database, voucher_id: UUID) -> list[tuple[str, Decimal, Decimal]]:
    """(account code, debit, credit) of each line."""
    async with db.transaction() as session:
        rows = await session.execute(
            select(account.c.code, entry.c.debit, entry.c.credit)
            .join(account, account.c.id == entry.c.account_id)
            .where(entry.c.voucher_id == voucher_id)
            .order_by(entry.c.line)
        )
        return [(row.code, row.debit, row.credit) for row in rows]
