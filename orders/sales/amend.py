"""Folding newer readings onto orders that are here: lines, state, claims.

Invariant: order rows are locked by id, then the stock rows of all claims that will be freed or posted, before the
first change; claims of changed lines are voided in the same transaction that changes the lines, and the order asks
anew under the next attempt.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from channels.kit.types import OrderStatus
from hub.core.log import get_logger
from hub.core.seal import Seal
from hub.core.shops import Shop
from orders.sales.cancel import pass_cancel_points
from orders.sales.close import close_cases, open_late_cancel
from orders.sales.elsewhere import ship_elsewhere
from orders.sales.lifecycle import GONE, State, check
from orders.sales.lock import claim_key, is_one_of, lock_levels_of, lock_orders
from orders.sales.read import Found, Incoming, line_rows, order_values, reading_of
from orders.sales.record import Stored, stored
from orders.sales.refill import refill
from orders.sales.rules import Decision, Known, Line, Reading, Verdict, fold, moves_the_shop, units_gone_elsewhere
from orders.sales.tables import order_event, order_line, sales_order
from orders.sales.timeline import Entry, note
from stockpool.claims.release import release
from stockpool.offers.dirty import mark_dirty

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Fold:
    row: Row[Any]
    lines: Sequence[Row[Any]]
    incoming: Incoming
    reading: Reading
    decision: Decision


async def amend(
    session: AsyncSession,
    shop: Shop,
    incoming: Sequence[Incoming],
    found: Found,
    *,
    seal: Seal | None,
    also_dirty: Collection[int] = (),
) -> list[Stored]:
    """Fold each reading onto its stored order. The offers of their Skus and of `also_dirty` are computed again."""
    if not incoming:
        await mark_dirty(session, also_dirty, moved=[(sku_id, shop.id) for sku_id in also_dirty])
        return []
    folds = await _judge(session, shop, incoming, found)
    await note(session, await _differing(session, [one for one in folds if one.decision.verdict is Verdict.DIFFERS]))
    changes = [one for one in folds if one.decision.verdict is Verdict.CHANGE]
    await lock_levels_of(session, [one.row.id for one in changes if one.row.claimed and _touches_claims(one)])
    movers = [one for one in changes if moves_the_shop(_known(one.row, one.lines), one.reading)]
    moved = {*also_dirty, *_sku_ids(movers)}
    # All at once, after the stock rows: see lock.py.
    await mark_dirty(session, _sku_ids(changes), moved=[(sku_id, shop.id) for sku_id in moved])
    for one in changes:
        if one.decision.void:
            await release(session, claim_key(one.row.id), f"order {one.decision.state}")
    rows = await _write_lines(session, changes, found)
    await _write_orders(session, changes, seal)
    await note(session, [_entry(one) for one in changes if one.reading.body_hash != one.row.body_hash])
    shipped = {one.row.id: await _follow(session, one) for one in changes}
    freed = {line.sku_id for one in changes if one.decision.void for line in one.lines if line.sku_id}
    await refill(session, sorted(freed))
    if any(one.decision.cancel and one.decision.void for one in changes):
        pass_cancel_points(session)
    unchanged = [
        Stored(one.row.id, one.decision.state, changed=False)
        for one in folds
        if one.decision.verdict is not Verdict.CHANGE
    ]
    return unchanged + [stored(one.row.id, shipped[one.row.id], rows[one.row.id]) for one in changes]


async def _judge(session: AsyncSession, shop: Shop, incoming: Sequence[Incoming], found: Found) -> list[_Fold]:
    by_id = {one.id: one for one in incoming}
    rows = await lock_orders(session, by_id)
    lines: dict[UUID, list[Row[Any]]] = {}
    for line in await session.execute(select(order_line).where(is_one_of(order_line.c.order_id, by_id))):
        lines.setdefault(line.order_id, []).append(line)
    folds = []
    for row in rows:
        mine, one = lines.get(row.id, []), by_id[row.id]
        reading = reading_of(shop, one, found, _kept_skus(one, mine))
        folds.append(_Fold(row, mine, one, reading, fold(_known(row, mine), reading)))
    return folds


def _sku_ids(folds: Sequence[_Fold]) -> set[int]:
    before = {line.sku_id for one in folds for line in one.lines if line.sku_id is not None}
    return before | {line.sku_id for one in folds for line in one.reading.lines.values() if line.sku_id is not None}


def _known(row: Row[Any], lines: Sequence[Row[Any]]) -> Known:
    return Known(
        State(row.state), row.state_reason, OrderStatus(row.channel_status), row.modified_at, row.body_hash, row.cancel,
        row.attempt, row.claimed,
        {line.external_line_id: Line(line.sku_id, line.qty, line.qty_shipped) for line in lines},
    )  # fmt: skip


def _kept_skus(one: Incoming, lines: Sequence[Row[Any]]) -> dict[str, int | None]:
    """Lines that still sell the same item keep the Sku they were booked with."""
    names = {line.line_id: line.platform_sku for line in one.order.lines}
    return {
        line.external_line_id: line.sku_id for line in lines if names.get(line.external_line_id) == line.platform_sku
    }


def _touches_claims(one: _Fold) -> bool:
    return one.decision.void or bool(_gone_elsewhere(one))


def _gone_elsewhere(one: _Fold) -> Mapping[str, int]:
    ours = {line.external_line_id: line.qty_shipped for line in one.lines}
    lines = {key: (line.qty, ours.get(key, 0), line.gone) for key, line in one.reading.lines.items()}
    return units_gone_elsewhere(one.reading.status, lines)


async def _write_lines(
    session: AsyncSession, changes: Sequence[_Fold], found: Found
) -> dict[UUID, list[dict[str, Any]]]:
    """Rewrite the lines of those orders whose decision says so; returns what each order's lines are now."""
    rows: dict[UUID, list[dict[str, Any]]] = {}
    for one in changes:
        here = {line.external_line_id: line.qty_shipped for line in one.lines}
        incoming = line_rows(one.incoming, one.reading, found, here)
        rows[one.row.id] = incoming if one.decision.rewrite_lines else [dict(line._mapping) for line in one.lines]
    written = [row for one in changes if one.decision.rewrite_lines for row in rows[one.row.id]]
    if written:
        statement = insert(order_line)
        kept = {"id", "order_id", "external_line_id", "qty_shipped"}
        news = {column.name: statement.excluded[column.name] for column in order_line.c if column.name not in kept}
        await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=news), written)
    removed = [
        line.id
        for one in changes
        if one.decision.rewrite_lines
        for line in one.lines
        if line.external_line_id not in one.reading.lines
    ]
    if removed:
        await session.execute(update(order_line).where(is_one_of(order_line.c.id, removed)).values(qty=0, amount=0))
    await _note_channel_shipped(session, changes)
    return rows


async def _note_channel_shipped(session: AsyncSession, changes: Sequence[_Fold]) -> None:
    told = [
        {"line": line.id, "theirs": one.reading.lines[line.external_line_id].gone}
        for one in changes
        if not one.decision.rewrite_lines
        for line in one.lines
        if line.external_line_id in one.reading.lines
    ]
    if told:
        statement = update(order_line).where(order_line.c.id == bindparam("line"))
        connection = await session.connection()
        await connection.execute(statement.values(channel_shipped=bindparam("theirs")), told)


async def _write_orders(session: AsyncSession, changes: Sequence[_Fold], seal: Seal | None) -> None:
    if not changes:
        return
    names = [*_order_values(changes[0], seal)]
    statement = update(sales_order).where(sales_order.c.id == bindparam("order"))
    settings: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    settings["lease_until"] = text("'-infinity'")
    connection = await session.connection()
    await connection.execute(
        statement.values(**settings),
        [
            {"order": one.row.id, **{f"new_{key}": value for key, value in _order_values(one, seal).items()}}
            for one in changes
        ],
    )


def _order_values(one: _Fold, seal: Seal | None) -> dict[str, Any]:
    decision = one.decision
    values = order_values(one.incoming, seal)
    if not decision.rewrite_lines:
        values["units"] = one.row.units
    if values["private"] is None or one.incoming.order.status in {OrderStatus.CANCELLED, OrderStatus.REFUNDED}:
        values["private"] = one.row.private  # channels blank the address of what is closed
    check(one.row.state, decision.state)
    return values | {
        "state": decision.state.value,
        "state_reason": decision.reason,
        "cancel": decision.cancel,
        "attempt": decision.attempt,
        "claimed": decision.claimed,
        "total": one.row.total if decision.cancel else values["total"],
        "number": one.incoming.order.number or one.row.number,
        "paid_at": values["paid_at"] or one.row.paid_at,
    }


def _entry(one: _Fold) -> Entry:
    kind = "cancelled" if one.decision.state is State.CANCELLED and one.row.state != State.CANCELLED else "changed"
    facts = {"state": one.decision.state.value, "status": one.reading.status.value, "attempt": one.decision.attempt}
    return Entry(one.row.id, kind, "channel", facts | ({"reason": one.decision.reason} if one.decision.reason else {}))


async def _follow(session: AsyncSession, one: _Fold) -> State:
    """Cases and shipments that the change asks for; returns the state in the end."""
    decision = one.decision
    if decision.late_cancel:
        await open_late_cancel(session, one.row, decision.reason or one.reading.status.value)
    if decision.state is State.CANCELLED or decision.state in GONE:
        await close_cases(session, one.row.id, f"order {decision.state}")
    if decision.claimed and decision.state is State.RESERVED and await ship_elsewhere(session, one.row.id):
        row = await session.execute(select(sales_order.c.state).where(sales_order.c.id == one.row.id))
        return State(row.scalar_one())
    return decision.state


async def _differing(session: AsyncSession, folds: Sequence[_Fold]) -> list[Entry]:
    """The same version with another body: said once per body, however often the channel repeats it."""
    entries = []
    for one in folds:
        digest = one.reading.body_hash.hex()[:16]
        said = await session.execute(
            select(func.count()).where(
                order_event.c.order_id == one.row.id,
                order_event.c.kind == "differs",
                order_event.c.facts["content"].astext == digest,
            )
        )
        if not said.scalar_one():
            log.warning("order_differs", order_id=str(one.row.id), shop_id=one.row.shop_id, content=digest)
            entries.append(Entry(one.row.id, "differs", "channel", {"content": digest}))
    return entries
