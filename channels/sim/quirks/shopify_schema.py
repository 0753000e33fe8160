"""Shopify's objects as the Admin GraphQL API and its webhooks show them.

Quirks kept here: money without padding in two currencies [SR]; a removed line stays with currentQuantity 0 [SR]; a
cancelled order keeps UNFULFILLED and its quantities [SR]; `sku` may be null [S]; webhooks use the REST shape with
numeric ids beyond 2^53 and offset times [S].
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from channels.sim.clock import instant
from channels.sim.graphql import QueryError
from channels.sim.quirks.protocol import World
from channels.sim.sell import remaining, total
from channels.sim.store import Listing, Sale, Shop

_BASE = {
    "Order": 8_209_829_119_461_540_000,
    "LineItem": 4_878_176_722_762_000_000,
    "FulfillmentOrder": 7_100_000_000_000,
    "FulfillmentOrderLineItem": 15_100_000_000_000,
    "ProductVariant": 45_792_470_200_000,
    "InventoryItem": 60_100_000_000_000,
    "Location": 70_000_000_000,
}
MAX_FIRST = 250
_EASTERN = timezone(timedelta(hours=-5))


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{_BASE[kind] + number}"


def number_of(kind: str, text: object) -> int | None:
    """Our number behind a gid, or None when it is not one of this kind."""
    prefix = f"gid://shopify/{kind}/"
    tail = text.removeprefix(prefix) if isinstance(text, str) and text.startswith(prefix) else ""
    return int(tail) - _BASE[kind] if tail.isdigit() else None


def iso(ms: int | None) -> str | None:
    return None if ms is None else instant(ms).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unpadded(amount: Decimal) -> str:
    """ "31.9", "55.0": one decimal at least, no zero more [SR]."""
    text = f"{amount.normalize():f}"
    return text if "." in text else text + ".0"


def money(shop: Shop, amount: Decimal | str) -> dict[str, Any]:
    value = {"amount": _unpadded(Decimal(amount)), "currencyCode": shop.currency}
    return {"shopMoney": value, "presentmentMoney": value}


def financial(sale: Sale) -> str:
    if sale.doc["refund"] == "DONE":
        return "REFUNDED"
    return "PAID" if sale.doc["paid_ms"] else "PENDING"


def fulfilment(sale: Sale) -> str:
    shipped = sum(line["shipped"] for line in sale.doc["lines"])
    if sale.doc.get("on_hold"):
        return "ON_HOLD"
    if not shipped:
        return "UNFULFILLED"
    return "PARTIALLY_FULFILLED" if any(remaining(line) for line in sale.doc["lines"]) else "FULFILLED"


def connection(
    fetch: Callable[[Mapping[str, Any] | None, int], Sequence[tuple[dict[str, Any], dict[str, Any]]]],
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A paged field: `fetch(cursor, limit)` gives (node, its cursor) pairs; one more than asked = a next page."""

    def answer(arguments: Mapping[str, Any]) -> dict[str, Any]:
        first = arguments.get("first")
        if not isinstance(first, int) or isinstance(first, bool) or not 0 < first <= MAX_FIRST:
            raise QueryError("you must provide one of first or last, between 1 and 250")
        found = fetch(_read_cursor(arguments.get("after")), first + 1)
        shown = found[:first]
        return {
            "nodes": [node for node, _ in shown],
            "edges": [{"node": node, "cursor": _cursor(at)} for node, at in shown],
            "pageInfo": {
                "hasNextPage": len(found) > first,
                "hasPreviousPage": arguments.get("after") is not None,
                "endCursor": _cursor(shown[-1][1]) if shown else None,
                "startCursor": _cursor(shown[0][1]) if shown else None,
            },
        }

    return answer


def _cursor(at: Mapping[str, Any]) -> str:
    return base64.b64encode(json.dumps(dict(at)).encode()).decode()


def _read_cursor(text: object) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(base64.b64decode(str(text), validate=True))
    except ValueError as error:
        raise QueryError("Invalid cursor for current pagination sort.") from error
    if not isinstance(value, dict):
        raise QueryError("Invalid cursor for current pagination sort.")
    return value


def order_node(shop: Shop, sale: Sale, *, long_title: str = "") -> dict[str, Any]:
    """One Order. `long_title` replaces the title of its first line (a fault)."""
    doc = sale.doc
    lines = [line_node(shop, sale, line) for line in doc["lines"]]
    if long_title and lines:
        lines[0] = {**lines[0], "title": long_title, "name": long_title}
    return {
        "id": gid("Order", sale.id), "name": f"#{1000 + sale.id}", "createdAt": iso(doc["created_ms"]),
        "updatedAt": iso(sale.modified_ms), "processedAt": iso(doc["created_ms"]),
        "cancelledAt": iso(doc["cancelled_ms"]), "cancelReason": "CUSTOMER" if doc["cancelled_ms"] else None,
        "closedAt": iso(doc["closed_ms"]), "displayFinancialStatus": financial(sale),
        "displayFulfillmentStatus": fulfilment(sale), "taxesIncluded": True, "email": "",
        "totalPriceSet": money(shop, total(sale)), "currentTotalPriceSet": money(shop, total(sale, current=True)),
        "totalShippingPriceSet": money(shop, doc["shipping"]), "totalTaxSet": money(shop, "0"),
        "customer": {"displayName": doc["buyer"]}, "note": None,
        "shippingAddress": {
            "name": doc["buyer"], "phone": None, "address1": "1 Demo Road", "address2": None, "city": "Shanghai",
            "province": "Shanghai", "zip": "200000", "countryCodeV2": "CN",
        },
        "lineItems": connection(lambda after, limit: _from_list(lines, after, limit)),
        "fulfillmentOrders": connection(lambda after, limit: _from_list([fulfilment_order(shop, sale)], after, limit)),
        "fulfillments": [
            {"id": f"gid://shopify/Fulfillment/{sale.id}{number}", "status": "SUCCESS",
             "trackingInfo": [{"number": parcel["waybill"], "company": parcel["carrier"], "url": None}]}
            for number, parcel in enumerate(doc["parcels"])
        ],
    }  # fmt: skip


def _from_list(
    nodes: Sequence[dict[str, Any]], after: Mapping[str, Any] | None, limit: int
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    start = int(after["n"]) + 1 if after else 0
    return [(node, {"n": start + number}) for number, node in enumerate(nodes[start : start + limit])]


def line_node(shop: Shop, sale: Sale, line: Mapping[str, Any]) -> dict[str, Any]:
    cancelled = sale.doc["cancelled_ms"] is not None
    discount = Decimal(line["discount"])
    return {
        "id": gid("LineItem", line["id"]), "sku": line["sku"], "title": line["title"], "name": line["title"],
        "variant": {"id": gid("ProductVariant", line["listing"])}, "quantity": line["qty"],
        "currentQuantity": line["cur"], "unfulfilledQuantity": 0 if cancelled else remaining(line),
        "requiresShipping": True, "originalUnitPriceSet": money(shop, line["price"]),
        "discountedTotalSet": money(shop, Decimal(line["price"]) * line["qty"] - discount),
        "discountAllocations": [{"allocatedAmountSet": money(shop, discount)}] if discount else [],
        "taxLines": [],
    }  # fmt: skip


def fulfilment_order(shop: Shop, sale: Sale) -> dict[str, Any]:
    left = {line["id"]: 0 if sale.doc["cancelled_ms"] else remaining(line) for line in sale.doc["lines"]}
    shipped = any(line["shipped"] for line in sale.doc["lines"])
    status = "CANCELLED" if sale.doc["cancelled_ms"] else "ON_HOLD" if sale.doc.get("on_hold") else "OPEN"
    if status == "OPEN" and not any(left.values()):
        status = "CLOSED"
    elif status == "OPEN" and shipped:
        status = "IN_PROGRESS"
    items = [
        {"id": gid("FulfillmentOrderLineItem", line["id"]), "totalQuantity": line["cur"],
         "remainingQuantity": left[line["id"]], "lineItem": {"id": gid("LineItem", line["id"])}}
        for line in sale.doc["lines"]
    ]  # fmt: skip
    return {
        "id": gid("FulfillmentOrder", sale.id), "status": status,
        "assignedLocation": {"location": {"id": gid("Location", shop.number)}},
        "lineItems": connection(lambda after, limit: _from_list(items, after, limit)),
    }  # fmt: skip


def variant_node(shop: Shop, listing: Listing) -> dict[str, Any]:
    return {
        "id": gid("ProductVariant", listing.id), "sku": listing.sku, "title": "Default Title",
        "displayName": listing.title, "price": listing.price, "product": {"title": listing.title},
        "inventoryItem": inventory_item(shop, listing),
    }  # fmt: skip


def inventory_item(shop: Shop, listing: Listing) -> dict[str, Any]:
    def level(arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        if number_of("Location", arguments.get("locationId")) != shop.number:
            return None
        return {"id": f"gid://shopify/InventoryLevel/{listing.id}", "isActive": True, "quantities": quantities}

    def quantities(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        names = arguments.get("names") or []
        if not isinstance(names, list) or not set(names) <= {"available", "on_hand", "committed"}:
            raise QueryError("The specified quantity names are invalid")
        return [{"name": name, "quantity": 0 if name == "committed" else listing.qty} for name in names]

    return {
        "id": gid("InventoryItem", listing.id), "tracked": True, "sku": listing.sku, "inventoryLevel": level,
    }  # fmt: skip


def find_sales(
    world: World, shop: Shop, query: str, long_title: str = ""
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """orders(...) in ascending order of updated_at, filtered by the `updated_at:` terms of the search text."""
    since, until = _updated_between(query)

    def fetch(after: Mapping[str, Any] | None, limit: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        last = (int(after["ms"]), int(after["id"])) if after else (0, 0)
        sales = world.store.sales_after(shop.id, since, until, last, limit)
        return [
            (order_node(shop, sale, long_title="" if place else long_title), {"ms": sale.modified_ms, "id": sale.id})
            for place, sale in enumerate(sales)
        ]

    return connection(fetch)


def _updated_between(query: str) -> tuple[int, int]:
    """Whole seconds on both sides, as the search has them."""
    since, until = 0, 1 << 60
    for term in query.split():
        if term.startswith("updated_at:>="):
            since = _second_ms(term.removeprefix("updated_at:>="))
        elif term.startswith("updated_at:<="):
            until = _second_ms(term.removeprefix("updated_at:<=")) + 999
        elif term != "AND":
            raise QueryError(f"the simulator does not know the search term {term[:40]!r}")
    return since, until


def _second_ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text.strip("'\"")).timestamp()) * 1000
    except ValueError as error:
        raise QueryError("Invalid search: not a time") from error


def rest_order(shop: Shop, sale: Sale) -> dict[str, Any]:
    """The webhook's body."""
    doc = sale.doc
    shipped = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial"}.get(fulfilment(sale))

    def when(ms: int | None) -> str | None:
        return None if ms is None else instant(ms).astimezone(_EASTERN).isoformat(timespec="seconds")

    def amount_set(amount: Decimal | str) -> dict[str, Any]:
        value = {"amount": f"{Decimal(amount):.2f}", "currency_code": shop.currency}
        return {"shop_money": value, "presentment_money": value}

    def rest_line(line: Mapping[str, Any]) -> dict[str, Any]:
        done = "fulfilled" if line["shipped"] and not remaining(line) else "partial" if line["shipped"] else None
        return {
            "id": _BASE["LineItem"] + line["id"], "admin_graphql_api_id": gid("LineItem", line["id"]),
            "variant_id": _BASE["ProductVariant"] + line["listing"], "sku": line["sku"] or "", "title": line["title"],
            "name": line["title"], "quantity": line["qty"], "current_quantity": line["cur"],
            "fulfillable_quantity": 0 if doc["cancelled_ms"] else remaining(line), "fulfillment_status": done,
            "price": line["price"], "price_set": amount_set(line["price"]), "total_discount": "0.00",
            "discount_allocations": [], "tax_lines": [], "requires_shipping": True,
        }  # fmt: skip

    return {
        "id": _BASE["Order"] + sale.id, "admin_graphql_api_id": gid("Order", sale.id), "name": f"#{1000 + sale.id}",
        "created_at": when(doc["created_ms"]), "updated_at": when(sale.modified_ms),
        "processed_at": when(doc["created_ms"]), "cancelled_at": when(doc["cancelled_ms"]),
        "closed_at": when(doc["closed_ms"]), "financial_status": financial(sale).lower(),
        "fulfillment_status": shipped, "currency": shop.currency, "taxes_included": True, "email": "",
        "total_price": f"{total(sale):.2f}", "current_total_price": f"{total(sale, current=True):.2f}",
        "total_price_set": amount_set(total(sale)), "current_total_price_set": amount_set(total(sale, current=True)),
        "total_shipping_price_set": amount_set(doc["shipping"]), "customer": {"first_name": doc["buyer"]},
        "line_items": [rest_line(line) for line in doc["lines"]],
    }  # fmt: skip
