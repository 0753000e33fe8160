"""Shopify Admin GraphQL, as a shop of our own.

Quirks kept here: cost throttling with HTTP 200 and `Throttled` [S, SR]; bad token = 401 with `errors` as text [S];
three layers of failure; webhooks with HMAC on the raw body and an id to de-duplicate by [S].
"""

import base64
import hashlib
import hmac
import secrets
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from channels.kit.errors import BadAnswer
from channels.kit.json import decode, encode
from channels.sim.clock import SimClock
from channels.sim.graphql import Field, QueryError, read_operation, select
from channels.sim.quirks.protocol import Message, World
from channels.sim.quirks.shopify_schema import (
    connection,
    find_sales,
    gid,
    inventory_item,
    number_of,
    order_node,
    rest_order,
    variant_node,
)
from channels.sim.quirks.shopify_writes import create_fulfilment, set_quantities
from channels.sim.store import Listing, Sale, Shop

_BUCKET_POINTS = 2_000
_RESTORE_PER_SECOND = 1_000
_MUTATION_POINTS = 10


class _Bucket:
    """Cost points of one shop."""

    def __init__(self, size: float, restore: float, now: float) -> None:
        self.size, self.restore = size, restore
        self._points, self._at = size, now

    def available(self, now: float) -> float:
        return min(self.size, self._points + max(0.0, now - self._at) * self.restore)

    def take(self, points: float, now: float) -> bool:
        left = self.available(now)
        if left < points:
            return False
        self._points, self._at = left - points, now
        return True


class Shopify:
    """The endpoint and the naming of things."""

    kind = "shopify"
    path = "/shopify/{shop}/admin/api/{version}/graphql.json"

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    async def answer(self, world: World, request: Request) -> Response:
        shop = world.store.shop(request.path_params["shop"])
        if shop is None or shop.kind != self.kind:
            return _json({"errors": "Not Found"}, status=404)
        token = request.headers.get("x-shopify-access-token", "")
        known = hmac.compare_digest(token.encode(), str(shop.settings["access_token"]).encode())
        if not known or world.faults.take(shop.id, "bad_token"):
            text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return _json({"errors": text}, status=401)
        try:
            body = decode(await request.body())
            operation = read_operation(body["query"], body.get("variables") or {})
        except (BadAnswer, KeyError, TypeError, QueryError) as error:
            return _failed(error)
        bucket = self._bucket(shop, world.clock)
        cost = sum(_cost(field, operation.kind) for field in operation.fields)
        throttle = world.faults.take(shop.id, "throttle")
        if throttle is not None or not bucket.take(cost, _seconds(world.clock)):
            return _throttled(bucket, cost, float(throttle.get("seconds", 1)) if throttle else None, world.clock)
        try:
            data = {
                field.alias: _root(world, shop, field, operation.kind, request.path_params["version"])
                for field in operation.fields
            }
        except QueryError as error:
            return _failed(error)
        status = {
            "maximumAvailable": bucket.size,
            "currentlyAvailable": bucket.available(_seconds(world.clock)),
            "restoreRate": bucket.restore,
        }
        told = {
            "requestedQueryCost": cost,
            "actualQueryCost": cost,
            "throttleStatus": {k: int(v) for k, v in status.items()},
        }
        return _json({"data": data, "extensions": {"cost": told}})

    def _bucket(self, shop: Shop, clock: SimClock) -> _Bucket:
        limits = shop.settings.get("limits") or {}
        size, restore = float(limits.get("burst", _BUCKET_POINTS)), float(limits.get("per_second", _RESTORE_PER_SECOND))
        bucket = self._buckets.get(shop.id)
        if bucket is None or (bucket.size, bucket.restore) != (size, restore):
            bucket = self._buckets[shop.id] = _Bucket(size, restore, _seconds(clock))
        return bucket

    def base_path(self, shop: Shop) -> str:
        return f"/shopify/{shop.id}"

    def new_settings(self, shop_id: str) -> dict[str, Any]:
        return {"access_token": f"shpat_{secrets.token_hex(16)}", "webhook_secret": secrets.token_hex(16)}

    def access(self, shop: Shop) -> tuple[dict[str, Any], dict[str, str]]:
        settings = {"location_id": gid("Location", shop.number), "api_version": "2026-07"}
        return settings, {name: str(shop.settings[name]) for name in ("access_token", "webhook_secret")}

    def listing_ref(self, listing: Listing) -> str:
        return gid("ProductVariant", listing.id)

    def listing_id(self, external_id: str) -> int | None:
        return number_of("ProductVariant", external_id)

    def order_ref(self, sale_id: int) -> str:
        return gid("Order", sale_id)

    def order_id(self, external_id: str) -> int | None:
        return number_of("Order", external_id)

    def order_view(self, shop: Shop, sale: Sale) -> dict[str, Any]:
        return rest_order(shop, sale)

    def webhook(self, world: World, shop: Shop, sale: Sale, topic: str) -> Message | None:
        if not shop.settings.get("webhook_url"):
            return None
        raw = encode(rest_order(shop, sale))
        secret = str(shop.settings["webhook_secret"])
        if world.faults.take(shop.id, "webhook_bad_signature"):
            secret += "?"
        digest = hmac.new(secret.encode(), raw, hashlib.sha256).digest()
        headers = {
            "content-type": "application/json", "x-shopify-topic": topic, "x-shopify-api-version": "2026-07",
            "x-shopify-hmac-sha256": base64.b64encode(digest).decode(), "x-shopify-webhook-id": str(uuid4()),
            "x-shopify-shop-domain": f"{shop.id}.myshopify.com",
        }  # fmt: skip
        return Message(str(shop.settings["webhook_url"]), headers, raw)


def _root(world: World, shop: Shop, field: Field, kind: str, version: str) -> Any:
    if kind == "mutation":
        if field.name == "inventorySetQuantities":
            return select(set_quantities(world, shop, field, version), field.fields, field.name)
        if field.name == "fulfillmentCreate":
            return select(create_fulfilment(world, shop, field), field.fields, field.name)
        raise QueryError(f"Field '{field.name}' doesn't exist on type 'Mutation'", "undefinedField")
    read = _READS.get(field.name)
    if read is None:
        raise QueryError(f"Field '{field.name}' doesn't exist on type 'QueryRoot'", "undefinedField")
    found = select(read(world, shop, field), field.fields, field.name)
    if field.name == "orders":
        _spoil_page(world, shop, found)
    return found


def _orders(world: World, shop: Shop, field: Field) -> Any:
    if field.arguments.get("sortKey") != "UPDATED_AT" or field.arguments.get("reverse"):
        raise QueryError("the simulator sorts orders by UPDATED_AT ascending only")
    fault = world.faults.take(shop.id, "long_field")
    long_title = "长" * int(fault.get("bytes", 5_000_000) // 3) if fault else ""
    return find_sales(world, shop, str(field.arguments.get("query") or ""), long_title)(field.arguments)


def _spoil_page(world: World, shop: Shop, page: dict[str, Any]) -> None:
    """Faults that belong to an order page."""
    nodes = page.get("nodes") or []
    if nodes and world.faults.take(shop.id, "duplicate_page"):
        page["nodes"] = [*nodes, *nodes]
    if nodes and world.faults.take(shop.id, "bad_order"):
        nodes[0] = {**nodes[0], "createdAt": "yesterday", "lineItems": "none"}
    moving = world.faults.take(shop.id, "moving_page") if nodes else None
    if moving is not None:
        for sale in world.store.sales_after(shop.id, 0, 1 << 60, (0, 0), int(moving.get("orders", 3))):
            world.till.edit(shop, sale, "touch", {})


def _order(world: World, shop: Shop, field: Field) -> Any:
    sale = world.store.sale(shop.id, number_of("Order", field.arguments.get("id")) or 0)
    return order_node(shop, sale) if sale else None


def _nodes(world: World, shop: Shop, field: Field) -> Any:
    found = []
    for one in field.arguments.get("ids") or []:
        listing = world.store.listing(shop.id, number_of("InventoryItem", one) or 0)
        found.append(inventory_item(shop, listing) if listing else None)
    return found


def _variants(world: World, shop: Shop, field: Field) -> Any:
    def fetch(after: Any, limit: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        listings = world.store.listings(shop.id, int(after["id"]) if after else 0, limit)
        return [(variant_node(shop, listing), {"id": listing.id}) for listing in listings]

    return connection(fetch)(field.arguments)


def _locations(_world: World, shop: Shop, field: Field) -> Any:
    node = {"id": gid("Location", shop.number), "name": "Main", "isActive": True, "fulfillsOnlineOrders": True}
    return connection(lambda after, _limit: [] if after else [(node, {"n": 0})])(field.arguments)


def _shop(_world: World, shop: Shop, _field: Field) -> Any:
    return {"name": shop.name, "currencyCode": shop.currency, "myshopifyDomain": f"{shop.id}.myshopify.com"}


_READS = {
    "orders": _orders,
    "order": _order,
    "nodes": _nodes,
    "productVariants": _variants,
    "locations": _locations,
    "shop": _shop,
}


def _cost(field: Field, kind: str) -> float:
    if kind == "mutation":
        return _MUTATION_POINTS
    first = field.arguments.get("first")
    return 2 + first // 2 if isinstance(first, int) else 1 + len(field.arguments.get("ids") or [])


def _seconds(clock: SimClock) -> float:
    return clock.now().timestamp()


def _throttled(bucket: _Bucket, cost: float, seconds: float | None, clock: SimClock) -> Response:
    available = bucket.available(_seconds(clock)) if seconds is None else cost - seconds * bucket.restore
    status = {
        "maximumAvailable": int(bucket.size),
        "currentlyAvailable": int(available),
        "restoreRate": int(bucket.restore),
    }
    told = {"requestedQueryCost": int(cost), "actualQueryCost": None, "throttleStatus": status}
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    return _json({"errors": [error], "extensions": {"cost": told}})


def _failed(error: Exception) -> Response:
    code = error.code if isinstance(error, QueryError) else "BAD_REQUEST"
    return _json({"errors": [{"message": str(error)[:300], "extensions": {"code": code}}]})


def _json(body: Any, status: int = 200) -> Response:
    return Response(encode(body), status_code=status, media_type="application/json")
