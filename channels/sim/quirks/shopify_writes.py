"""Shopify's mutations: set quantities and create fulfilments.

Quirks kept here [S, SR]: changeFromQuantity and @idempotent from 2026-04, compareQuantity before; a bad row leaves the
adjustment group null and nothing is written; quantityAfterChange comes null; fulfilment errors have text but no code.
"""

import json
from collections.abc import Mapping
from typing import Any

from channels.sim.graphql import Field, QueryError
from channels.sim.quirks.protocol import World
from channels.sim.quirks.shopify_schema import gid, number_of
from channels.sim.sell import Wish, remaining
from channels.sim.store import Sale, Shop

_NEW_STYLE = "2026-04"
_MIXED_STYLE = "2026-01"
_MAX_ROWS = 250
_REASONS = ("correction", "cycle_count_available", "other", "received", "restock", "shrinkage", "movement_created")


def set_quantities(world: World, shop: Shop, asked: Field, version: str) -> dict[str, Any]:
    """inventorySetQuantities. Raises QueryError where the schema itself refuses."""
    given = asked.arguments.get("input")
    if not isinstance(given, dict) or not isinstance(given.get("quantities"), list):
        raise QueryError(
            "Variable $input of type InventorySetQuantitiesInput! was provided invalid value", "INVALID_VARIABLE"
        )
    _check_style(given, version)
    key = asked.directives.get("idempotent", {}).get("key")
    if version >= _NEW_STYLE and not key:
        raise QueryError("The @idempotent directive is required for this mutation", "BAD_REQUEST")
    request = json.dumps(given, sort_keys=True)
    seen = world.store.seen(shop.id, str(key)) if key else None
    if seen and seen[0] != request:
        return _refused([_error([], "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "The key was used with other parameters")])
    if seen:
        before: dict[str, Any] = json.loads(seen[1])
        return before
    payload = _write_rows(world, shop, given)
    if key and not payload["userErrors"]:
        world.store.remember(shop.id, str(key), request, json.dumps(payload))
    return payload


def _check_style(given: Mapping[str, Any], version: str) -> None:
    for row in given["quantities"]:
        if version >= _NEW_STYLE and ("compareQuantity" in row or "ignoreCompareQuantity" in given):
            raise QueryError("compareQuantity (Field is not defined on InventoryQuantityInput)", "INVALID_VARIABLE")
        if version >= _NEW_STYLE and "changeFromQuantity" not in row:
            raise QueryError("The changeFromQuantity field is required", "INVALID_FIELD_ARGUMENTS")
        if version < _MIXED_STYLE and "changeFromQuantity" in row:
            raise QueryError("changeFromQuantity (Field is not defined on InventoryQuantityInput)", "INVALID_VARIABLE")


def _write_rows(world: World, shop: Shop, given: Mapping[str, Any]) -> dict[str, Any]:
    rows = given["quantities"]
    errors = _input_errors(given)
    world.store.count(shop.id, "pushes")
    if not errors:
        if world.faults.take(shop.id, "stale_push"):
            _sell_one_behind(world, shop, rows[0])
        for place, row in enumerate(rows):
            errors.extend(_row_errors(world, shop, place, row, bool(given.get("ignoreCompareQuantity"))))
    if errors:
        world.store.count(shop.id, "rejected_items", len(errors))
        return _refused(errors)
    changes = []
    with world.store.change():
        for row in rows:
            listing = world.store.listing(shop.id, number_of("InventoryItem", row["inventoryItemId"]) or 0)
            if listing is None:
                continue
            world.store.set_qty(listing.id, row["quantity"], world.clock.tick_ms())
            changes.append(
                {"name": "available", "delta": row["quantity"] - listing.qty, "quantityAfterChange": None,
                 "item": {"id": row["inventoryItemId"]}, "location": {"id": row["locationId"]}}
            )  # fmt: skip
        world.store.count(shop.id, "pushed_items", len(rows))
    group = {
        "id": f"gid://shopify/InventoryAdjustmentGroup/{world.clock.tick_ms()}",
        "reason": given["reason"],
        "changes": changes,
    }
    return {"inventoryAdjustmentGroup": group, "userErrors": []}


def _input_errors(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    if given.get("name") != "available":
        return [_error(["input", "name"], "INVALID_NAME", "The specified quantity name is invalid.")]
    if given.get("reason") not in _REASONS:
        return [_error(["input", "reason"], "INVALID_REASON", "The specified reason is invalid.")]
    if not 0 < len(given["quantities"]) <= _MAX_ROWS:
        return [_error(["input", "quantities"], "INVALID_QUANTITY_TOO_HIGH", "Too many rows.")]
    return []


def _row_errors(world: World, shop: Shop, place: int, row: Mapping[str, Any], ignores: bool) -> list[dict[str, Any]]:
    """What is wrong with one row; `ignores` = the call says ignoreCompareQuantity."""
    path = ["input", "quantities", str(place)]
    listing = world.store.listing(shop.id, number_of("InventoryItem", row.get("inventoryItemId")) or 0)
    if listing is None:
        return [_error([*path, "inventoryItemId"], "INVALID_INVENTORY_ITEM", "The inventory item could not be found.")]
    if number_of("Location", row.get("locationId")) != shop.number:
        return [_error([*path, "locationId"], "INVALID_LOCATION", "The specified location could not be found.")]
    quantity = row.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or abs(quantity) > 1_000_000_000:
        return [_error([*path, "quantity"], "INVALID_QUANTITY_TOO_HIGH", "The quantity is too high.")]
    fault = world.faults.take(shop.id, "reject_push", platform_sku=gid("ProductVariant", listing.id))
    if fault:
        return [_error(path, fault.get("code", "ITEM_NOT_STOCKED_AT_LOCATION"), "The row was refused.")]
    return [] if ignores else _compare(path, row, listing.qty)


def _compare(path: list[str], row: Mapping[str, Any], shown: int) -> list[dict[str, Any]]:
    """The compare of compare-and-set, in the words of either style."""
    new_style = "changeFromQuantity" in row
    named = "changeFromQuantity" if new_style else "compareQuantity"
    expected = row.get(named)
    if expected is None:
        return [] if new_style else [_error(path, "COMPARE_QUANTITY_REQUIRED", "The compareQuantity must be given.")]
    if expected == shown:
        return []
    code = "CHANGE_FROM_QUANTITY_STALE" if new_style else "COMPARE_QUANTITY_STALE"
    return [_error([*path, named], code, "The quantity has changed since it was read.")]


def _sell_one_behind(world: World, shop: Shop, row: Mapping[str, Any]) -> None:
    listing = world.store.listing(shop.id, number_of("InventoryItem", row.get("inventoryItemId")) or 0)
    world.till.buy(shop, [Wish(listing, 1)], buyer="meanwhile")


def _error(field: list[str], code: str, message: str) -> dict[str, Any]:
    return {"field": field, "code": code, "message": message}


def _refused(errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"inventoryAdjustmentGroup": None, "userErrors": errors}


def create_fulfilment(world: World, shop: Shop, asked: Field) -> dict[str, Any]:
    """fulfillmentCreate for one fulfilment order."""
    given = asked.arguments.get("fulfillment")
    if not isinstance(given, dict) or not given.get("lineItemsByFulfillmentOrder"):
        raise QueryError(
            "Variable $fulfillment of type FulfillmentInput! was provided invalid value", "INVALID_VARIABLE"
        )
    lines: dict[int, int] = {}
    sales: dict[int, Sale] = {}
    for part in given["lineItemsByFulfillmentOrder"]:
        sale = world.store.sale(shop.id, number_of("FulfillmentOrder", part.get("fulfillmentOrderId")) or 0)
        if sale is None:
            return _told("Fulfillment order does not exist.")
        if sale.doc["cancelled_ms"] or sale.doc.get("on_hold"):
            return _told("Fulfillment order has an unfulfillable status = closed.")
        sales[sale.id] = sale
        wrong = _collect(sale, part.get("fulfillmentOrderLineItems"), lines)
        if wrong:
            return _told(wrong)
    if len(sales) != 1:
        return _told("All fulfillment orders must belong to the same order.")
    [sale] = sales.values()
    tracking = given.get("trackingInfo") or {}
    world.till.ship(sale, carrier=tracking.get("company") or "", waybill=tracking.get("number") or "", lines=lines)
    number = f"gid://shopify/Fulfillment/{sale.id}{len(sale.doc['parcels']) - 1}"
    return {"fulfillment": {"id": number, "status": "SUCCESS"}, "userErrors": []}


def _collect(sale: Sale, wanted: object, lines: dict[int, int]) -> str:
    """Add the asked units to `lines`; returns what is wrong, or nothing."""
    left = {line["id"]: remaining(line) for line in sale.doc["lines"]}
    if not wanted:
        lines.update({number: units for number, units in left.items() if units})
        return "" if any(left.values()) else "Fulfillment order has an unfulfillable status = closed."
    for row in wanted if isinstance(wanted, list) else []:
        number = number_of("FulfillmentOrderLineItem", row.get("id"))
        if number is None or number not in left:
            return "Fulfillment order line item does not exist."
        if not 0 < row.get("quantity", 0) <= left[number]:
            return "Invalid fulfillment order line item quantity requested."
        lines[number] = lines.get(number, 0) + row["quantity"]
    return ""


def _told(message: str) -> dict[str, Any]:
    return {"fulfillment": None, "userErrors": [{"field": ["fulfillment"], "message": message}]}
