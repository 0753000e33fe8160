"""The auditor of the stock pool: compares what is derived with the rows that it is derived from.

    I1 on_hand = sum of moves     I2 reserved = sum of open reservations     I3 0 <= reserved <= on_hand (+ allowance)
    I4 an end by `post` has exactly one move, and no other reservation has one
    I8 the gate agrees at equal version, is never ahead, and its pendings add up
    I9 no dirty mark and no unsent number is older than its bound

Invariant: reads only. Each check is one statement, so it sees one moment; repair.py looks again under the lock.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stockpool.claims.gate import Gate, Seen
from stockpool.claims.levels import Level, read_levels
from stockpool.claims.rebuild import levels_after
from stockpool.claims.rules import Place, gate_key

_MOST_BREACHES = 500
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Breach:
    """One invariant that does not hold for one subject."""

    invariant: str
    subject: str
    detail: str


def level_subject(place: Place) -> str:
    """How breaches and cases name a stock level."""
    return f"level:{gate_key(place)}"


_MOVED = """
    SELECT sku_id, place AS warehouse_id, sum(units) AS units
    FROM (SELECT sku_id, to_id AS place, qty AS units FROM stock_move
          UNION ALL SELECT sku_id, from_id, -qty FROM stock_move) AS m
    GROUP BY sku_id, place
"""
_OPEN = """
    SELECT r.sku_id, r.warehouse_id, sum(r.qty) AS units
    FROM reservation AS r LEFT JOIN resolution AS e ON e.reservation_id = r.id
    WHERE e.reservation_id IS NULL GROUP BY r.sku_id, r.warehouse_id
"""
_ON_HAND = f"""
    SELECT 'I1', 'level:' || sku_id || ':' || warehouse_id,
           'on hand ' || coalesce(l.on_hand, 0) || ', moves add up to ' || coalesce(m.units, 0)
    FROM stock_level AS l
    FULL JOIN (SELECT x.* FROM ({_MOVED}) AS x JOIN warehouse AS w ON w.id = x.warehouse_id
               WHERE w.kind IN ('storage', 'transit', 'quality')) AS m USING (sku_id, warehouse_id)
    WHERE coalesce(l.on_hand, 0) <> coalesce(m.units, 0)
"""  # noqa: S608  # constants
_RESERVED = f"""
    SELECT 'I2', 'level:' || sku_id || ':' || warehouse_id,
           'reserved ' || coalesce(l.reserved, 0) || ', open reservations add up to ' || coalesce(r.units, 0)
    FROM stock_level AS l FULL JOIN ({_OPEN}) AS r USING (sku_id, warehouse_id)
    WHERE coalesce(l.reserved, 0) <> coalesce(r.units, 0)
"""  # noqa: S608  # constants
_BOUNDS = """
    SELECT 'I3', 'level:' || sku_id || ':' || warehouse_id,
           'reserved ' || reserved || ' of ' || on_hand || ' on hand, allowance ' || backorder_allowed
    FROM stock_level WHERE on_hand < 0 OR reserved < 0 OR reserved > on_hand + backorder_allowed
"""
_ENDS = """
    SELECT 'I4', 'reservation:' || r.id,
           'ended by ' || coalesce(e.kind, 'nothing') || ', ' || count(m.id) || ' moves of '
           || coalesce(sum(m.qty), 0) || ' units for ' || r.qty || ' claimed'
    FROM reservation AS r
    LEFT JOIN resolution AS e ON e.reservation_id = r.id
    LEFT JOIN stock_move AS m ON m.reservation_id = r.id
    WHERE e.kind = 'post' OR m.id IS NOT NULL
    GROUP BY r.id, r.qty, r.sku_id, r.warehouse_id, e.kind
    HAVING e.kind IS DISTINCT FROM 'post' OR count(m.id) <> 1 OR sum(m.qty) > r.qty
        OR bool_or(m.sku_id <> r.sku_id OR m.from_id <> r.warehouse_id)
"""
_OLD_MARKS = """
    SELECT 'I9', 'sku:' || sku_id, 'marked dirty ' || round(extract(epoch FROM now() - since)) || ' s ago'
    FROM dirty WHERE since < now() - make_interval(secs => :bound_seconds)
"""
# A raise that waits for the feed of a shop is late only once the feed has been read.
_UNSENT = """
    SELECT 'I9', 'listing:' || g.id, 'wants ' || g.want_qty || ' since '
           || round(extract(epoch FROM now() - g.want_at)) || ' s, sent ' || coalesce(g.sent_qty::text, 'nothing')
    FROM listing AS g JOIN shop AS s ON s.id = g.shop_id
    WHERE g.publish AND g.sku_id IS NOT NULL AND g.want_qty IS NOT NULL AND g.sent_version < g.want_version
      AND s.state = 'active' AND (g.want_qty <= g.sent_qty OR s.cursor_at >= g.raise_at)
      AND g.next_push_at < now() - make_interval(secs => :bound_seconds)
      AND g.want_at < now() - make_interval(secs => :bound_seconds)
"""
_CHECKS = [
    text(f"{check} LIMIT {_MOST_BREACHES}") for check in (_ON_HAND, _RESERVED, _BOUNDS, _ENDS, _OLD_MARKS, _UNSENT)
]


async def check(session: AsyncSession, gate: Gate | None = None, *, bound_seconds: float = 60) -> list[Breach]:
    """All breaches, at most 500 per check; [] = every number adds up. `bound_seconds`: how old open work may be."""
    breaches = []
    for statement in _CHECKS:
        wanted = {"bound_seconds": bound_seconds} if ":bound_seconds" in statement.text else {}
        breaches += [Breach(*row) for row in await session.execute(statement, wanted)]
    if gate is not None:
        breaches += [breach async for breach in _check_gate(session, gate)]
    return breaches


async def _check_gate(session: AsyncSession, gate: Gate) -> AsyncIterator[Breach]:
    last: Place = (0, 0)
    while page := await levels_after(session, last, _PAGE):
        last = page[-1].place
        places = [level.place for level in page]
        seen = await gate.check(places)
        if seen is None:
            yield Breach("I8", "gate", "out of reach")
            return
        # Read after the gate: what the gate has cannot be newer than what is read now.
        levels = await read_levels(session, places)
        for place, found in seen.items():
            for detail in compare(found, levels[place]):
                yield Breach("I8", level_subject(place), detail)


def compare(seen: Seen, level: Level) -> Iterator[str]:
    """What does not fit between the gate and the level read after it."""
    if seen.version > level.version:
        yield f"gate has version {seen.version}, PostgreSQL {level.version}"
    if seen.version == level.version and seen.base != level.available:
        yield f"gate has {seen.base} available, PostgreSQL {level.available} at version {level.version}"
    if seen.pending != seen.pending_sum:
        yield f"gate counts {seen.pending} pending, its pendings add up to {seen.pending_sum}"
