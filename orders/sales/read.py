"""Turning a ChannelOrder into what we store and judge: bounded, cleaned, its lines joined to listings and Skus.

Invariant: one order that cannot be stored (a field too long, an amount too large, a time beyond the calendar) is
refused alone; it never takes the page down with it, nor later the lists and batches that it would stand in.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from channels.kit.types import ChannelLine, ChannelOrder
from hub.core.ids import derive
from hub.core.money import ZERO
from hub.core.seal import Seal
from hub.core.shops import Shop
from orders.sales.amounts import line_amounts
from orders.sales.errors import Unreadable
from orders.sales.rules import Line, Reading, body_hash

MAX_PRIVATE_BYTES = 64_000
_MAX_AMOUNT = Decimal(10) ** 11
_YEARS = range(2000, 2200)  # years 1 and 9999 overflow when they are moved to another zone
_MAX_FIELD_CHARS = 500

Found = Mapping[str, tuple[int, int | None]]
"""listing name -> (listing id, sku id or None while unmapped)"""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One channel order on its way in."""

    id: UUID
    order: ChannelOrder
    body_hash: bytes
    private: bytes
    """buyer and address as JSON, not yet sealed"""
    amounts: tuple[Decimal, ...]
    """what the buyer pays for each line, in the order of the lines"""


def receive(shop: Shop, order: ChannelOrder) -> Incoming:
    """Check the limits. Raises Unreadable."""
    private = _private(order)
    texts = [order.external_id, order.number, *(text for line in order.lines for text in _texts(line))]
    if any("\x00" in text or len(text) > _MAX_FIELD_CHARS for text in texts):
        raise Unreadable("A text of this order is longer than %(limit)s or holds a zero byte.", limit=_MAX_FIELD_CHARS)
    amounts = _bounded([order.total or ZERO, order.shipping, *(one for line in order.lines for one in _money(line))])
    if min(amounts[:2]) < 0:
        raise Unreadable("The total or the shipping of this order is below zero.")
    if any(at is not None and at.year not in _YEARS for at in (order.placed_at, order.paid_at, order.modified_at)):
        raise Unreadable("A time of this order is not of this age.")
    if len({line.line_id for line in order.lines}) != len(order.lines):
        raise Unreadable("Two lines of this order have the same id.")
    shares = tuple(_bounded(line_amounts(order)))
    return Incoming(derive("order", shop.id, order.external_id), order, body_hash(order), private, shares)


def _bounded(amounts: list[Decimal]) -> list[Decimal]:
    if any(not amount.is_finite() or abs(amount) > _MAX_AMOUNT for amount in amounts):
        raise Unreadable("An amount of this order is beyond %(limit)s.", limit=_MAX_AMOUNT)
    return amounts


def listing_name(line: ChannelLine) -> str:
    """The external id of the listing that a line sells; lines without one are told apart by code or title."""
    return line.platform_sku or (f"sku:{line.sku}" if line.sku else f"title:{line.title[:180]}")


def wanted_listings(incoming: Iterable[Incoming]) -> list[tuple[str, str | None, str]]:
    """(name, seller's code, title) of every listing in these orders, once, sorted."""
    named = {listing_name(line): line for one in incoming for line in one.order.lines}
    return [(name, named[name].sku or None, named[name].title) for name in sorted(named)]


def reading_of(shop: Shop, incoming: Incoming, found: Found, kept: Mapping[str, int | None] | None = None) -> Reading:
    """What rules.fold judges. `kept` = the Skus of known lines: a listing mapped anew does not move old orders."""
    order, kept = incoming.order, kept or {}
    return Reading(
        status=order.status,
        modified_at=order.modified_at,
        body_hash=incoming.body_hash,
        cancel_requested=order.cancel_requested or any(line.cancel_requested and line.qty for line in order.lines),
        lines={
            line.line_id: Line(kept.get(line.line_id) or found[listing_name(line)][1], line.qty, line.qty_shipped)
            for line in order.lines
        },
        before_connection=order.placed_at < shop.created_at,
    )


def order_values(incoming: Incoming, seal: Seal | None) -> dict[str, Any]:
    """The columns of sales_order that come from the channel. Without a seal buyer data is not kept here at all."""
    order = incoming.order
    return {
        "channel_status": order.status.value,
        "currency": order.currency,
        "total": order.total,
        "shipping": order.shipping,
        "units": sum(line.qty for line in order.lines),
        "body_hash": incoming.body_hash,
        "private": seal.seal(incoming.private) if seal and (order.buyer or order.ship_to) else None,
        "paid_at": order.paid_at,
        "modified_at": order.modified_at,
    }


def line_rows(incoming: Incoming, reading: Reading, found: Found, gone: Mapping[str, int]) -> list[dict[str, Any]]:
    """The rows of order_line."""
    lines: Sequence[ChannelLine] = incoming.order.lines
    return [
        {
            "id": derive("line", incoming.id, line.line_id),
            "order_id": incoming.id,
            "external_line_id": line.line_id,
            "position": position,
            "listing_id": found[listing_name(line)][0],
            "sku_id": reading.lines[line.line_id].sku_id,
            "platform_sku": line.platform_sku,
            "channel_sku": line.sku or None,
            "title": line.title,
            "qty": line.qty,
            "qty_ordered": line.qty_ordered,
            "qty_shipped": gone.get(line.line_id, 0),
            "channel_shipped": line.qty_shipped,
            "unit_price": line.unit_price,
            "discount": line.discount,
            "tax": line.tax,
            "shipping_share": line.shipping_share,
            "amount": amount,
        }
        for position, (line, amount) in enumerate(zip(lines, incoming.amounts, strict=True))
    ]


def _private(order: ChannelOrder) -> bytes:
    try:
        whole = {"buyer": dict(order.buyer), "ship_to": dict(order.ship_to)}
        data = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), default=str).encode()
    except (ValueError, RecursionError) as error:
        raise Unreadable("Buyer or address of this order is not readable text.") from error
    if len(data) > MAX_PRIVATE_BYTES:
        raise Unreadable("Buyer and address of this order take more than %(limit)s bytes.", limit=MAX_PRIVATE_BYTES)
    return data


def _texts(line: ChannelLine) -> tuple[str, ...]:
    return (line.line_id, line.platform_sku, line.sku or "", line.title)


def _money(line: ChannelLine) -> tuple[Decimal, ...]:
    return (line.unit_price, line.discount, line.tax, line.shipping_share)
