"""Which fulfilment orders take how many units of a shipment: pure.

Invariant: never more than remains; one fulfilment per location, because Shopify refuses to mix them and tells so
only in words. Source: channel facts, section 4.4.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from channels.kit.errors import BadAnswer, GiveUp
from channels.kit.types import ShipmentNotice

_OPEN = ("OPEN", "IN_PROGRESS")
_WAITING = ("SCHEDULED", "ON_HOLD")


def already_told(order: Mapping[str, Any], waybill: str) -> bool:
    """Whether a fulfilment with this tracking number exists."""
    for fulfilment in order.get("fulfillments") or []:
        if isinstance(fulfilment, Mapping) and fulfilment.get("status") not in ("CANCELLED", "ERROR", "FAILURE"):
            numbers = [info.get("number") for info in fulfilment.get("trackingInfo") or [] if isinstance(info, Mapping)]
            if waybill and waybill in numbers:
                return True
    return False


def fulfilments(
    order: Mapping[str, Any], fulfilment_orders: Sequence[Mapping[str, Any]], notice: ShipmentNotice
) -> list[dict[str, Any]]:
    """The FulfillmentInput of each call; empty = everything named has left already.

    Raises GiveUp when the order is cancelled or on hold, BadAnswer when the answer lacks what is needed.
    """
    wanted = {line.line_id: line.quantity for line in notice.lines}
    everything = not wanted
    by_location: dict[str, list[dict[str, Any]]] = {}
    held = False
    for part in fulfilment_orders:
        rows = _rows(part, wanted, everything)
        if not rows:
            continue
        if part.get("status") in _WAITING:
            held = True
        elif part.get("status") in _OPEN:
            entry = {"fulfillmentOrderId": part.get("id"), "fulfillmentOrderLineItems": rows}
            by_location.setdefault(_location(part), []).append(entry)
    if not by_location and order.get("cancelledAt"):
        raise GiveUp("the order is cancelled at the shop", code="CANCELLED")
    if not by_location and held:
        raise GiveUp("the order is on hold at the shop", code="ON_HOLD")
    tracking = {"company": notice.carrier, "number": notice.waybill}
    return [
        {"lineItemsByFulfillmentOrder": parts, "trackingInfo": tracking, "notifyCustomer": True}
        for _, parts in sorted(by_location.items())
    ]


def _rows(part: Mapping[str, Any], wanted: dict[str, int], everything: bool) -> list[dict[str, Any]]:
    """The lines of one fulfilment order that this shipment takes; `wanted` is lowered by them."""
    lines = part.get("lineItems")
    nodes = lines.get("nodes") if isinstance(lines, Mapping) else None
    if not isinstance(nodes, list):
        raise BadAnswer("a fulfilment order has no lines", code="wrong-root")
    rows = []
    for node in nodes:
        remaining = node.get("remainingQuantity") if isinstance(node, Mapping) else None
        item = node.get("lineItem") if isinstance(node, Mapping) else None
        if not isinstance(remaining, int) or not isinstance(item, Mapping):
            raise BadAnswer("a fulfilment order line has no remainingQuantity", code="wrong-root")
        number = str(item.get("id"))
        units = remaining if everything else min(remaining, wanted.get(number, 0))
        if units > 0:
            rows.append({"id": node.get("id"), "quantity": units})
            if not everything and part.get("status") in _OPEN:
                wanted[number] -= units
    return rows


def _location(part: Mapping[str, Any]) -> str:
    assigned = part.get("assignedLocation")
    location = assigned.get("location") if isinstance(assigned, Mapping) else None
    return str(location.get("id")) if isinstance(location, Mapping) else ""
