"""Receive: goods arrive from a supplier at a known cost.

Invariant: a receipt is booked once per (reference, sku, warehouse); the move, the level and the event that tells
finance and the backorders are one transaction.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.errors import Conflict, Invalid
from hub.core.ids import derive
from hub.core.outbox import emit_many
from stockpool.catalogue import default_warehouse
from stockpool.claims.levels import Change, change_levels, lock_levels
from stockpool.claims.rules import Place
from stockpool.claims.settle import settle_later
from stockpool.events import STOCK_RECEIVED
from stockpool.offers.dirty import mark_dirty

_MOST_UNITS = 10**12
_MOST_COST = Decimal(10) ** 11


@dataclass(frozen=True, slots=True)
class Receipt:
    """Units of one sku that arrived. `unit_cost` is in the book currency, without VAT, with up to six decimals."""

    sku_id: int
    qty: int
    unit_cost: Decimal
    reference: str
    warehouse_id: int

    @property
    def move_id(self) -> UUID:
        """The same receipt is always the same move."""
        return derive("move", "receive", self.reference, self.sku_id, self.warehouse_id)


_MOVE = text(
    """
    INSERT INTO stock_move (id, sku_id, from_id, to_id, qty, cause, reference, actor, unit_cost)
    SELECT id, sku_id, (SELECT w.id FROM warehouse AS w WHERE w.code = 'SUPPLIER'), warehouse_id, qty, 'receive',
           reference, :actor, unit_cost
    FROM unnest(CAST(:ids AS uuid[]), CAST(:skus AS bigint[]), CAST(:warehouses AS bigint[]), CAST(:qtys AS bigint[]),
                CAST(:references AS text[]), CAST(:costs AS numeric[]))
         AS received(id, sku_id, warehouse_id, qty, reference, unit_cost)
    ON CONFLICT (id) DO NOTHING
    RETURNING id, at
    """
)
_BOOKED = text("SELECT id, qty, unit_cost FROM stock_move WHERE id = ANY(CAST(:ids AS uuid[]))")


async def receive(
    session: AsyncSession,
    *,
    sku_id: int,
    qty: int,
    unit_cost: Decimal,
    reference: str,
    actor: str,
    warehouse_id: int | None = None,
) -> UUID:
    """Book one receipt. Returns the move's id, the same for a second call. Raises Invalid, Conflict."""
    place = warehouse_id if warehouse_id is not None else await default_warehouse(session)
    return (await receive_many(session, [Receipt(sku_id, qty, unit_cost, reference, place)], actor))[0]


async def receive_many(session: AsyncSession, receipts: Sequence[Receipt], actor: str) -> list[UUID]:
    """Book many receipts with a handful of statements. Raises Conflict when one was booked with other figures."""
    for receipt in receipts:
        _check(receipt)
    if len({receipt.move_id for receipt in receipts}) < len(receipts):
        raise Invalid("A delivery names each SKU once.")
    if receipts:
        await lock_levels(session, {(one.sku_id, one.warehouse_id) for one in receipts}, create=True)
        new = await _move(session, receipts, actor)
        await _check_booked(session, [one for one in receipts if one.move_id not in new])
        await _put_in(session, [one for one in receipts if one.move_id in new])
        await emit_many(session, [_event(one, new[one.move_id]) for one in receipts if one.move_id in new])
    return [receipt.move_id for receipt in receipts]


def _check(receipt: Receipt) -> None:
    if not 0 < receipt.qty <= _MOST_UNITS:
        raise Invalid("Receive at least one unit.")
    cost = receipt.unit_cost
    places = cost.as_tuple().exponent
    if not (isinstance(places, int) and -30 <= places <= 12 and 0 <= cost < _MOST_COST and cost == round(cost, 6)):
        raise Invalid("The unit cost is zero or more, with at most six decimals.")
    if not 1 <= len(receipt.reference) <= 200:
        raise Invalid("The reference has between 1 and 200 characters.")


async def _move(session: AsyncSession, receipts: Sequence[Receipt], actor: str) -> dict[UUID, str]:
    """Write the moves that are new: id -> instant as text."""
    rows = await session.execute(
        _MOVE,
        {
            "ids": [one.move_id for one in receipts],
            "skus": [one.sku_id for one in receipts],
            "warehouses": [one.warehouse_id for one in receipts],
            "qtys": [one.qty for one in receipts],
            "references": [one.reference for one in receipts],
            "costs": [one.unit_cost for one in receipts],
            "actor": actor,
        },
    )
    return {row.id: row.at.isoformat() for row in rows}


async def _check_booked(session: AsyncSession, again: Sequence[Receipt]) -> None:
    """A second delivery of the same receipt is fine, one with other figures is not."""
    if not again:
        return
    rows = await session.execute(_BOOKED, {"ids": [one.move_id for one in again]})
    booked = {row.id: (row.qty, row.unit_cost) for row in rows}
    if any(booked[one.move_id] != (one.qty, one.unit_cost) for one in again):
        raise Conflict("This receipt has been booked with other figures.")


async def _put_in(session: AsyncSession, receipts: Sequence[Receipt]) -> None:
    added: Counter[Place] = Counter()
    for one in receipts:
        added[one.sku_id, one.warehouse_id] += one.qty
    changed = await change_levels(session, {place: Change(on_hand=qty) for place, qty in added.items()})
    await mark_dirty(session, (place[0] for place in added))
    settle_later(session, changed.levels, epoch=changed.epoch)


def _event(receipt: Receipt, at: str) -> tuple[UUID, str, dict[str, object]]:
    payload: dict[str, object] = {
        "move_id": str(receipt.move_id),
        "sku_id": receipt.sku_id,
        "warehouse_id": receipt.warehouse_id,
        "qty": receipt.qty,
        "unit_cost": str(receipt.unit_cost),
        "reference": receipt.reference,
        "at": at,
    }
    return derive("received", receipt.move_id), STOCK_RECEIVED, payload
