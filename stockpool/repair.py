"""Mends what is derived, and stops what is not: the safe answers to the auditor's findings.

Invariant: ledgers (moves, reservations, resolutions) are never edited; a derived number is rebuilt from them under its
lock; where the ledgers themselves disagree (I1, I4) the level is frozen and a person decides by new moves.
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core import audit as trail
from hub.core.cases import CaseKind, close_cases_of, open_case
from hub.core.errors import Conflict
from stockpool.audit import Breach, check, level_subject
from stockpool.claims.gate import Gate
from stockpool.claims.levels import Level, lock_levels, read_levels
from stockpool.claims.rules import Place
from stockpool.claims.settle import settle_later
from stockpool.offers.dirty import mark_dirty

_LEDGERS = text(
    """
    SELECT l.on_hand, l.reserved, l.backorder_allowed,
        (SELECT coalesce(sum(CASE WHEN m.to_id = l.warehouse_id THEN m.qty ELSE -m.qty END), 0) FROM stock_move AS m
         WHERE m.sku_id = l.sku_id AND l.warehouse_id IN (m.from_id, m.to_id)) AS moved,
        (SELECT coalesce(sum(r.qty), 0) FROM reservation AS r
         WHERE r.sku_id = l.sku_id AND r.warehouse_id = l.warehouse_id
           AND NOT EXISTS (SELECT FROM resolution AS e WHERE e.reservation_id = r.id)) AS claimed
    FROM stock_level AS l WHERE l.sku_id = :sku_id AND l.warehouse_id = :warehouse_id
    """
)
_SET = text(
    """
    UPDATE stock_level SET on_hand = :on_hand, reserved = :reserved, frozen = :frozen, version = version + 1,
        changed_at = clock_timestamp()
    WHERE sku_id = :sku_id AND warehouse_id = :warehouse_id
    """
)
_OF_RESERVATION = text("SELECT sku_id, warehouse_id FROM reservation WHERE id = CAST(:id AS uuid)")
_PUSH_NOW = text("UPDATE listing SET next_push_at = now(), push_lease_until = NULL WHERE id = :id")


async def repair(
    session: AsyncSession, gate: Gate | None = None, *, actor: str, dry_run: bool = False, bound_seconds: float = 60
) -> list[str]:
    """Answer every breach that has a safe answer. One line per answer; `dry_run` only says what would be done."""
    return [
        f"{breach.invariant} {breach.subject}: {await _answer(session, breach, actor, gate, dry_run)}"
        for breach in await check(session, gate, bound_seconds=bound_seconds)
    ]


async def freeze(session: AsyncSession, place: Place, actor: str, reason: str) -> None:
    """Stop grants on a level and open a case."""
    level = await _locked(session, place)
    if not level.frozen:
        await _set(session, place, level.on_hand, level.reserved, frozen=True)
        await trail.record(session, actor, "stock.freeze", level_subject(place), reason=reason)
    await open_case(session, CaseKind.FROZEN_KEY, level_subject(place), sku_id=place[0], reason=reason)


async def is_frozen(session: AsyncSession, place: Place) -> bool:
    """Whether grants on this level are stopped."""
    return (await _locked(session, place)).frozen


async def rebuild_level(session: AsyncSession, place: Place, actor: str) -> None:
    """Set a level to what its ledgers add up to and let it sell again. Raises Conflict when they do not fit."""
    await _locked(session, place)
    ledgers = await _ledgers(session, place)
    if ledgers.moved < 0 or ledgers.claimed > ledgers.moved + ledgers.backorder_allowed:
        raise Conflict("The moves and the claims of this SKU do not fit each other; book an adjustment first.")
    await _set(session, place, int(ledgers.moved), int(ledgers.claimed), frozen=False)
    await close_cases_of(session, CaseKind.FROZEN_KEY, level_subject(place), actor, "rebuilt from the ledgers")
    before = {"on_hand": ledgers.on_hand, "reserved": ledgers.reserved}
    after = {"on_hand": int(ledgers.moved), "reserved": int(ledgers.claimed)}
    await trail.record(session, actor, "stock.rebuild", level_subject(place), before=before, after=after)


async def _answer(session: AsyncSession, breach: Breach, actor: str, gate: Gate | None, dry_run: bool) -> str:
    kind, _, name = breach.subject.partition(":")
    if breach.invariant == "I9":
        return await _drive(session, kind, name, dry_run)
    if breach.invariant == "I8":
        return await _push(session, gate, kind, name, dry_run)
    place = await _place_of(session, kind, name)
    if breach.invariant in ("I2", "I3") and await _fits(session, place):
        if not dry_run:
            await _mend(session, place, actor)
        return "rebuild what is reserved from the open reservations"
    if not dry_run:
        await freeze(session, place, actor, f"{breach.invariant}: {breach.detail}")
    return "freeze the level: a person must decide"


async def _mend(session: AsyncSession, place: Place, actor: str) -> None:
    level = await _locked(session, place)
    ledgers = await _ledgers(session, place)  # looked up again under the lock
    if level.reserved == ledgers.claimed:
        return  # it was only passing by when the auditor looked
    await _set(session, place, level.on_hand, int(ledgers.claimed), frozen=level.frozen)
    after = int(ledgers.claimed)
    await trail.record(session, actor, "stock.repair", level_subject(place), before=level.reserved, after=after)


async def _fits(session: AsyncSession, place: Place) -> bool:
    ledgers = await _ledgers(session, place)
    return bool(ledgers.moved == ledgers.on_hand and ledgers.claimed <= ledgers.on_hand + ledgers.backorder_allowed)


async def _push(session: AsyncSession, gate: Gate | None, kind: str, name: str, dry_run: bool) -> str:
    if gate is None or kind != "level":
        return "nothing: the gate is out of reach and fences itself"
    if not dry_run:
        place = _place(name)
        await gate.forget([place])
        await gate.push(list((await read_levels(session, [place])).values()))
    return "tell the gate again"


async def _drive(session: AsyncSession, kind: str, name: str, dry_run: bool) -> str:
    if kind == "sku":
        return "nothing here: the relay computes the offers again"
    if not dry_run:
        await session.execute(_PUSH_NOW, {"id": int(name)})
    return "push again"


async def _locked(session: AsyncSession, place: Place) -> Level:
    return (await lock_levels(session, [place], create=True))[place]


async def _ledgers(session: AsyncSession, place: Place) -> Row[Any]:
    return (await session.execute(_LEDGERS, {"sku_id": place[0], "warehouse_id": place[1]})).one()


async def _set(session: AsyncSession, place: Place, on_hand: int, reserved: int, *, frozen: bool) -> None:
    figures = {"on_hand": on_hand, "reserved": reserved, "frozen": frozen}
    await session.execute(_SET, {"sku_id": place[0], "warehouse_id": place[1], **figures})
    await mark_dirty(session, [place[0]])
    settle_later(session, (await read_levels(session, [place])).values())


async def _place_of(session: AsyncSession, kind: str, name: str) -> Place:
    if kind == "reservation":
        row = (await session.execute(_OF_RESERVATION, {"id": name})).one()
        return row.sku_id, row.warehouse_id
    return _place(name)


def _place(name: str) -> Place:
    sku_id, _, warehouse_id = name.partition(":")
    return int(sku_id), int(warehouse_id)
