"""Stock levels: locked, read and changed in bulk. Every verb that moves units or claims comes through here.

Invariant: a level changes only under its row lock, locks are taken in the order of (sku, warehouse), each change raises
the version by one, and PostgreSQL's CHECK refuses whatever would leave 0 <= reserved <= on_hand (+ allowance).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from stockpool.claims.rules import Place

BUCKET = 0
"""All levels live in one bucket of the gate for now; its number is part of every gate key."""


@dataclass(frozen=True, slots=True)
class Level:
    """One row of stock_level. Units are base units."""

    sku_id: int
    warehouse_id: int
    on_hand: int
    reserved: int
    backorder_allowed: int
    version: int
    frozen: bool

    @property
    def place(self) -> Place:
        """Whose level it is."""
        return self.sku_id, self.warehouse_id

    @property
    def available(self) -> int:
        """Units that may still be granted; none while an audit has frozen the level."""
        return 0 if self.frozen else max(0, self.on_hand + self.backorder_allowed - self.reserved)


@dataclass(frozen=True, slots=True)
class Change:
    """What a verb adds to a level."""

    on_hand: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """The levels after a change, and the gate's epoch as PostgreSQL knows it (None before the first fence)."""

    levels: tuple[Level, ...]
    epoch: int | None


_COLUMNS = "l.sku_id, l.warehouse_id, l.on_hand, l.reserved, l.backorder_allowed, l.version, l.frozen"
_PLACES = "unnest(CAST(:skus AS bigint[]), CAST(:warehouses AS bigint[])) AS p(sku_id, warehouse_id)"
_READ = f"SELECT {_COLUMNS} FROM stock_level AS l JOIN {_PLACES} USING (sku_id, warehouse_id)"  # noqa: S608  # constants
_READ_THEM = text(_READ)
_LOCK = text(f"{_READ} ORDER BY l.sku_id, l.warehouse_id FOR UPDATE OF l")
_CREATE = text(
    f"INSERT INTO stock_level (sku_id, warehouse_id) SELECT sku_id, warehouse_id FROM {_PLACES} ON CONFLICT DO NOTHING"  # noqa: S608
)
_CHANGE = text(
    f"""
    UPDATE stock_level AS l
    SET on_hand = l.on_hand + c.on_hand, reserved = l.reserved + c.reserved, version = l.version + 1,
        changed_at = clock_timestamp()
    FROM unnest(CAST(:skus AS bigint[]), CAST(:warehouses AS bigint[]), CAST(:on_hand AS bigint[]),
                CAST(:reserved AS bigint[])) AS c(sku_id, warehouse_id, on_hand, reserved)
    WHERE l.sku_id = c.sku_id AND l.warehouse_id = c.warehouse_id
    RETURNING {_COLUMNS}, (SELECT epoch FROM gate WHERE bucket = :bucket) AS epoch
    """  # noqa: S608
)


async def read_levels(session: AsyncSession, places: Collection[Place]) -> dict[Place, Level]:
    """The levels as committed, without locks. Places that never held stock are absent."""
    return _by_place(await session.execute(_READ_THEM, _arrays(places)))


async def lock_levels(session: AsyncSession, places: Collection[Place], *, create: bool = False) -> dict[Place, Level]:
    """Lock the levels in the order of places. With `create`, places that never held stock get an empty level first."""
    arrays = _arrays(places)
    if create:
        await session.execute(_CREATE, arrays)
    return _by_place(await session.execute(_LOCK, arrays))


async def change_levels(session: AsyncSession, changes: Mapping[Place, Change]) -> Changed:
    """Apply changes to levels that the caller has locked; one statement."""
    if not changes:
        return Changed((), None)
    places = sorted(changes)
    result = await session.execute(
        _CHANGE,
        {
            **_arrays(places),
            "on_hand": [changes[place].on_hand for place in places],
            "reserved": [changes[place].reserved for place in places],
            "bucket": BUCKET,
        },
    )
    rows = result.all()
    return Changed(tuple(_level(row) for row in rows), rows[0].epoch if rows else None)


def _arrays(places: Collection[Place]) -> dict[str, object]:
    ordered = sorted(set(places))
    return {"skus": [place[0] for place in ordered], "warehouses": [place[1] for place in ordered]}


def _by_place(rows: Iterable[Row[Any]]) -> dict[Place, Level]:
    return {level.place: level for level in map(_level, rows)}


def _level(row: Row[Any]) -> Level:
    return Level(
        row.sku_id, row.warehouse_id, row.on_hand, row.reserved, row.backorder_allowed, row.version, row.frozen
    )
