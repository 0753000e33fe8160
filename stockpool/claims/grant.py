"""The grant: the only place where a unit is promised. Many asks in one transaction, under row locks.

Invariant: on_hand - reserved >= need is checked under the locks that the same transaction then spends; reservations,
stock levels and dirty marks are written together; an ask that was granted before is answered, not granted again.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.errors import Conflict
from hub.core.points import point
from stockpool.claims.levels import Change, Changed, change_levels, lock_levels
from stockpool.claims.rules import Ask, Place, decide, reservation_id
from stockpool.claims.settle import settle_later
from stockpool.offers.dirty import mark_dirty


@dataclass(frozen=True, slots=True)
class Granted:
    """The ask holds its units; reservation ids in the order of its lines."""

    reservation_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Short:
    """The ask holds nothing. `missing`: sku id -> units."""

    missing: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Spent(Short):
    """Short for good under this attempt: it was voided, or stands with other content. The next attempt may succeed."""


_EXISTING = text(
    """
    SELECT r.id, r.sku_id, r.warehouse_id, r.qty, e.kind AS ended
    FROM reservation AS r LEFT JOIN resolution AS e ON e.reservation_id = r.id
    WHERE r.id = ANY(CAST(:ids AS uuid[]))
    """
)
_RESERVE = text(
    """
    INSERT INTO reservation (id, key, line, attempt, sku_id, warehouse_id, qty, kind, expires_at)
    SELECT id, key, line, attempt, sku_id, warehouse_id, qty, :kind, now() + make_interval(secs => :ttl_seconds)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]), CAST(:lines AS text[]), CAST(:attempts AS integer[]),
                CAST(:skus AS bigint[]), CAST(:warehouses AS bigint[]), CAST(:qtys AS bigint[]))
         AS wanted(id, key, line, attempt, sku_id, warehouse_id, qty)
    ON CONFLICT (id) DO NOTHING
    """
)


async def grant(
    session: AsyncSession,
    asks: Sequence[Ask],
    *,
    kind: str = "claim",
    ttl_seconds: float | None = None,
    also_dirty: Collection[int] = (),
    moved: Collection[tuple[int, int]] = (),
) -> dict[str, Granted | Short]:
    """Decide `asks` in the order given, each whole or not at all. Returns ask key -> answer.

    Lock order: the caller has locked its own rows (orders by id) already. A hold (`kind='hold'`) needs `ttl_seconds`.
    `also_dirty` (skus) and `moved` as for mark_dirty: marked together with what was taken, so that marks never cross.
    Raises Conflict when a twin with other content is being granted at this moment.
    """
    if not asks:
        return {}
    levels = await lock_levels(session, {place for ask in asks for place in ask.demand})
    point("grant.locked")
    answers = await existing_answers(session, asks)
    fresh = list({ask.key: ask for ask in asks if ask.key not in answers}.values())
    free = {place: level.available for place, level in levels.items()}
    granted: list[Ask] = []
    for ask, missing in zip(fresh, decide(free, fresh), strict=True):
        answers[ask.key] = Short(missing) if missing else Granted(_ids(ask))
        if not missing:
            granted.append(ask)
    point("grant.decided")
    if granted:
        await _insert(session, granted, kind, ttl_seconds)
    changed = await _take(session, granted)
    await mark_dirty(session, {*also_dirty, *(level.sku_id for level in changed.levels)}, moved=moved)
    after = {**levels, **{level.place: level for level in changed.levels}}
    settle_later(session, after.values(), tickets=[ask.ticket for ask in asks], epoch=changed.epoch)
    point("grant.written")
    return answers


async def existing_answers(session: AsyncSession, asks: Sequence[Ask]) -> dict[str, Granted | Short]:
    """The answers of asks that were decided before, by ask key. Asks that hold no reservation yet are absent."""
    owner = {rid: ask.key for ask in asks for rid in _ids(ask)}
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in await session.execute(_EXISTING, {"ids": list(owner)}):
        found[owner[row.id]].append(row)
    return {ask.key: _old_answer(ask, found[ask.key]) for ask in asks if ask.key in found}


def _old_answer(ask: Ask, rows: Sequence[Row[Any]]) -> Granted | Short:
    there = {(row.id, row.sku_id, row.warehouse_id, row.qty) for row in rows}
    wanted = {(rid, line.sku_id, ask.warehouse_id, line.qty) for rid, line in zip(_ids(ask), ask.lines, strict=True)}
    if there == wanted and all(row.ended in (None, "post") for row in rows):
        return Granted(_ids(ask))
    return Spent({place[0]: qty for place, qty in ask.demand.items()})


def _ids(ask: Ask) -> tuple[UUID, ...]:
    return tuple(reservation_id(ask.key, line.line, ask.attempt) for line in ask.lines)


async def _take(session: AsyncSession, granted: Sequence[Ask]) -> Changed:
    taken: Counter[Place] = Counter()
    for ask in granted:
        taken.update(ask.demand)
    return await change_levels(session, {place: Change(reserved=qty) for place, qty in taken.items()})


async def _insert(session: AsyncSession, asks: Sequence[Ask], kind: str, ttl_seconds: float | None) -> None:
    rows = [(rid, ask, line) for ask in asks for rid, line in zip(_ids(ask), ask.lines, strict=True)]
    result = await session.execute(
        _RESERVE,
        {
            "ids": [rid for rid, _, _ in rows],
            "keys": [ask.key for _, ask, _ in rows],
            "lines": [line.line for _, _, line in rows],
            "attempts": [ask.attempt for _, ask, _ in rows],
            "skus": [line.sku_id for _, _, line in rows],
            "warehouses": [ask.warehouse_id for _, ask, _ in rows],
            "qtys": [line.qty for _, _, line in rows],
            "kind": kind,
            "ttl_seconds": ttl_seconds,
        },
    )
    if result.rowcount != len(rows):  # type: ignore[attr-defined]  # an INSERT's result counts its rows
        raise Conflict("This claim is being made with other content at this moment.")
