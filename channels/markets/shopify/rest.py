"""Webhooks speak Shopify's older REST words; this turns them into the GraphQL shape, so that one reader serves both.

Invariant: only names and nesting change; ids become the gids that GraphQL uses; amounts stay as they came.
Source: channel facts, section 4.5.
"""

from collections.abc import Mapping
from typing import Any

from channels.kit.fields import Malformed, ident

_FULFILMENT = {
    None: "UNFULFILLED",
    "": "UNFULFILLED",
    "null": "UNFULFILLED",
    "partial": "PARTIALLY_FULFILLED",
    "pending": "UNFULFILLED",
}


def looks_like_rest(body: Mapping[str, Any]) -> bool:
    """Whether this is a webhook body, or a REST list or detail answer."""
    if "data" in body or "errors" in body:
        return False
    return "line_items" in body or isinstance(body.get("orders"), list) or _is_rest_order(body.get("order"))


def _is_rest_order(value: object) -> bool:
    return isinstance(value, Mapping) and ("line_items" in value or "created_at" in value)


def from_rest(body: Mapping[str, Any]) -> list[object]:
    """The orders of the body, each in the GraphQL shape; what is no object stays for the reader to refuse."""
    if isinstance(body.get("orders"), list):
        given = list(body["orders"])
    else:
        given = [body["order"] if _is_rest_order(body.get("order")) else body]
    return [_order(one) if isinstance(one, Mapping) else one for one in given]


def _gid(kind: str, node: Mapping[str, Any], field: str = "id") -> str | None:
    """The gid: as given, else made of the number. An id that is neither stays for the reader to refuse."""
    given = node.get("admin_graphql_api_id") if field == "id" else None
    if isinstance(given, str) and given.startswith("gid://"):
        return given
    if node.get(field) is None:
        return None
    try:
        return f"gid://shopify/{kind}/{ident(node[field], field)}"
    except Malformed:
        return None


def _bag(node: Mapping[str, Any], name: str, currency: object) -> dict[str, Any] | None:
    """A money bag from `<name>_set`, else from the plain amount in the shop's currency."""
    given = node.get(f"{name}_set")
    if isinstance(given, Mapping) and isinstance(given.get("shop_money"), Mapping):
        inner = given["shop_money"]
        return {"shopMoney": {"amount": inner.get("amount"), "currencyCode": inner.get("currency_code") or currency}}
    if node.get(name) is None:
        return None
    return {"shopMoney": {"amount": node[name], "currencyCode": currency}}


def _order(node: Mapping[str, Any]) -> dict[str, Any]:
    currency = node.get("currency")
    fulfilment = node.get("fulfillment_status")
    customer = node.get("customer") if isinstance(node.get("customer"), Mapping) else {}
    items = node.get("line_items")
    return {
        "id": _gid("Order", node), "name": node.get("name"), "createdAt": node.get("created_at"),
        "updatedAt": node.get("updated_at"), "processedAt": node.get("processed_at"),
        "cancelledAt": node.get("cancelled_at"), "closedAt": node.get("closed_at"),
        "displayFinancialStatus": node.get("financial_status"),
        "displayFulfillmentStatus": _FULFILMENT.get(fulfilment, fulfilment) if _is_text(fulfilment) else fulfilment,
        "taxesIncluded": node.get("taxes_included"), "email": node.get("email"), "phone": node.get("phone"),
        "note": node.get("note"), "currencyCode": currency,
        "totalPriceSet": _bag(node, "total_price", currency),
        "currentTotalPriceSet": _bag(node, "current_total_price", currency),
        "totalShippingPriceSet": _bag(node, "total_shipping_price", currency) or _shipping(node, currency),
        "customer": _customer(customer),
        "shippingAddress": _address(node.get("shipping_address")),
        "lineItems": {"nodes": [_line(one, currency) if isinstance(one, Mapping) else one for one in items]}
        if isinstance(items, list) else items,
        "rest": dict(node),
    }  # fmt: skip


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _get(node: object, field: str) -> Any:
    return node.get(field) if isinstance(node, Mapping) else None


def _shipping(node: Mapping[str, Any], currency: object) -> dict[str, Any] | None:
    """The one shipping line's amount, where the total is not told apart."""
    lines = node.get("shipping_lines")
    if isinstance(lines, list) and len(lines) == 1 and isinstance(lines[0], Mapping):
        return _bag(lines[0], "discounted_price", currency) or _bag(lines[0], "price", currency)
    return None


def _customer(customer: object) -> dict[str, Any]:
    return {
        "displayName": _full_name(customer),
        "email": _get(customer, "email"),
        "phone": _get(customer, "phone"),
    }


def _full_name(customer: object) -> str:
    parts = (_get(customer, "first_name"), _get(customer, "last_name"))
    return " ".join(part for part in parts if isinstance(part, str) and part)


def _address(node: object) -> dict[str, Any] | None:
    if not isinstance(node, Mapping):
        return None
    return {**node, "countryCodeV2": node.get("country_code")}


def _line(line: Mapping[str, Any], currency: object) -> dict[str, Any]:
    variant = _gid("ProductVariant", line, "variant_id")
    done = line.get("fulfillment_status")
    current = line.get("current_quantity", line.get("quantity"))
    left = line.get("fulfillable_quantity") if done == "partial" else 0 if done == "fulfilled" else current
    return {
        "id": _gid("LineItem", line), "sku": line.get("sku"), "title": line.get("title"), "name": line.get("name"),
        "variant": {"id": variant} if variant else None, "quantity": line.get("quantity"), "currentQuantity": current,
        "unfulfilledQuantity": left, "originalUnitPriceSet": _bag(line, "price", currency),
        "discountAllocations": _allocations(line, currency),
        "taxLines": [{"priceSet": _bag(tax, "price", currency)} for tax in _list(line, "tax_lines")],
    }  # fmt: skip


def _allocations(line: Mapping[str, Any], currency: object) -> list[dict[str, Any]]:
    """The allocations; without them the line's own total_discount (which leaves out the order's share)."""
    if isinstance(line.get("discount_allocations"), list) and line["discount_allocations"]:
        return [{"allocatedAmountSet": _bag(one, "amount", currency)} for one in _list(line, "discount_allocations")]
    own = _bag(line, "total_discount", currency)
    return [{"allocatedAmountSet": own}] if own else []


def _list(node: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    found = node.get(field)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
