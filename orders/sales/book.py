"""Reserving marketplace orders: lease a batch, one gate call, one grant transaction, settle.

The sale has happened on the channel, so a "no" of the gate is not an answer here: PostgreSQL decides. What it cannot
serve becomes a backorder with a case. Invariant: order rows are locked by id, then stock rows by key; an order is
decided only when its state and attempt are still those that were asked for. No network call happens inside a
transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.kit.types import OrderStatus
from hub.core.db import Database
from hub.core.errors import Invalid
from hub.core.log import get_logger
from hub.core.points import point
from orders.sales.close import close_cases_for
from orders.sales.elsewhere import ship_elsewhere
from orders.sales.lifecycle import State
from orders.sales.lock import claim_key, is_one_of
from orders.sales.oversell import open_oversell_cases
from orders.sales.rules import Reason
from orders.sales.tables import order_line, sales_order
from orders.sales.timeline import Entry, note
from orders.sales.wake import wake
from stockpool.catalogue import default_warehouse
from stockpool.claims.gate import Gate, Verdict
from stockpool.claims.grant import Short, Spent, grant
from stockpool.claims.rules import Ask, Line

log = get_logger(__name__)
_LEASE = text("interval '20 seconds'")  # longer than any batch takes; after it the sweeper drives the order again
_SHIPPED_ELSEWHERE = {OrderStatus.PART_SHIPPED, OrderStatus.SHIPPED, OrderStatus.COMPLETED}


@dataclass(frozen=True, slots=True)
class Booked:
    """What became of one batch. `taken` = orders leased; 0 means that nothing waits."""

    reserved: int = 0
    backordered: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class _Asked:
    order_id: UUID
    arrived: tuple[datetime, datetime, UUID]
    attempt: int
    ask: Ask


async def book_new(db: Database, gate: Gate | None, limit: int = 200) -> Booked:
    """Reserve up to `limit` orders that are `new`, oldest first. Call again while `taken` is not 0."""
    async with db.transaction() as session:
        asked = await _lease(session, limit)
    if not asked:
        return Booked()
    asks = [one.ask for one in asked]
    admitted: set[str] = set()
    if gate is not None:  # the pendings keep other channels from being promised the same units meanwhile
        admitted = {answer.key for answer in await gate.admit(asks) if answer.verdict is Verdict.OK}
    point("gate.admitted")
    async with db.transaction() as session:
        if gate is not None:
            session.info["gate"] = gate
        booked, skipped = await _decide(session, asked, admitted)
        point("book.before_commit")
    point("book.committed")
    if gate is not None and skipped:
        await gate.settle([one.ask.ticket for one in skipped], ())
    return booked


async def _lease(session: AsyncSession, limit: int) -> list[_Asked]:
    """Take orders for a while, so that two workers do not ask for the same ones; a lease that runs out is no harm."""
    waiting = (
        select(sales_order.c.id)
        .where(sales_order.c.state == State.NEW.value, sales_order.c.lease_until < func.now())
        .order_by(sales_order.c.recorded_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    leased = await session.execute(
        update(sales_order)
        .where(sales_order.c.id.in_(waiting))
        .values(lease_until=func.now() + _LEASE)
        .returning(sales_order.c.id, sales_order.c.attempt, sales_order.c.recorded_at, sales_order.c.placed_at)
    )
    rows = {row.id: row for row in leased}
    lines: dict[UUID, list[Line]] = {}
    for line in await session.execute(_open_lines(list(rows))):
        lines.setdefault(line.order_id, []).append(Line(str(line.id), line.sku_id, line.units))
    asked = []
    place = await default_warehouse(session) if rows else 0
    for order_id, row in rows.items():
        try:
            ask = Ask(claim_key(order_id), tuple(lines.get(order_id, ())), place, row.attempt)
        except Invalid as error:
            await _hold(session, order_id, str(error))
            continue
        asked.append(_Asked(order_id, (row.recorded_at, row.placed_at, order_id), row.attempt, ask))
    return sorted(asked, key=lambda one: one.arrived)


def _open_lines(order_ids: Sequence[UUID]) -> Any:
    units = (order_line.c.qty - order_line.c.qty_shipped).label("units")
    return (
        select(order_line.c.order_id, order_line.c.id, order_line.c.sku_id, units)
        .where(is_one_of(order_line.c.order_id, order_ids), units > 0)
        .order_by(order_line.c.order_id, order_line.c.position)
    )


async def _hold(session: AsyncSession, order_id: UUID, why: str) -> None:
    """An order that no claim can express (too many lines) waits for a person instead of stopping the batch."""
    log.warning("order_not_claimable", order_id=str(order_id), reason=why[:200])
    await session.execute(
        update(sales_order).where(sales_order.c.id == order_id).values(state=State.HELD.value, state_reason=why[:200])
    )
    await note(session, [Entry(order_id, "held", facts={"reason": why[:200]})])


async def _decide(
    session: AsyncSession, asked: Sequence[_Asked], admitted: Collection[str]
) -> tuple[Booked, list[_Asked]]:
    rows = await _lock_undecided(session, [one.order_id for one in asked])
    live = [one for one in asked if one.order_id in rows and rows[one.order_id].attempt == one.attempt]
    skipped = [one for one in asked if one not in live]
    if not live:
        return Booked(taken=len(asked)), skipped
    # A sale has lowered its shop's own number, which then is not what we told it; a later attempt has not.
    moved = {(sku_id, rows[one.order_id].shop_id) for one in live if one.attempt == 1 for sku_id in _skus_of([one])}
    answers = await grant(session, [one.ask for one in live], also_dirty=_skus_of(live), moved=moved)
    spent = [one for one in live if isinstance(answers[one.ask.key], Spent)]
    await _ask_anew(session, [one.order_id for one in spent])
    live = [one for one in live if one not in spent]
    short: dict[UUID, Mapping[int, int]] = {}
    for one in live:
        answer = answers[one.ask.key]
        if isinstance(answer, Short):
            short[one.order_id] = answer.missing
    granted = [one.order_id for one in live if one.order_id not in short]
    await _write(session, granted, State.RESERVED)
    await _write(session, list(short), State.BACKORDERED)
    await note(session, [Entry(one.order_id, *_told(one, short)) for one in live])
    await open_oversell_cases(session, short)
    late = sum(one.ask.key in admitted for one in live if one.order_id in short)
    if late:
        log.info("late_no", orders=late)
    again = [one.order_id for one in live if one.attempt > 1 and one.order_id not in short]
    await close_cases_for(session, again, "its units are reserved now")
    for order_id in granted:
        if rows[order_id].channel_status in _SHIPPED_ELSEWHERE:
            await ship_elsewhere(session, order_id)
    wake(session, "relay")
    return Booked(len(granted), len(short), len(asked)), skipped


def _skus_of(asked: Sequence[_Asked]) -> set[int]:
    return {line.sku_id for one in asked for line in one.ask.lines}


def _told(one: _Asked, short: Mapping[UUID, Mapping[int, int]]) -> tuple[str, str, dict[str, Any]]:
    if one.order_id not in short:
        return "reserved", "hub", {"attempt": one.attempt}
    missing = {str(sku_id): units for sku_id, units in short[one.order_id].items()}
    return "backordered", "hub", {"attempt": one.attempt, "missing": missing}


async def _lock_undecided(session: AsyncSession, order_ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    columns = [sales_order.c[name] for name in ("id", "shop_id", "attempt", "channel_status")]
    rows = await session.execute(
        select(*columns)
        .where(is_one_of(sales_order.c.id, order_ids), sales_order.c.state == State.NEW.value)
        .order_by(sales_order.c.id)
        .with_for_update()
    )
    return {row.id: row for row in rows}


async def _ask_anew(session: AsyncSession, order_ids: Sequence[UUID]) -> None:
    """This attempt has been voided already: the next one decides, in the next batch."""
    if order_ids:
        fresh = {"attempt": sales_order.c.attempt + 1, "lease_until": text("'-infinity'")}
        await session.execute(update(sales_order).where(is_one_of(sales_order.c.id, order_ids)).values(**fresh))


async def _write(session: AsyncSession, order_ids: Sequence[UUID], state: State) -> None:
    if order_ids:
        reserved = state is State.RESERVED
        await session.execute(
            update(sales_order)
            .where(is_one_of(sales_order.c.id, order_ids))
            .values(
                state=state.value,
                state_reason=None if reserved else Reason.NO_STOCK.value,
                claimed=reserved,
                decided_at=func.clock_timestamp(),
                lease_until=text("'-infinity'"),
            )
        )
