"""The events that the books answer, read from their payloads into typed facts.

Invariant: what cannot be read is refused as a whole (PostingBlocked, reason `unreadable`); nothing is guessed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from finance.errors import Block, PostingBlocked
from hub.core.events import Event
from hub.core.money import parse_money

FULFILLED = "order.fulfilled"
RECEIVED = "stock.received"
ADJUSTED = "stock.adjusted"
TOPICS = (FULFILLED, RECEIVED, ADJUSTED)


@dataclass(frozen=True, slots=True)
class SoldLine:
    """Units of one order line that left one warehouse in one move. `amount` includes VAT and the shipping share."""

    line_id: UUID
    sku_id: int
    warehouse_id: int
    move_id: UUID
    qty: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """A shipment left the house."""

    event_id: UUID
    at: datetime
    order_id: UUID
    shipment_id: UUID
    shop_id: int
    number: str
    currency: str
    lines: tuple[SoldLine, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """Goods came in, no invoice yet."""

    event_id: UUID
    at: datetime
    move_id: UUID
    sku_id: int
    warehouse_id: int
    qty: int
    unit_cost: Decimal
    reference: str


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A count found fewer (qty_delta < 0) or more units; found units may carry their own cost."""

    event_id: UUID
    at: datetime
    move_id: UUID
    sku_id: int
    warehouse_id: int
    qty_delta: int
    reason: str
    unit_cost: Decimal | None


Fact = Fulfilled | Received | Adjusted


def read(event: Event) -> Fact:
    """The typed fact of an event. Raises PostingBlocked (unreadable) on a payload that is not as agreed."""
    try:
        return _READERS[event.topic](event, event.payload)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"{event.topic}: {type(error).__name__} {error}"
        raise PostingBlocked(Block.UNREADABLE, detail=detail[:300]) from error


def skus_of(fact: Fact) -> set[int]:
    """The SKUs whose value the fact changes."""
    return {line.sku_id for line in fact.lines} if isinstance(fact, Fulfilled) else {fact.sku_id}


def moves_of(fact: Fact) -> tuple[UUID, ...]:
    """The stock moves that the fact puts into the books."""
    return tuple(line.move_id for line in fact.lines) if isinstance(fact, Fulfilled) else (fact.move_id,)


def _fulfilled(event: Event, payload: Mapping[str, Any]) -> Fulfilled:
    lines = tuple(_sold(line) for line in payload["lines"])
    if not lines or len({line.move_id for line in lines}) < len(lines):
        raise ValueError("no lines, or two lines of one move")
    return Fulfilled(
        event_id=event.id,
        at=_instant(payload["shipped_at"]),
        order_id=UUID(payload["order_id"]),
        shipment_id=UUID(payload["shipment_id"]),
        shop_id=int(payload["shop_id"]),
        number=str(payload.get("number") or payload["external_id"]),
        currency=str(payload["currency"]),
        lines=lines,
    )


def _sold(line: Mapping[str, Any]) -> SoldLine:
    return SoldLine(
        line_id=UUID(line["line_id"]),
        sku_id=int(line["sku_id"]),
        warehouse_id=int(line["warehouse_id"]),
        move_id=UUID(line["move_id"]),
        qty=_units(line["qty"]),
        amount=_not_negative(line["amount"]),
    )


def _received(event: Event, payload: Mapping[str, Any]) -> Received:
    return Received(
        event_id=event.id,
        at=_instant(payload["at"]),
        move_id=UUID(payload["move_id"]),
        sku_id=int(payload["sku_id"]),
        warehouse_id=int(payload["warehouse_id"]),
        qty=_units(payload["qty"]),
        unit_cost=_not_negative(payload["unit_cost"]),
        reference=str(payload["reference"]),
    )


def _adjusted(event: Event, payload: Mapping[str, Any]) -> Adjusted:
    delta, cost = int(payload["qty_delta"]), payload.get("unit_cost")
    _units(abs(delta))
    return Adjusted(
        event_id=event.id,
        at=_instant(payload["at"]),
        move_id=UUID(payload["move_id"]),
        sku_id=int(payload["sku_id"]),
        warehouse_id=int(payload["warehouse_id"]),
        qty_delta=delta,
        reason=str(payload["reason"]),
        unit_cost=None if cost is None else _not_negative(cost),
    )


def _units(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError("units must be a positive whole number")
    return value


def _not_negative(value: object) -> Decimal:
    amount = parse_money(value)
    if amount < 0:
        raise ValueError("a negative amount")
    return amount


def _instant(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return at


_Reader = Callable[[Event, Mapping[str, Any]], Fact]
_READERS: Mapping[str, _Reader] = {FULFILLED: _fulfilled, RECEIVED: _received, ADJUSTED: _adjusted}


def in_order(facts: Sequence[Fact]) -> list[int]:
    """All SKUs of the facts, once, in the order in which their rows are locked."""
    return sorted({sku_id for fact in facts for sku_id in skus_of(fact)})
