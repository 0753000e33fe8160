"""Skus and places: what can be stocked, and where.

Invariant: a sku's id never changes, its code is unique; the virtual places that goods come from and go to always exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.errors import Invalid
from stockpool.tables import warehouse

MAIN, SUPPLIER, CUSTOMER, ADJUSTMENT = "MAIN", "SUPPLIER", "CUSTOMER", "ADJUSTMENT"
_PLACES = {
    MAIN: ("Main warehouse", "storage"),
    SUPPLIER: ("Suppliers", "supplier"),
    CUSTOMER: ("Customers", "customer"),
    ADJUSTMENT: ("Adjustments", "adjustment"),
}
_LONGEST_CODE = 200
_LONGEST_NAME = 500

_ADD = text(
    """
    INSERT INTO sku (code, name, barcode)
    SELECT code, name, barcode FROM unnest(CAST(:codes AS text[]), CAST(:names AS text[]), CAST(:barcodes AS text[]))
           AS added(code, name, barcode)
    ON CONFLICT (code) DO NOTHING
    """
)
_IDS = text("SELECT code, id FROM sku WHERE code = ANY(CAST(:codes AS text[]))")


@dataclass(frozen=True, slots=True)
class NewSku:
    """A sku to be added; `code` is the merchant's own."""

    code: str
    name: str
    barcode: str | None = None


async def add_sku(session: AsyncSession, code: str, name: str, barcode: str | None = None) -> int:
    """Add one sku, or find the one with this code. Returns its id. Raises Invalid."""
    return (await add_skus(session, [NewSku(code, name, barcode)]))[code]


async def add_skus(session: AsyncSession, skus: Sequence[NewSku]) -> dict[str, int]:
    """Add many skus with one statement; those that exist stay as they are. Returns code -> id. Raises Invalid."""
    for sku in skus:
        if not 1 <= len(sku.code) <= _LONGEST_CODE or sku.code != sku.code.strip():
            raise Invalid("A SKU code has between 1 and 200 characters and no blanks around it.")
        if len(sku.name) > _LONGEST_NAME:
            raise Invalid("A SKU name has at most 500 characters.")
    wanted = list({sku.code: sku for sku in reversed(skus)}.values())  # of two with one code the first counts
    codes = [sku.code for sku in wanted]
    await session.execute(
        _ADD, {"codes": codes, "names": [sku.name for sku in wanted], "barcodes": [sku.barcode for sku in wanted]}
    )
    return {row.code: row.id for row in await session.execute(_IDS, {"codes": codes})}


async def add_warehouse(session: AsyncSession, code: str, name: str, kind: str = "storage") -> int:
    """Add a place, or find the one with this code. Returns its id."""
    await session.execute(insert(warehouse).values(code=code, name=name, kind=kind).on_conflict_do_nothing())
    return int((await session.execute(select(warehouse.c.id).where(warehouse.c.code == code))).scalar_one())


async def ensure_places(session: AsyncSession) -> None:
    """Make the main warehouse and the virtual places."""
    rows = [{"code": code, "name": name, "kind": kind} for code, (name, kind) in _PLACES.items()]
    await session.execute(insert(warehouse).on_conflict_do_nothing(), rows)


async def default_warehouse(session: AsyncSession) -> int:
    """The id of the main warehouse."""
    query = select(warehouse.c.id).where(warehouse.c.code == MAIN)
    found = (await session.execute(query)).scalar()
    if found is None:
        await ensure_places(session)
        found = (await session.execute(query)).scalar_one()
    return int(found)
