"""Fulfil: the goods of a claim have left. Moves, the end of the reservation and the level change are one transaction.

Invariant: a reservation is posted at most once and by exactly one move; on_hand and reserved fall together, so what is
available does not change; of a part shipment the rest stays claimed, under the next attempt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.errors import Invalid
from hub.core.ids import derive
from hub.core.points import point
from stockpool.claims.closing import lock_open, resolve
from stockpool.claims.levels import Change, change_levels
from stockpool.claims.rules import OpenClaim, reservation_id
from stockpool.claims.settle import settle_later


@dataclass(frozen=True, slots=True)
class Moved:
    """Units of one line that have left a warehouse."""

    move_id: UUID
    line: str
    sku_id: int
    warehouse_id: int
    qty: int


_MOVE = text(
    """
    INSERT INTO stock_move (id, sku_id, from_id, to_id, qty, cause, reference, actor, reservation_id)
    SELECT id, sku_id, warehouse_id, (SELECT w.id FROM warehouse AS w WHERE w.code = 'CUSTOMER'), qty, 'ship',
           :reference, :actor, reservation_id
    FROM unnest(CAST(:ids AS uuid[]), CAST(:skus AS bigint[]), CAST(:warehouses AS bigint[]), CAST(:qtys AS bigint[]),
                CAST(:reservations AS uuid[])) AS moved(id, sku_id, warehouse_id, qty, reservation_id)
    """
)
_MOVED = text(
    """
    SELECT m.id, r.line, m.sku_id, m.from_id, m.qty
    FROM stock_move AS m JOIN reservation AS r ON r.id = m.reservation_id
    WHERE r.key = :key AND m.cause = 'ship' AND m.reference = :reference ORDER BY r.line
    """
)
_KEEP_REST = text(
    """
    INSERT INTO reservation (id, key, line, attempt, sku_id, warehouse_id, qty, kind, opened_at)
    VALUES (:id, :key, :line, :attempt, :sku_id, :warehouse_id, :qty, 'claim', :opened_at)
    """
)
_LAST_ATTEMPT = text("SELECT max(attempt) FROM reservation WHERE key = :key AND line = :line")


async def fulfil(  # noqa: PLR0917  # the agreed form: who, why, under which name
    session: AsyncSession,
    key: str,
    cause: str,
    reference: str,
    actor: str,
    quantities: Mapping[str, int] | None = None,
) -> list[Moved]:
    """Post what is open under `key`; with `quantities` (line -> units) only that, the rest stays claimed.

    `reference` names the shipment: a second call with it changes nothing and returns the same moves. Nothing open and
    nothing shipped under it -> []. Raises Invalid when more is shipped than claimed, or a line holds no claim.
    """
    claims = await lock_open(session, key)
    point("ship.locked")
    done = await _moved(session, key, reference)
    if done or not claims:
        return done
    shipped = _choose(claims, quantities)
    await resolve(session, [claim for claim, _ in shipped], "post", cause)
    await _move(session, shipped, reference, actor)
    for claim, qty in shipped:
        if qty < claim.qty:
            await _keep_rest(session, claim, claim.qty - qty)
    await _take_out(session, shipped)
    point("ship.moved")
    return await _moved(session, key, reference)


def _choose(claims: Sequence[OpenClaim], quantities: Mapping[str, int] | None) -> list[tuple[OpenClaim, int]]:
    if quantities is None:
        return [(claim, claim.qty) for claim in claims]
    by_line = {claim.line: claim for claim in claims}
    for line, qty in quantities.items():
        if qty < 0 or qty > (by_line[line].qty if line in by_line else 0):
            raise Invalid("Line %(line)s has no claim on %(qty)s units.", line=line, qty=qty)
    chosen = [(by_line[line], qty) for line, qty in sorted(quantities.items()) if qty]
    if not chosen:
        raise Invalid("A shipment holds at least one unit.")
    return chosen


async def _move(session: AsyncSession, shipped: Sequence[tuple[OpenClaim, int]], reference: str, actor: str) -> None:
    await session.execute(
        _MOVE,
        {
            "ids": [derive("move", "ship", claim.id) for claim, _ in shipped],
            "skus": [claim.sku_id for claim, _ in shipped],
            "warehouses": [claim.warehouse_id for claim, _ in shipped],
            "qtys": [qty for _, qty in shipped],
            "reservations": [claim.id for claim, _ in shipped],
            "reference": reference,
            "actor": actor,
        },
    )


async def _keep_rest(session: AsyncSession, claim: OpenClaim, qty: int) -> None:
    """The rest keeps its age, so that it is not voided before younger claims."""
    last = (await session.execute(_LAST_ATTEMPT, {"key": claim.key, "line": claim.line})).scalar_one()
    await session.execute(
        _KEEP_REST,
        {
            "id": reservation_id(claim.key, claim.line, last + 1),
            "key": claim.key,
            "line": claim.line,
            "attempt": last + 1,
            "sku_id": claim.sku_id,
            "warehouse_id": claim.warehouse_id,
            "qty": qty,
            "opened_at": claim.opened_at,
        },
    )


async def _take_out(session: AsyncSession, shipped: Sequence[tuple[OpenClaim, int]]) -> None:
    changes: dict[tuple[int, int], Change] = {}
    for claim, qty in shipped:
        before = changes.get(claim.place, Change())
        changes[claim.place] = Change(before.on_hand - qty, before.reserved - qty)
    changed = await change_levels(session, changes)
    settle_later(session, changed.levels, epoch=changed.epoch)


async def _moved(session: AsyncSession, key: str, reference: str) -> list[Moved]:
    rows = await session.execute(_MOVED, {"key": key, "reference": reference})
    return [Moved(row.id, row.line, row.sku_id, row.from_id, row.qty) for row in rows]
