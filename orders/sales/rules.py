"""What a new reading of a channel order does to ours: pure, so that any order of arrival ends in the same state.

Invariant: the newest version (`modified_at`) decides and nothing older changes anything; at equal versions the status
that is further along wins (some channels stamp whole seconds), otherwise the first reading is kept. What a person
decided here (cancelled, held) is not undone by the channel.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from channels.kit.types import ChannelOrder, OrderStatus
from orders.sales.lifecycle import GONE, State

_RANK = {
    OrderStatus.PENDING: 0,
    OrderStatus.HOLD: 1,
    OrderStatus.TO_SHIP: 2,
    OrderStatus.PART_SHIPPED: 3,
    OrderStatus.SHIPPED: 4,
    OrderStatus.COMPLETED: 5,
    OrderStatus.CANCELLED: 6,
    OrderStatus.REFUNDED: 7,
}
_CLOSED = {OrderStatus.CANCELLED, OrderStatus.REFUNDED}
_LEFT_AT_CHANNEL = {OrderStatus.SHIPPED, OrderStatus.COMPLETED}


class Reason(StrEnum):
    """Why an order is in its state, where the state alone does not say."""

    CANCELLED_HERE = "cancelled_here"
    CANCELLED_BY_CHANNEL = "cancelled_by_channel"
    ALL_REMOVED = "all_removed"
    HELD_HERE = "held_here"
    HELD_BY_CHANNEL = "held_by_channel"
    CANCEL_REQUESTED = "cancel_requested"
    NO_LINES = "no_lines"
    BEFORE_CONNECTION = "before_connection"
    NO_STOCK = "no_stock"
    CLAIMS_VOIDED = "claims_voided"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, ours or the channel's: `gone` = units that have left (ours: shipped; the channel's: what it says)."""

    sku_id: int | None
    qty: int
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of an order."""

    state: State
    reason: str | None
    status: OrderStatus
    modified_at: datetime
    body_hash: bytes
    cancel: bool
    attempt: int
    claimed: bool
    lines: Mapping[str, Line]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the channel says now; `before_connection` = it was placed before the shop was connected."""

    status: OrderStatus
    modified_at: datetime
    body_hash: bytes
    cancel_requested: bool
    lines: Mapping[str, Line]
    before_connection: bool = False


class Verdict(StrEnum):
    RECORD = "record"
    IGNORE = "ignore"
    """an older or the same version"""
    DIFFERS = "differs"
    """the same version with another content: the first is kept"""
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: the state and flags afterwards, whether open claims are given back, whether lines are rewritten."""

    verdict: Verdict
    state: State
    reason: str | None = None
    cancel: bool = False
    attempt: int = 1
    void: bool = False
    claimed: bool = False
    rewrite_lines: bool = True
    late_cancel: bool = False
    gone: Mapping[str, int] = field(default_factory=dict)
    """units per line that had left before we knew of the order"""


def fold(known: Known | None, reading: Reading) -> Decision:
    """Decide about one reading."""
    if known is None:
        return _record(reading)
    verdict = compare(known.modified_at, known.body_hash, known.status, reading)
    if verdict is not Verdict.CHANGE:
        return Decision(verdict, known.state, known.reason, known.cancel, known.attempt, claimed=known.claimed)
    if known.state is State.CANCELLED and known.reason == Reason.CANCELLED_HERE:
        left = reading.status in _LEFT_AT_CHANNEL
        return _stay(known, late_cancel=left)
    if known.state in GONE:
        return _after_the_goods_left(known, reading)
    return _amend(known, reading)


def compare(modified_at: datetime, body_hash: bytes, status: OrderStatus, reading: Reading) -> Verdict:
    """How a reading relates to the stored version."""
    if reading.modified_at != modified_at:
        return Verdict.CHANGE if reading.modified_at > modified_at else Verdict.IGNORE
    if reading.body_hash == body_hash:
        return Verdict.IGNORE
    return Verdict.CHANGE if _RANK[reading.status] > _RANK[status] else Verdict.DIFFERS


def moves_the_shop(known: Known, reading: Reading) -> bool:
    """Whether the channel has changed by itself what it shows for sale: it took units, or put some back."""
    if {key: line.qty for key, line in known.lines.items()} != {key: line.qty for key, line in reading.lines.items()}:
        return True
    turning = _CLOSED | {OrderStatus.PENDING}
    return known.status is not reading.status and bool({known.status, reading.status} & turning)


def precedence(order: ChannelOrder) -> tuple[datetime, int]:
    """Of several readings of one order the greatest counts."""
    return order.modified_at, _RANK[order.status]


def wanted(reading: Reading, gone: Mapping[str, int]) -> tuple[State, str | None]:
    """The state that the channel's reading alone asks for; NEW stands for "its units are to be claimed"."""
    units_left = {key: line.qty - gone.get(key, 0) for key, line in reading.lines.items()}
    if reading.status in _CLOSED:
        return State.CANCELLED, Reason.CANCELLED_BY_CHANNEL
    if not reading.lines:
        return State.HELD, Reason.NO_LINES
    if not any(units > 0 for units in units_left.values()):
        return _nothing_left(reading, gone)
    unmapped = any(reading.lines[key].sku_id is None for key, units in units_left.items() if units > 0)
    return _waits_for_others(reading) or ((State.UNMAPPED if unmapped else State.NEW), None)


def units_gone_elsewhere(status: OrderStatus, lines: Mapping[str, tuple[int, int, int]]) -> dict[str, int]:
    """Units that the channel says have left and we have not shipped. `lines`: (qty, shipped here, shipped there).

    A merchant who ships by hand in the channel's back office moves real goods: they are booked out here as well. A
    channel that calls the whole order shipped means all its units; one that calls it part-shipped names them per line.
    """
    if status in _LEFT_AT_CHANNEL:
        left = {key: qty - ours for key, (qty, ours, _) in lines.items()}
    elif status is OrderStatus.PART_SHIPPED:
        left = {key: min(qty, theirs) - ours for key, (qty, ours, theirs) in lines.items()}
    else:
        return {}
    return {key: units for key, units in left.items() if units > 0}


def body_hash(order: ChannelOrder) -> bytes:
    """SHA-256 over the business content: not the version, and not buyer data, which channels mask anew at each call."""
    content = [
        order.status, order.currency, _exact(order.total), _exact(order.shipping), order.tax_included,
        order.cancel_requested, order.paid_at.timestamp() if order.paid_at else None,
        sorted(
            [
                line.line_id, line.sku or "", line.platform_sku, line.qty, line.qty_ordered, line.qty_shipped,
                _exact(line.unit_price), _exact(line.discount), _exact(line.tax), _exact(line.shipping_share),
                line.cancel_requested,
            ]
            for line in order.lines
        ),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()).digest()


@dataclass(frozen=True, slots=True)
class Backorder:
    """An order that waits for units: what it still needs per Sku."""

    order_id: UUID
    needs: Mapping[int, int]


def servable(waiting: Sequence[Backorder], free: Mapping[int, int]) -> list[UUID]:
    """Which waiting orders, oldest first, can be served whole from `free` units per Sku.

    An old order that does not fit does not block a younger one that does: its units would otherwise be sold elsewhere.
    """
    left = dict(free)
    served = []
    for order in waiting:
        if all(left.get(sku_id, 0) >= units for sku_id, units in order.needs.items()):
            served.append(order.order_id)
            for sku_id, units in order.needs.items():
                left[sku_id] -= units
    return served


def _record(reading: Reading) -> Decision:
    gone = _gone_before(reading)
    state, reason = wanted(reading, gone)
    if state in GONE:
        reason = Reason.BEFORE_CONNECTION
    return Decision(Verdict.RECORD, state, reason, cancel=state is State.CANCELLED, gone=gone)


def _gone_before(reading: Reading) -> dict[str, int]:
    """Goods that left before the shop was connected were gone when its stock was first counted: no move of ours."""
    if not reading.before_connection:
        return {}
    return units_gone_elsewhere(reading.status, {key: (line.qty, 0, line.gone) for key, line in reading.lines.items()})


def _amend(known: Known, reading: Reading) -> Decision:
    gone = {key: line.gone for key, line in known.lines.items()}
    state, reason = wanted(reading, gone)
    if state is State.CANCELLED:
        return _cancelled(known, reason)
    changed = bool(reading.lines) and _demand(known.lines, gone) != _demand(reading.lines, gone)
    void = known.claimed and (changed or state in {State.PENDING, State.UNMAPPED} or state in GONE)
    claimed = known.claimed and not void
    again = changed or void or known.state is State.CANCELLED
    if known.state is State.HELD and known.reason == Reason.HELD_HERE and state not in GONE:
        state, reason = State.HELD, Reason.HELD_HERE
    elif state is State.NEW and claimed:
        state = State.RESERVED
    elif state is State.NEW and known.state is State.BACKORDERED and not again:
        state, reason = State.BACKORDERED, known.reason
    return Decision(
        Verdict.CHANGE,
        state,
        reason,
        attempt=known.attempt + again,
        void=void,
        claimed=claimed,
        rewrite_lines=bool(reading.lines),
    )


def _cancelled(known: Known, reason: str | None) -> Decision:
    """Part of it may have left already: then it stays a shipped order, flagged, and the rest is given back."""
    part_gone = any(line.gone for line in known.lines.values())
    return Decision(
        Verdict.CHANGE,
        State.SHIPPED if part_gone else State.CANCELLED,
        reason,
        cancel=True,
        attempt=known.attempt,
        void=known.claimed,
        rewrite_lines=False,
        late_cancel=part_gone,
    )


def _after_the_goods_left(known: Known, reading: Reading) -> Decision:
    gone = {key: line.gone for key, line in known.lines.items()}
    state, reason = wanted(reading, gone)
    if state is State.CANCELLED:
        return _stay(known, late_cancel=True, cancel=True)
    if known.state is State.SHIPPED and state in {State.NEW, State.UNMAPPED, State.HELD} and reading.lines:
        return Decision(Verdict.CHANGE, state, reason, attempt=known.attempt + 1)  # more was ordered: the order lives
    if reading.status is OrderStatus.COMPLETED:
        return Decision(Verdict.CHANGE, State.COMPLETED, known.reason, known.cancel, known.attempt, rewrite_lines=False)
    return _stay(known)


def _stay(known: Known, *, late_cancel: bool = False, cancel: bool = False) -> Decision:
    return Decision(
        Verdict.CHANGE,
        known.state,
        known.reason,
        known.cancel or cancel,
        known.attempt,
        claimed=known.claimed,
        rewrite_lines=False,
        late_cancel=late_cancel,
    )


def _waits_for_others(reading: Reading) -> tuple[State, str | None] | None:
    if reading.status is OrderStatus.PENDING:
        return State.PENDING, None
    if reading.status is OrderStatus.HOLD:
        return State.HELD, Reason.HELD_BY_CHANNEL
    if reading.cancel_requested and reading.status not in _LEFT_AT_CHANNEL:
        return State.HELD, Reason.CANCEL_REQUESTED
    return None


def _nothing_left(reading: Reading, gone: Mapping[str, int]) -> tuple[State, str | None]:
    if not any(gone.values()):
        return State.CANCELLED, Reason.ALL_REMOVED
    return (State.COMPLETED if reading.status is OrderStatus.COMPLETED else State.SHIPPED), None


def _demand(lines: Mapping[str, Line], gone: Mapping[str, int]) -> dict[str, tuple[int | None, int]]:
    left = {key: (line.sku_id, line.qty - gone.get(key, 0)) for key, line in lines.items()}
    return {key: (sku_id, units) for key, (sku_id, units) in left.items() if units > 0}


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")
