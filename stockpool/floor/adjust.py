"""Adjust: a count, damage or loss says that there are more or fewer units than we thought.

Invariant: a count below what is reserved is a fact, not a request: in the same transaction the newest claims lose their
units until the rest fits, and the orders domain is told; nothing is ever reserved that is not there.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.errors import Conflict, Invalid
from hub.core.ids import derive
from hub.core.outbox import emit_many
from stockpool.catalogue import default_warehouse
from stockpool.claims.closing import open_at, resolve
from stockpool.claims.levels import Change, Level, change_levels, lock_levels
from stockpool.claims.rules import OpenClaim, choose_victims
from stockpool.claims.settle import settle_later
from stockpool.events import CLAIMS_VOIDED, STOCK_ADJUSTED
from stockpool.offers.dirty import mark_dirty

_MOST_UNITS = 10**12


@dataclass(frozen=True, slots=True)
class AdjustResult:
    """The move, and the keys of the claims that lost their units (oldest first)."""

    move_id: UUID
    voided: list[str]


_MOVE = text(
    """
    INSERT INTO stock_move (id, sku_id, from_id, to_id, qty, cause, reference, actor)
    SELECT :id, :sku_id, CASE WHEN :delta > 0 THEN w.id ELSE :warehouse_id END,
           CASE WHEN :delta > 0 THEN :warehouse_id ELSE w.id END, abs(:delta), 'adjust', :reference, :actor
    FROM warehouse AS w WHERE w.code = 'ADJUSTMENT'
    ON CONFLICT (id) DO NOTHING
    RETURNING at
    """.replace(":delta", "CAST(:delta AS bigint)").replace(":warehouse_id", "CAST(:warehouse_id AS bigint)")
)
_BOOKED = text(
    "SELECT CASE WHEN to_id = CAST(:warehouse_id AS bigint) THEN qty ELSE -qty END FROM stock_move WHERE id = :id"
)
_VOIDED = text(
    """
    SELECT DISTINCT ON (r.key) r.key, r.opened_at
    FROM resolution AS e JOIN reservation AS r ON r.id = e.reservation_id
    WHERE e.kind = 'void' AND e.cause = :cause AND r.sku_id = :sku_id AND r.warehouse_id = :warehouse_id
    """
)


async def adjust(
    session: AsyncSession,
    *,
    sku_id: int,
    qty_delta: int,
    reason: str,
    reference: str,
    actor: str,
    warehouse_id: int | None = None,
) -> AdjustResult:
    """Add `qty_delta` units (negative = fewer). Idempotent by (reference, sku, warehouse).

    Raises Invalid when fewer than zero units would be left, Conflict when the reference was booked with another figure.
    """
    if qty_delta == 0 or abs(qty_delta) > _MOST_UNITS:
        raise Invalid("An adjustment changes at least one unit.")
    if not 1 <= len(reference) <= 200 or not reason.strip():
        raise Invalid("An adjustment needs a reason and a reference of at most 200 characters.")
    place = (sku_id, warehouse_id if warehouse_id is not None else await default_warehouse(session))
    move_id = derive("move", "adjust", reference, *place)
    level = (await lock_levels(session, [place], create=True))[place]
    figures = {"id": move_id, "sku_id": sku_id, "warehouse_id": place[1], "delta": qty_delta}
    at = (await session.execute(_MOVE, {**figures, "reference": reference, "actor": actor})).scalar()
    if at is None:
        return await _same_again(session, move_id, place, qty_delta)
    if level.on_hand + qty_delta < 0:
        raise Invalid("There are only %(on_hand)s units on hand.", on_hand=level.on_hand)
    victims = await _void_newest(session, level, qty_delta, move_id)
    await _apply(session, level, qty_delta, victims)
    keys = list(dict.fromkeys(victim.key for victim in reversed(victims)))
    payload = {"move_id": str(move_id), "sku_id": sku_id, "warehouse_id": place[1], "qty_delta": qty_delta}
    await _tell(session, move_id, {**payload, "reason": reason, "reference": reference, "at": at.isoformat()}, keys)
    return AdjustResult(move_id, keys)


async def _same_again(session: AsyncSession, move_id: UUID, place: tuple[int, int], qty_delta: int) -> AdjustResult:
    booked = await session.execute(_BOOKED, {"id": move_id, "warehouse_id": place[1]})
    if booked.scalar_one() != qty_delta:
        raise Conflict("This adjustment has been booked with another figure.")
    rows = await session.execute(_VOIDED, {"cause": _cause(move_id), "sku_id": place[0], "warehouse_id": place[1]})
    return AdjustResult(move_id, [row.key for row in sorted(rows, key=lambda row: (row.opened_at, row.key))])


async def _void_newest(session: AsyncSession, level: Level, qty_delta: int, move_id: UUID) -> list[OpenClaim]:
    deficit = level.reserved - (level.on_hand + qty_delta + level.backorder_allowed)
    if deficit <= 0:
        return []
    victims = choose_victims(await open_at(session, *level.place), deficit)
    await resolve(session, victims, "void", _cause(move_id))
    return victims


async def _apply(session: AsyncSession, level: Level, qty_delta: int, victims: list[OpenClaim]) -> None:
    freed = sum(victim.qty for victim in victims)
    changed = await change_levels(session, {level.place: Change(qty_delta, -freed)})
    await mark_dirty(session, [level.sku_id])
    settle_later(session, changed.levels, epoch=changed.epoch)


async def _tell(session: AsyncSession, move_id: UUID, payload: dict[str, object], keys: list[str]) -> None:
    facts: list[tuple[UUID, str, dict[str, object]]] = [(derive("adjusted", move_id), STOCK_ADJUSTED, payload)]
    if keys:
        facts.append((derive("voided", move_id), CLAIMS_VOIDED, {"keys": keys}))
    await emit_many(session, facts)


def _cause(move_id: UUID) -> str:
    return f"adjust:{move_id}"
