"""What tests of the stock pool start from: a pool with skus and stock, with or without a gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.db import Database
from hub.core.seal import Seal
from hub.core.shops import connect_shop
from stockpool.audit import check
from stockpool.catalogue import add_sku, default_warehouse, ensure_places
from stockpool.claims.gate import Gate
from stockpool.claims.rules import Ask, Line, Place
from stockpool.floor.receive import Receipt, receive_many
from stockpool.offers.listings import FoundListing, register
from stockpool.offers.publish import Refreshed, refresh
from stockpool.offers.waterfall import InFlight

COST = Decimal("2.50")


@dataclass(frozen=True)
class Pool:
    """Skus by code, all stock in the main warehouse."""

    db: Database
    main: int
    skus: Mapping[str, int]
    gate: Gate | None

    def __getitem__(self, code: str) -> int:
        return self.skus[code]

    def place(self, code: str) -> Place:
        """Where the stock of a sku is."""
        return self.skus[code], self.main

    def ask(self, key: str, *lines: tuple[str, int], attempt: int = 1) -> Ask:
        """A claim in the main warehouse; lines are named 1, 2, ..."""
        named = tuple(Line(str(at), self.skus[code], qty) for at, (code, qty) in enumerate(lines, start=1))
        return Ask(key, named, self.main, attempt)

    async def level(self, code: str) -> tuple[int, int]:
        """(on hand, reserved)."""
        rows = await self.rows("SELECT on_hand, reserved FROM stock_level WHERE sku_id = :sku", sku=self.skus[code])
        return rows[0] if rows else (0, 0)

    async def rows(self, statement: str, **values: object) -> list[Any]:
        """Run one statement in its own transaction."""
        async with self.db.transaction() as session:
            result = await session.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    async def one(self, statement: str, **values: object) -> Any:
        """The first figure of the first row."""
        return (await self.rows(statement, **values))[0][0]

    async def settled(self) -> None:
        """Assert that every number adds up."""
        async with self.db.transaction() as session:
            assert await check(session, self.gate) == []


async def a_pool(db: Database, stock: Mapping[str, int], gate: Gate | None = None) -> Pool:
    """Skus with this much stock. `gate` is laid into the database's sessions."""
    if gate is not None:
        db.info["gate"] = gate
        await gate.fence(db)
    async with db.transaction() as session:
        await ensure_places(session)
        main = await default_warehouse(session)
        skus = {code: await add_sku(session, code, f"Goods {code}") for code in stock}
        receipts = [Receipt(skus[code], units, COST, "opening", main) for code, units in stock.items() if units]
        await receive_many(session, receipts, "test")
    return Pool(db, main, skus, gate)


async def a_shop(pool: Pool, name: str = "Tmall A", *, buffer_units: int = 0, sells: Sequence[str] = ()) -> int:
    """A shop with a listing P-<code> for each sku it sells. Returns its id."""
    async with pool.db.transaction() as session:
        shop_id = await connect_shop(
            session,
            Seal("a test secret of some length"),
            kind="tmall",
            name=name,
            base_url="http://127.0.0.1:1",
            credentials={},
            buffer_units=buffer_units,
        )
        await register(session, shop_id, [FoundListing(f"P-{code}", code, f"Goods {code}") for code in sells])
    return shop_id


async def feed_is_read(pool: Pool, shop_id: int) -> None:
    """The shop's order feed has been read up to this moment."""
    await pool.rows("UPDATE shop SET cursor_at = clock_timestamp() WHERE id = :id", id=shop_id)


async def relay(pool: Pool, in_flight: InFlight | None = None) -> Refreshed:
    """One pass of publishing."""

    async def count(_session: AsyncSession, _sku_ids: Sequence[int]) -> InFlight:
        return in_flight or {}

    async with pool.db.transaction() as session:
        return await refresh(session, count)
