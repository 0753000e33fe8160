"""Load every stock level into the gate: after a fence, or when the audit asks. A missing key would also load by itself.

Invariant: only sets what is newer, so it may run at any time, beside everything else.
"""

from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, any_, cast, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from stockpool.claims.gate import Gate
from stockpool.claims.levels import Level
from stockpool.claims.rules import Place
from stockpool.tables import stock_level

_PAGE = 1000
_BIGINTS = ARRAY(BigInteger)
_COLUMNS = [stock_level.c[name] for name in Level.__dataclass_fields__]


async def levels_after(session: AsyncSession, last: Place, limit: int = _PAGE) -> list[Level]:
    """A page of levels in the order of places."""
    rows = await session.execute(
        select(*_COLUMNS)
        .where(tuple_(stock_level.c.sku_id, stock_level.c.warehouse_id) > last)
        .order_by(stock_level.c.sku_id, stock_level.c.warehouse_id)
        .limit(limit)
    )
    return [Level(*row) for row in rows]


async def levels_of(session: AsyncSession, sku_ids: Sequence[int]) -> list[Level]:
    """The levels of these skus in all warehouses."""
    rows = await session.execute(select(*_COLUMNS).where(stock_level.c.sku_id == any_(cast(list(sku_ids), _BIGINTS))))
    return [Level(*row) for row in rows]


async def rebuild(session: AsyncSession, gate: Gate) -> int:
    """Push all levels. Returns how many were told; stops early when the gate is out of reach."""
    told, last = 0, (0, 0)
    while page := await levels_after(session, last):
        if not await gate.push(page):
            break
        told += len(page)
        last = page[-1].place
    return told
