"""Who pays what: pure splitting of an order's total over its lines and of a line over its shipments.

Invariant: the parts add up exactly, to the order's total and to the line's amount.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from channels.kit.types import ChannelLine, ChannelOrder
from hub.core.money import ZERO, add, allocate, round_money


def line_amounts(order: ChannelOrder) -> list[Decimal]:
    """What the buyer pays for each line, VAT and its share of shipping included, in the order of the lines.

    The channel's own total rules; without one it is the sum of the lines plus shipping. Removed lines (qty 0) get 0.
    """
    sold = [line for line in order.lines if line.qty > 0]
    weights = [max(Decimal(0), _goods(line, order.tax_included) + line.shipping_share) for line in sold]
    total = order.total if order.total is not None else _computed_total(order, sold)
    parts = iter(allocate(round_money(total, order.currency), weights, order.currency))
    return [next(parts) if line.qty > 0 else ZERO for line in order.lines]


def share_of_units(amount: Decimal, qty: int, upto: int, billed: Decimal, currency: str) -> Decimal:
    """What the next units of a line cost: `upto` of its `qty` units will have left, `billed` was told before."""
    if qty <= 0 or upto >= qty:
        return amount - billed
    return round_money(amount * upto / qty, currency) - billed


def billed_per_line(shipments: Sequence[Sequence[Mapping[str, object]]]) -> dict[str, Decimal]:
    """line id -> amount in earlier shipments, from their `lines` as stored."""
    billed: dict[str, Decimal] = {}
    for lines in shipments:
        for line in lines:
            key = str(line["line_id"])
            billed[key] = billed.get(key, ZERO) + Decimal(str(line.get("amount", "0")))
    return billed


def _goods(line: ChannelLine, tax_included: bool) -> Decimal:
    return line.unit_price * line.qty - line.discount + (Decimal(0) if tax_included else line.tax)


def _computed_total(order: ChannelOrder, sold: Sequence[ChannelLine]) -> Decimal:
    shipping = max(order.shipping, add(line.shipping_share for line in sold))
    return max(ZERO, add(_goods(line, order.tax_included) for line in sold) + shipping)
