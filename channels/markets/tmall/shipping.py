"""Which sub-orders of a trade a shipment tells: pure.

Invariant: only units that the trade does not show as sent; never a trade that is closed or waits for money.
Source: channel facts, section 2.5.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from channels.kit.errors import GiveUp
from channels.kit.types import ChannelLine, ChannelOrder, OrderStatus, ShipmentNotice

_NEVER = (OrderStatus.PENDING, OrderStatus.CANCELLED, OrderStatus.REFUNDED)
_ALL_SENT = (OrderStatus.SHIPPED, OrderStatus.COMPLETED)


def consign_parcels(order: ChannelOrder, notice: ShipmentNotice) -> list[dict[str, Any]]:
    """`consign_pkgs` of alibaba.ascp.logistics.offline.send; empty = everything named is sent already.

    Raises GiveUp when the trade may not be shipped.
    """
    if order.status in _ALL_SENT:
        return []
    if order.status in _NEVER:
        raise GiveUp(f"the trade is {order.status.value} at TOP", code=order.status.value)
    wanted = {line.line_id: line.quantity for line in notice.lines}
    told = _told_with(order, notice.waybill)
    open_lines = [line for line in order.lines if line.line_id not in told]
    left = [(line, min(_left(line), wanted.get(line.line_id, 0 if wanted else _left(line)))) for line in open_lines]
    goods = [{"sub_tid": line.line_id, "num": units} for line, units in left if units > 0]
    if not goods:
        return []
    return [{"out_sid": notice.waybill, "company_code": notice.carrier, "goods": goods}]


def _told_with(order: ChannelOrder, waybill: str) -> set[str]:
    """Sub-orders that carry this waybill already: a part of a line may have been told without the line being done."""
    orders = order.raw.get("orders")
    lines = orders.get("order") if isinstance(orders, Mapping) else orders
    rows = [line for line in lines if isinstance(line, Mapping)] if isinstance(lines, Sequence) else []
    return {str(line.get("oid")) for line in rows if waybill and line.get("invoice_no") == waybill}


def _left(line: ChannelLine) -> int:
    return max(0, line.qty - line.qty_shipped)
