"""Reads of the stock pool for the console and the API: typed rows, bounded, by keyset.

Invariant: reads only; the waterfall shown is computed by the function that publishes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.errors import NotFound
from stockpool.offers.waterfall import InFlight, Seller, explain, pools
from stockpool.rows import (
    LevelRow,
    ListingRow,
    ListingWaterfall,
    LowRow,
    MoveRow,
    PushLogRow,
    ReservationRow,
    ShopPushes,
    SkuDetail,
    SkuRow,
    StockFilter,
    StockRow,
    StockTotals,
)

__all__ = [
    "LevelRow",
    "ListingRow",
    "ListingWaterfall",
    "LowRow",
    "MoveRow",
    "PushLogRow",
    "ReservationRow",
    "ShopPushes",
    "SkuDetail",
    "SkuRow",
    "StockFilter",
    "StockRow",
    "StockTotals",
    "find_sku",
    "last_attempts",
    "list_stock",
    "listing_detail",
    "listings_of",
    "listings_of_shop",
    "low_stock",
    "moves_of",
    "pushes_of",
    "pushes_per_shop",
    "reservations_of",
    "reservations_of_key",
    "sku_detail",
    "skus_by_id",
    "stock_totals",
    "waterfalls_of",
]

MOST_ROWS = 200


_STOCK = """
    SELECT s.id, s.code, s.name, coalesce(l.on_hand, 0), coalesce(l.reserved, 0), coalesce(l.free, 0),
           coalesce(l.frozen, false), (SELECT count(*) FROM listing AS g WHERE g.sku_id = s.id), l.changed_at
    FROM sku AS s
    LEFT JOIN LATERAL (
        SELECT sum(x.on_hand)::bigint AS on_hand, sum(x.reserved)::bigint AS reserved,
               sum(greatest(x.on_hand - x.reserved, 0))::bigint AS free, bool_or(x.frozen) AS frozen,
               max(x.changed_at) AS changed_at
        FROM stock_level AS x JOIN warehouse AS w ON w.id = x.warehouse_id
        WHERE x.sku_id = s.id AND w.kind = 'storage') AS l ON true
    WHERE s.code > :after
      AND (:search = '' OR s.code ILIKE :pattern OR s.name ILIKE :pattern OR s.barcode = :search)
      AND {condition}
    ORDER BY s.code LIMIT :limit
"""
_ONLY = {
    "all": "true",
    "in_stock": "coalesce(l.free, 0) > 0",
    "out_of_stock": "coalesce(l.free, 0) = 0",
    "reserved": "l.reserved > 0",
    "frozen": "l.frozen",
}
_LOW = text(
    """
    SELECT s.id, s.code, l.warehouse_id, greatest(l.on_hand - l.reserved, 0) AS free, l.version
    FROM stock_level AS l JOIN sku AS s ON s.id = l.sku_id JOIN warehouse AS w ON w.id = l.warehouse_id
    WHERE w.kind = 'storage' AND l.on_hand - l.reserved < :below ORDER BY free, s.code LIMIT :limit
    """
)
_SKU = text("SELECT id, code, name, barcode, created_at FROM sku WHERE id = :sku_id")
_LEVELS = text(
    """
    SELECT w.id, w.code, w.name, l.on_hand, l.reserved, greatest(l.on_hand - l.reserved, 0), l.version, l.frozen,
           l.changed_at
    FROM stock_level AS l JOIN warehouse AS w ON w.id = l.warehouse_id
    WHERE l.sku_id = :sku_id AND w.kind = 'storage' ORDER BY w.id
    """
)
_MOVES = text(
    """
    SELECT m.id, m.at, m.cause, m.qty,
           m.qty * ((t.kind = 'storage')::int - (f.kind = 'storage')::int), f.code, t.code, m.reference, m.actor,
           m.unit_cost, r.key
    FROM stock_move AS m
    JOIN warehouse AS f ON f.id = m.from_id JOIN warehouse AS t ON t.id = m.to_id
    LEFT JOIN reservation AS r ON r.id = m.reservation_id
    WHERE m.sku_id = :sku_id
      AND (CAST(:before AS timestamptz) IS NULL
           OR (m.at, m.id) < (CAST(:before AS timestamptz), CAST(:before_id AS uuid)))
    ORDER BY m.at DESC, m.id DESC LIMIT :limit
    """
)
_RESERVATIONS = """
    SELECT r.id, r.key, r.line, r.attempt, w.code, r.qty, r.kind, r.opened_at, r.expires_at, e.kind, e.at, e.cause
    FROM reservation AS r JOIN warehouse AS w ON w.id = r.warehouse_id
    LEFT JOIN resolution AS e ON e.reservation_id = r.id
    WHERE {condition} ORDER BY r.opened_at DESC, r.id DESC LIMIT :limit
"""
_OF_SKU = text(_RESERVATIONS.format(condition="r.sku_id = :sku_id AND (NOT :open_only OR e.reservation_id IS NULL)"))
_OF_KEY = text(_RESERVATIONS.format(condition="r.key = :key"))
_LISTINGS = """
    SELECT g.id, g.shop_id, s.name, g.external_id, g.channel_sku, g.title, g.sku_id, g.publish, g.want_qty,
           g.want_version, g.want_at, g.sent_qty, g.sent_version, g.sent_at, g.last_error, s.buffer_units
    FROM listing AS g JOIN shop AS s ON s.id = g.shop_id
    WHERE {condition} ORDER BY g.id LIMIT :limit
"""
_LISTINGS_OF_SKU = text(_LISTINGS.format(condition="g.sku_id = :sku_id"))
_LISTING = text(_LISTINGS.format(condition="g.id = :listing_id"))
_LISTINGS_OF_SHOP = text(
    _LISTINGS.format(condition="g.shop_id = :shop_id AND g.id > :after AND (NOT :unmapped OR g.sku_id IS NULL)")
)
_PUSHES = text(
    """
    SELECT id, listing_id, shop_id, version, quantity, quantity_before, wanted_at, answered_at, outcome, code, message
    FROM push_log WHERE listing_id = :listing_id ORDER BY id DESC LIMIT :limit
    """
)
_TOTALS = text(
    """
    WITH per_sku AS (
        SELECT l.sku_id, sum(l.on_hand) AS on_hand, sum(l.reserved) AS reserved,
               sum(greatest(l.on_hand - l.reserved, 0)) AS free, bool_or(l.frozen) AS frozen
        FROM stock_level AS l JOIN warehouse AS w ON w.id = l.warehouse_id WHERE w.kind = 'storage' GROUP BY l.sku_id)
    SELECT (SELECT count(*) FROM sku), coalesce(sum(on_hand), 0)::bigint, coalesce(sum(reserved), 0)::bigint,
           coalesce(sum(free), 0)::bigint, count(*) FILTER (WHERE free = 0), count(*) FILTER (WHERE frozen),
           (SELECT count(*) FROM listing WHERE sku_id IS NULL),
           (SELECT count(*) FROM listing WHERE sent_version < want_version AND publish AND sku_id IS NOT NULL),
           (SELECT count(*) FROM dirty)
    FROM per_sku
    """
)
_FIND_SKU = text("SELECT id, code, name, barcode, created_at FROM sku WHERE code = :code")
_NAMES = text("SELECT id, code, name, barcode, created_at FROM sku WHERE id = ANY(CAST(:ids AS bigint[]))")
_LAST_ATTEMPTS = text("SELECT key, max(attempt) FROM reservation WHERE key = ANY(CAST(:keys AS text[])) GROUP BY key")


async def list_stock(
    session: AsyncSession, wanted: StockFilter | None = None, *, after: str = "", limit: int = 50
) -> list[StockRow]:
    """Skus in the order of their codes, starting after the code `after`."""
    wanted = wanted or StockFilter()
    query = text(_STOCK.format(condition=_ONLY.get(wanted.only, "true")))
    search = wanted.search.strip()
    pattern = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    values = {"after": after, "search": search, "pattern": pattern, "limit": _bounded(limit)}
    return [StockRow(*row) for row in await session.execute(query, values)]


async def low_stock(session: AsyncSession, *, below: int, limit: int = 50) -> list[LowRow]:
    """Levels with fewer than `below` free units, the emptiest first."""
    rows = await session.execute(_LOW, {"below": below, "limit": _bounded(limit)})
    return [LowRow(*row) for row in rows]


async def sku_detail(session: AsyncSession, sku_id: int) -> SkuDetail:
    """A sku and what each warehouse holds. Raises NotFound."""
    row = (await session.execute(_SKU, {"sku_id": sku_id})).one_or_none()
    if row is None:
        raise NotFound("There is no SKU %(sku_id)s.", sku_id=sku_id)
    levels = [LevelRow(*level) for level in await session.execute(_LEVELS, {"sku_id": sku_id})]
    return SkuDetail(
        SkuRow(*row),
        levels,
        sum(level.on_hand for level in levels),
        sum(level.reserved for level in levels),
        sum(level.free for level in levels),
    )


async def find_sku(session: AsyncSession, code: str) -> SkuRow | None:
    """The sku with this code."""
    row = (await session.execute(_FIND_SKU, {"code": code})).one_or_none()
    return SkuRow(*row) if row else None


async def skus_by_id(session: AsyncSession, sku_ids: Sequence[int]) -> dict[int, SkuRow]:
    """Code and name of several skus."""
    return {row.id: SkuRow(*row) for row in await session.execute(_NAMES, {"ids": list(set(sku_ids))})}


async def moves_of(
    session: AsyncSession, sku_id: int, *, before: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[MoveRow]:
    """The moves of a sku, newest first; `before` is (at, id) of the last row of the page before."""
    at, move_id = before or (None, None)
    values = {"sku_id": sku_id, "before": at, "before_id": move_id, "limit": _bounded(limit)}
    return [MoveRow(*row) for row in await session.execute(_MOVES, values)]


async def reservations_of(
    session: AsyncSession, sku_id: int, *, open_only: bool = True, limit: int = 50
) -> list[ReservationRow]:
    """The reservations of a sku, newest first."""
    values = {"sku_id": sku_id, "open_only": open_only, "limit": _bounded(limit)}
    return [ReservationRow(*row) for row in await session.execute(_OF_SKU, values)]


async def reservations_of_key(session: AsyncSession, key: str) -> list[ReservationRow]:
    """All reservations of one owner (an order, a hold), newest first."""
    return [ReservationRow(*row) for row in await session.execute(_OF_KEY, {"key": key, "limit": MOST_ROWS})]


async def last_attempts(session: AsyncSession, keys: Sequence[str]) -> dict[str, int]:
    """The highest attempt that each owner has used, so that a new one never meets an old reservation."""
    return {row[0]: int(row[1]) for row in await session.execute(_LAST_ATTEMPTS, {"keys": list(keys)})}


async def listings_of(session: AsyncSession, sku_id: int) -> list[ListingRow]:
    """The listings that sell a sku, on all shops."""
    return await _listings(session, _LISTINGS_OF_SKU, sku_id=sku_id, limit=MOST_ROWS)


async def listing_detail(session: AsyncSession, listing_id: int) -> ListingRow:
    """One listing. Raises NotFound."""
    rows = await _listings(session, _LISTING, listing_id=listing_id, limit=1)
    if not rows:
        raise NotFound("There is no listing %(listing_id)s.", listing_id=listing_id)
    return rows[0]


async def listings_of_shop(
    session: AsyncSession, shop_id: int, *, unmapped_only: bool = False, after: int = 0, limit: int = 50
) -> list[ListingRow]:
    """The listings of a shop in the order of ids, starting after `after`."""
    values = {"shop_id": shop_id, "unmapped": unmapped_only, "after": after, "limit": _bounded(limit)}
    return await _listings(session, _LISTINGS_OF_SHOP, **values)


async def pushes_of(session: AsyncSession, listing_id: int, limit: int = 50) -> list[PushLogRow]:
    """What was told to the channel and what it answered, newest first."""
    rows = await session.execute(_PUSHES, {"listing_id": listing_id, "limit": _bounded(limit)})
    return [PushLogRow(*row) for row in rows]


async def waterfalls_of(session: AsyncSession, sku_id: int, in_flight: InFlight) -> list[ListingWaterfall]:
    """For each listing of a sku: how its number comes about. `in_flight` as for publishing."""
    pool = (await pools(session, [sku_id]))[sku_id]
    return [
        ListingWaterfall(row, explain(Seller(row.id, row.shop_id, sku_id, row.buffer_units), pool, in_flight))
        for row in await listings_of(session, sku_id)
    ]


async def stock_totals(session: AsyncSession) -> StockTotals:
    """The pool at a glance."""
    return StockTotals(*(await session.execute(_TOTALS)).one())


async def _listings(session: AsyncSession, query: Any, **values: object) -> list[ListingRow]:
    return [ListingRow(*row) for row in await session.execute(query, values)]


def _bounded(limit: int) -> int:
    return max(1, min(limit, MOST_ROWS))


# A raise that waits for the shop's order feed is not late.
_PER_SHOP = text(
    """
    SELECT g.shop_id, count(*), count(*) FILTER (WHERE g.sku_id IS NULL), count(*) FILTER (WHERE w.behind),
           extract(epoch FROM now() - min(g.want_at) FILTER (WHERE w.behind))::float8
    FROM listing AS g JOIN shop AS s ON s.id = g.shop_id
    CROSS JOIN LATERAL (
        SELECT g.publish AND g.sku_id IS NOT NULL AND g.sent_version < g.want_version AND s.state = 'active'
               AND (g.want_qty <= g.sent_qty OR s.cursor_at >= g.raise_at) AS behind) AS w
    GROUP BY g.shop_id
    """
)


async def pushes_per_shop(session: AsyncSession) -> dict[int, ShopPushes]:
    """Per shop how many listings it has and how far behind they are. Shops without any are absent."""
    return {row[0]: ShopPushes(*row) for row in await session.execute(_PER_SHOP)}
