"""From Shopify's answers to our words: pure, no network, no clock.

Invariant: an order has the same ids whether it came by GraphQL or by webhook (gids); money is the shop's currency,
never the buyer's; `qty` is what still stands, `qty_ordered` what was once ordered; a status is decided by the
cancellation first. Source: channel facts, section 4.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from channels.kit.errors import BadAnswer
from channels.kit.fields import (
    Malformed,
    Reading,
    clip,
    code,
    currency,
    ident,
    instant,
    mapping,
    maybe_instant,
    money,
    read_each,
    rows,
    shown_units,
    units,
    words,
)
from channels.kit.types import ChannelLine, ChannelListing, ChannelOrder, OrderStatus
from channels.markets.shopify.answers import classify_error
from channels.markets.shopify.pushing import parse_push_result
from channels.markets.shopify.rest import from_rest, looks_like_rest
from hub.core.money import allocate

__all__ = ["classify_error", "parse_listings", "parse_orders", "parse_push_result", "read_orders"]

_ZERO = Decimal(0)
_WAITING = {None, "", "PENDING", "AUTHORIZED", "EXPIRED"}
_MOVING = {
    "ON_HOLD": OrderStatus.HOLD,
    "REQUEST_DECLINED": OrderStatus.HOLD,
    "PARTIALLY_FULFILLED": OrderStatus.PART_SHIPPED,
    "FULFILLED": OrderStatus.SHIPPED,
}
_TO_SHIP = {None, "", "UNFULFILLED", "IN_PROGRESS", "OPEN", "SCHEDULED", "PENDING_FULFILLMENT", "RESTOCKED"}
_MAX_LINES = 2_000


def parse_orders(body: Any, *, authorized_ships: bool = False) -> list[ChannelOrder]:
    """The orders of a decoded list answer, detail answer or webhook body.

    A malformed order is left out when others are good (`read_orders` names it). Raises BadAnswer when the root is
    wrong or no order of the answer could be read; the platform's own error when the answer is one.
    `authorized_ships`: the shop's policy to ship on an authorised payment.
    """
    reading = read_orders(body, authorized_ships=authorized_ships)
    if reading.refused and not reading.orders:
        name, reason = reading.refused[0]
        raise BadAnswer(f"order {name or '?'}: {reason}", code="bad-order")
    return list(reading.orders)


def read_orders(body: Any, *, authorized_ships: bool = False) -> Reading:
    """Like `parse_orders`, with the refused ones beside the good ones."""
    if not isinstance(body, Mapping):
        raise BadAnswer("the answer is not an object", code="wrong-root")
    error = classify_error(200, {}, body)
    if error is not None and not looks_like_rest(body):
        raise error
    try:
        nodes = _order_nodes(body)
    except Malformed as wrong:
        raise BadAnswer(f"orders: {wrong}", code="wrong-root") from wrong
    return read_each(nodes, lambda node: _order(node, authorized_ships), _name)


def _order_nodes(body: Mapping[str, Any]) -> list[object]:
    """The order objects, wherever this kind of answer keeps them, in the GraphQL shape."""
    if looks_like_rest(body):
        return from_rest(body)
    data = body.get("data")
    if not isinstance(data, Mapping):
        raise BadAnswer("the answer has no data", code="wrong-root")
    found = list(_find(data))
    if not found and not any(name in data for name in ("orders", "order", "node", "nodes")):
        raise BadAnswer("the answer holds no orders", code="wrong-root")
    return found


def _find(data: Mapping[str, Any]) -> Iterator[object]:
    """Orders under any alias: a connection (nodes or edges), one order, a list of nodes, or a mutation's order."""
    for value in data.values():
        if isinstance(value, list):
            yield from (one for one in value if one is not None)
        elif isinstance(value, Mapping):
            if _is_connection(value):
                yield from _nodes(value)
            elif isinstance(value.get("order"), Mapping):
                yield value["order"]
            elif "id" in value:
                yield value


def _is_connection(value: Mapping[str, Any]) -> bool:
    return "nodes" in value or "edges" in value


def _nodes(connection: Mapping[str, Any]) -> list[Any]:
    """The nodes of a connection, asked for either way."""
    if connection.get("nodes") is not None:
        return rows(connection["nodes"], "nodes")
    return [edge.get("node") if isinstance(edge, Mapping) else edge for edge in rows(connection.get("edges"), "edges")]


def _name(node: Mapping[str, Any]) -> str:
    return ident(node.get("id"), "id")


def _order(node: Mapping[str, Any], authorized_ships: bool) -> ChannelOrder:
    status = _status(node, authorized_ships)
    total = _shop_money(node, "currentTotalPriceSet")
    if total is None:
        total = _shop_money(node, "totalPriceSet")
    shipping = _shop_money(node, "totalShippingPriceSet") or _ZERO
    lines = _lines(node)
    unit = _currency(node)
    placed = instant(node.get("createdAt") or node.get("processedAt"), "createdAt")
    return ChannelOrder(
        external_id=_name(node),
        number=words(node.get("name"), 100),
        status=status,
        currency=unit,
        total=total,
        shipping=shipping,
        tax_included=node.get("taxesIncluded") is not False,
        lines=_with_shipping(lines, shipping, unit),
        cancel_requested=False,
        placed_at=placed,
        paid_at=_paid_at(node),
        modified_at=maybe_instant(node.get("updatedAt"), "updatedAt") or placed,
        buyer=_buyer(node),
        ship_to=_ship_to(node),
        raw=clip(node),
    )


def _status(node: Mapping[str, Any], authorized_ships: bool) -> OrderStatus:
    """The cancellation decides first: a cancelled order keeps its old fulfilment status."""
    financial = _upper(node, "displayFinancialStatus")
    fulfilment = _upper(node, "displayFulfillmentStatus")
    if maybe_instant(node.get("cancelledAt"), "cancelledAt") is not None:
        return OrderStatus.REFUNDED if financial == "REFUNDED" else OrderStatus.CANCELLED
    if financial in ("REFUNDED", "VOIDED"):
        return OrderStatus.REFUNDED if financial == "REFUNDED" else OrderStatus.CANCELLED
    if financial in _WAITING and not (financial == "AUTHORIZED" and authorized_ships):
        return OrderStatus.PENDING
    if maybe_instant(node.get("closedAt"), "closedAt") is not None:
        return OrderStatus.COMPLETED
    if fulfilment in _TO_SHIP:
        return OrderStatus.TO_SHIP
    return _MOVING.get(fulfilment or "", OrderStatus.HOLD)


def _upper(node: Mapping[str, Any], field: str) -> str | None:
    value = node.get(field)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"{field}: not a text")
    return value.upper() if value else None


def _paid_at(node: Mapping[str, Any]) -> Any:
    """Shopify names no time of payment here; an order that is paid was processed at `processedAt`."""
    if _upper(node, "displayFinancialStatus") in _WAITING:
        return None
    return maybe_instant(node.get("processedAt"), "processedAt")


def _shop_money(node: Mapping[str, Any], field: str) -> Decimal | None:
    """The amount in the shop's money, or None when the answer has no such field."""
    bag = mapping(mapping(node, field), "shopMoney")
    return money(bag.get("amount"), f"{field}.amount") if bag else None


def _currency(node: Mapping[str, Any]) -> str:
    """The shop's currency, from the first money bag that names it."""
    bags = [mapping(node, name) for name in ("totalPriceSet", "currentTotalPriceSet", "totalShippingPriceSet")]
    bags += [mapping(line, "originalUnitPriceSet") for line in _nodes(mapping(node, "lineItems"))[:1] if line]
    named = [mapping(bag, "shopMoney").get("currencyCode") for bag in bags]
    return currency(next(filter(None, named), node.get("currencyCode")), "currencyCode")


def _lines(node: Mapping[str, Any]) -> list[ChannelLine]:
    if not isinstance(node.get("lineItems"), Mapping):
        raise Malformed("lineItems: missing")
    found = _nodes(mapping(node, "lineItems"))
    if len(found) > _MAX_LINES:
        raise Malformed(f"lineItems: more than {_MAX_LINES}")
    return [_line(line, _shipped_share(node)) for line in found]


def _shipped_share(node: Mapping[str, Any]) -> str:
    """Whether "none", "all" or "some" of the units have left."""
    fulfilment = _upper(node, "displayFulfillmentStatus")
    if fulfilment == "FULFILLED":
        return "all"
    if fulfilment in (None, "UNFULFILLED", "SCHEDULED"):
        return "none"
    # a cancelled order has nothing left to fulfil and nothing fulfilled either
    return "none" if node.get("cancelledAt") and fulfilment != "PARTIALLY_FULFILLED" else "some"


def _line(line: object, shipped: str) -> ChannelLine:
    if not isinstance(line, Mapping):
        raise Malformed("lineItems: not an object")
    ordered = units(line.get("quantity"), "quantity")
    current = units(line.get("currentQuantity"), "currentQuantity", ordered)
    left = units(line.get("unfulfilledQuantity"), "unfulfilledQuantity", 0 if shipped == "all" else current)
    price = _shop_money(line, "originalUnitPriceSet")
    variant = mapping(line, "variant").get("id")
    return ChannelLine(
        line_id=_name(line),
        sku=code(line.get("sku"), "sku"),
        platform_sku="" if variant is None else ident(variant, "variant.id"),
        title=words(line.get("title") or line.get("name")),
        qty=current,
        qty_ordered=ordered,
        qty_shipped=0 if shipped == "none" else max(0, current - left),
        unit_price=_ZERO if price is None else price,
        discount=_discount(line, price, ordered),
        tax=sum((_shop_money(tax, "priceSet") or _ZERO for tax in _objects(line, "taxLines")), _ZERO),
    )


def _discount(line: Mapping[str, Any], price: Decimal | None, ordered: int) -> Decimal:
    """All discounts of the line with its share of the order's; from the allocations, else from the discounted total."""
    if line.get("discountAllocations") is not None:
        given = (_shop_money(one, "allocatedAmountSet") for one in _objects(line, "discountAllocations"))
        return sum((amount or _ZERO for amount in given), _ZERO)
    net = _shop_money(line, "discountedTotalSet")
    return _ZERO if net is None or price is None else max(_ZERO, price * ordered - net)


def _objects(node: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    found = rows(node.get(field), field)
    if not all(isinstance(one, Mapping) for one in found):
        raise Malformed(f"{field}: not objects")
    return found


def _with_shipping(lines: list[ChannelLine], shipping: Decimal, unit: str) -> tuple[ChannelLine, ...]:
    """The order's shipping, spread over the lines by their net amount."""
    if not shipping or not lines:
        return tuple(lines)
    nets = [max(_ZERO, line.unit_price * line.qty_ordered - line.discount) for line in lines]
    shares = allocate(shipping, nets, unit)
    return tuple(line.model_copy(update={"shipping_share": share}) for line, share in zip(lines, shares, strict=True))


def _buyer(node: Mapping[str, Any]) -> dict[str, str]:
    customer = mapping(node, "customer")
    found = {
        "name": words(customer.get("displayName")),
        "email": words(node.get("email") or customer.get("email")),
        "phone": words(node.get("phone") or customer.get("phone"), 50),
        "note": words(node.get("note"), 1000),
    }
    return {name: text for name, text in found.items() if text}


def _ship_to(node: Mapping[str, Any]) -> dict[str, str]:
    address = mapping(node, "shippingAddress")
    names = ("name", "company", "phone", "address1", "address2", "city", "province", "zip", "countryCodeV2")
    return {name: text for name in names if (text := words(address.get(name)))}


def parse_listings(body: Any, location_id: str) -> list[ChannelListing]:
    """The variants of a productVariants answer. A variant that is not stocked at the location has qty None."""
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(data.get("productVariants"), Mapping):
        raise BadAnswer("the answer holds no productVariants", code="wrong-root")
    try:
        return [_listing(node, location_id) for node in _nodes(data["productVariants"])]
    except Malformed as error:
        raise BadAnswer(f"productVariants: {error}", code="bad-listing") from error


def _listing(node: object, location_id: str) -> ChannelListing:
    if not isinstance(node, Mapping):
        raise Malformed("not an object")
    item = mapping(node, "inventoryItem")
    keys = {"location_id": location_id}
    if item.get("id") is not None:
        keys["inventory_item_id"] = ident(item["id"], "inventoryItem.id")
    return ChannelListing(
        external_id=_name(node),
        sku=code(node.get("sku"), "sku"),
        title=words(node.get("displayName") or node.get("title")),
        qty=available_at(item),
        keys=keys,
    )


def available_at(item: Mapping[str, Any]) -> int | None:
    """`available` of an inventory item at the asked location; None when it is not stocked there. Below zero reads 0."""
    level = mapping(item, "inventoryLevel")
    if not level or level.get("isActive") is False:
        return None
    for quantity in _objects(level, "quantities"):
        if quantity.get("name") == "available":
            return shown_units(quantity.get("quantity"))
    return None
