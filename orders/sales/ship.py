"""Goods leave: claims become moves, the order's lines count up, a shipment row and one event say so.

Invariant: everything of a shipment is one transaction under the order's lock; its id is derived from the order and the
caller's key (or the attempt), so that a second call meets the first and nothing leaves twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.clock import utcnow
from hub.core.db import after_commit
from hub.core.errors import Invalid
from hub.core.ids import derive
from hub.core.money import ZERO
from hub.core.points import point
from orders.sales.amounts import billed_per_line, share_of_units
from orders.sales.close import close_cases
from orders.sales.errors import ClaimsGone, KeyReused, NotAllowed
from orders.sales.events import tell_fulfilled
from orders.sales.lifecycle import State, check
from orders.sales.lock import claim_key, lock_order
from orders.sales.tables import order_event, order_line, sales_order, shipment
from orders.sales.timeline import Entry, note
from orders.sales.wake import wake
from stockpool.claims.fulfil import Moved, fulfil

_MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class Parcel:
    """What leaves: `told` = the channel knows it already."""

    shipment_id: UUID
    carrier: str
    waybill: str
    actor: str
    shipped_at: datetime
    told: bool = False


async def ship(
    session: AsyncSession,
    order_id: UUID,
    *,
    carrier: str,
    waybill: str,
    actor: str,
    key: str | None = None,
    quantities: Mapping[UUID, int] | None = None,
) -> UUID:
    """Ship an order, or `quantities` (line id -> units) of it. Returns the shipment's id, also for the same key again.

    Raises NoSuchOrder, NotAllowed (not reserved), ClaimsGone, KeyReused (same key, other parcel), Invalid.
    """
    order = await lock_order(session, order_id)
    carrier, waybill = carrier.strip(), waybill.strip()
    if not carrier or not waybill or max(len(carrier), len(waybill)) > _MAX_TEXT:
        raise Invalid("Carrier and waybill are needed, each of at most %(limit)s characters.", limit=_MAX_TEXT)
    shipment_id = derive("shipment", order_id, f"key:{key}" if key else f"attempt:{order.attempt}")
    earlier = await _find(session, shipment_id)
    if earlier is not None:
        await _must_be_the_same(session, earlier, (carrier, waybill), quantities)
        return shipment_id
    _must_be_shippable(order)
    await book_out(session, order, Parcel(shipment_id, carrier, waybill, actor, utcnow()), quantities)
    wake(session, "tell_shipments", "handle_events")
    point("ship.before_commit")
    after_commit(session, _committed)
    return shipment_id


async def _must_be_the_same(
    session: AsyncSession, earlier: Row[Any], label: tuple[str, str], quantities: Mapping[UUID, int] | None
) -> None:
    if (earlier.carrier, earlier.waybill) != label:
        raise KeyReused("This order was shipped with waybill %(waybill)s already.", waybill=earlier.waybill)
    if quantities is None:
        same = await _was_whole(session, earlier)
    else:
        same = dict(quantities) == {UUID(line["line_id"]): line["qty"] for line in earlier.lines}
    if not same:
        raise KeyReused("This key belongs to a shipment of other units.")


async def _was_whole(session: AsyncSession, earlier: Row[Any]) -> bool:
    told = select(order_event.c.facts).where(
        order_event.c.order_id == earlier.order_id, order_event.c.kind == "shipped"
    )
    diary = (await session.execute(told)).scalars()
    return any(facts["whole"] for facts in diary if facts["shipment_id"] == str(earlier.id))


async def _committed() -> None:
    point("ship.committed")


async def book_out(
    session: AsyncSession, order: Row[Any], parcel: Parcel, quantities: Mapping[UUID, int] | None
) -> None:
    """Post the claims of a locked, reserved order. All units left when `quantities` is None."""
    lines = (await session.execute(_lines_of(order.id))).all()
    left = {line.id: line.qty - line.qty_shipped for line in lines if line.qty > line.qty_shipped}
    wanted = left if quantities is None else _checked(quantities, left)
    moved = await fulfil(
        session, claim_key(order.id), "ship", str(parcel.shipment_id), parcel.actor,
        quantities=None if wanted == left else {str(line_id): units for line_id, units in wanted.items()},
    )  # fmt: skip
    _must_have_moved(order, wanted, moved)
    whole = wanted == left
    facts = await _write(session, order, parcel, [line for line in lines if line.id in wanted], wanted)
    await _move_on(session, order, parcel, whole=whole)
    moves = {UUID(move.line): move for move in moved}
    await tell_fulfilled(session, order, parcel.shipment_id, parcel.shipped_at, [_told(one, moves) for one in facts])
    await note(session, [Entry(order.id, "shipped", parcel.actor, {
        "shipment_id": str(parcel.shipment_id), "carrier": parcel.carrier, "waybill": parcel.waybill,
        "units": sum(wanted.values()), "whole": whole,
    })])  # fmt: skip
    if whole:
        await close_cases(session, order.id, "shipped")


def _must_be_shippable(order: Row[Any]) -> None:
    if order.state in {State.SHIPPED, State.COMPLETED}:
        raise NotAllowed("This order has been shipped already.")
    if order.state == State.HELD:
        raise NotAllowed("This order is held (%(reason)s). Release it first.", reason=order.state_reason)
    if order.state == State.CANCELLED or order.cancel:
        raise NotAllowed("This order is cancelled: nothing may leave.")
    if order.state != State.RESERVED:
        raise NotAllowed("This order has no reserved units yet: it is %(state)s.", state=order.state)


def _checked(quantities: Mapping[UUID, int], left: Mapping[UUID, int]) -> dict[UUID, int]:
    if not quantities or any(not 0 < units <= left.get(line_id, 0) for line_id, units in quantities.items()):
        raise Invalid("Each line ships at least one unit and at most what is left of it.")
    return dict(quantities)


def _must_have_moved(order: Row[Any], wanted: Mapping[UUID, int], moved: Sequence[Moved]) -> None:
    units: dict[UUID, int] = {}
    for move in moved:
        units[UUID(move.line)] = units.get(UUID(move.line), 0) + move.qty
    if units != wanted:
        raise ClaimsGone("The units of order %(number)s are no longer reserved.", number=order.number)


async def _find(session: AsyncSession, shipment_id: UUID) -> Row[Any] | None:
    return (await session.execute(select(shipment).where(shipment.c.id == shipment_id))).one_or_none()


def _lines_of(order_id: UUID) -> Any:
    return select(order_line).where(order_line.c.order_id == order_id).order_by(order_line.c.position)


async def _write(
    session: AsyncSession, order: Row[Any], parcel: Parcel, lines: Sequence[Row[Any]], wanted: Mapping[UUID, int]
) -> list[dict[str, Any]]:
    """The shipment row and the lines' counters; returns the shipment's lines."""
    earlier = await session.execute(select(shipment.c.lines).where(shipment.c.order_id == order.id))
    billed = billed_per_line([row.lines for row in earlier])
    facts = [_fact(line, wanted[line.id], billed.get(str(line.id), ZERO), order.currency) for line in lines]
    await session.execute(
        insert(shipment).values(
            id=parcel.shipment_id, order_id=order.id, shop_id=order.shop_id, carrier=parcel.carrier,
            waybill=parcel.waybill, actor=parcel.actor, shipped_at=parcel.shipped_at, lines=facts,
            told_at=parcel.shipped_at if parcel.told else None,
        )
    )  # fmt: skip
    connection = await session.connection()
    await connection.execute(
        update(order_line)
        .where(order_line.c.id == bindparam("line"))
        .values(qty_shipped=order_line.c.qty_shipped + bindparam("units")),
        [{"line": line_id, "units": units} for line_id, units in wanted.items()],
    )
    return facts


def _fact(line: Row[Any], units: int, billed: Decimal, currency: str) -> dict[str, Any]:
    amount = share_of_units(line.amount, line.qty, line.qty_shipped + units, billed, currency)
    return {
        "line_id": str(line.id),
        "external_line_id": line.external_line_id,
        "platform_sku": line.platform_sku,
        "sku_id": line.sku_id,
        "title": line.title,
        "qty": units,
        "amount": str(amount),
    }


def _told(fact: Mapping[str, Any], moves: Mapping[UUID, Moved]) -> dict[str, Any]:
    move = moves[UUID(str(fact["line_id"]))]
    named = {key: fact[key] for key in ("line_id", "sku_id", "qty", "amount", "title")}
    return named | {"move_id": str(move.move_id), "warehouse_id": move.warehouse_id}


async def _move_on(session: AsyncSession, order: Row[Any], parcel: Parcel, *, whole: bool) -> None:
    """Shipped when nothing is left; else the rest stays reserved, under an attempt that no claim of it has used."""
    values: dict[str, Any] = {"attempt": order.attempt + 1}
    if whole:
        values = {
            "state": check(order.state, State.SHIPPED).value,
            "state_reason": None,
            "shipped_at": parcel.shipped_at,
            "claimed": False,
            "lease_until": text("'-infinity'"),
        }
    await session.execute(update(sales_order).where(sales_order.c.id == order.id).values(**values))
