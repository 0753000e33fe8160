"""Writing orders that were not here before: order, lines and first diary entry, a page at a time.

Invariant: insert-or-ignore under derived ids, in the order of the ids; an order that somebody else inserted meanwhile
is not reported as recorded, so that the caller folds its reading onto what is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.seal import Seal
from hub.core.shops import Shop
from orders.sales.lifecycle import State
from orders.sales.read import Found, Incoming, line_rows, order_values, reading_of
from orders.sales.rules import Decision, fold
from orders.sales.tables import order_line, sales_order
from orders.sales.timeline import Entry, note


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one order."""

    order_id: UUID
    state: State
    changed: bool
    version: tuple[datetime, bytes, str] | None = None
    sku_ids: frozenset[int] = frozenset()


async def record(
    session: AsyncSession, shop: Shop, incoming: Sequence[Incoming], found: Found, seal: Seal | None
) -> list[Stored]:
    """Insert those of `incoming` (sorted by id) that are new; returns only these."""
    if not incoming:
        return []
    judged = {one.id: (one, reading := reading_of(shop, one, found), fold(None, reading)) for one in incoming}
    rows = [_order_row(shop, one, decision, seal) for one, _, decision in judged.values()]
    result = await session.execute(insert(sales_order).on_conflict_do_nothing().returning(sales_order.c.id), rows)
    fresh = [judged[row.id] for row in result]
    lines = [row for one, reading, decision in fresh for row in line_rows(one, reading, found, decision.gone)]
    if lines:
        await session.execute(insert(order_line), lines)
    await note(session, [_entry(one, decision) for one, _, decision in fresh])
    mine: dict[UUID, list[dict[str, Any]]] = {}
    for row in lines:
        mine.setdefault(row["order_id"], []).append(row)
    return [stored(one.id, decision.state, mine.get(one.id, [])) for one, _, decision in fresh]


def stored(order_id: UUID, state: State, lines: Sequence[Mapping[str, Any]]) -> Stored:
    """The report about an order that was written with these lines."""
    sku_ids = frozenset(row["sku_id"] for row in lines if row["sku_id"] is not None)
    return Stored(order_id, state, changed=True, sku_ids=sku_ids)


def _order_row(shop: Shop, one: Incoming, decision: Decision, seal: Seal | None) -> dict[str, Any]:
    order = one.order
    return {
        **order_values(one, seal),
        "id": one.id,
        "shop_id": shop.id,
        "external_id": order.external_id,
        "number": order.number or order.external_id,
        "state": decision.state.value,
        "state_reason": decision.reason,
        "cancel": decision.cancel,
        "placed_at": order.placed_at,
        "shipped_at": order.modified_at if decision.state in {State.SHIPPED, State.COMPLETED} else None,
    }


def _entry(one: Incoming, decision: Decision) -> Entry:
    units = sum(line.qty for line in one.order.lines)
    facts = {"state": decision.state.value, "status": one.order.status.value, "units": units}
    return Entry(one.id, "recorded", "channel", facts | ({"reason": decision.reason} if decision.reason else {}))
