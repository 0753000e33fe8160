"""Every operation of the API in one table; the index and the OpenAPI document are made from it.

Invariant: what the document says is what the routes do, because both are this table.
"""

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub.web.api import cases, orders, shipments, shops, stock, vouchers
from hub.web.api.bodies import Adjustment, Cancel, Hold, Move, NewSku, Nothing, Receipt, Ship, Shipments, ShopChange
from hub.web.api.edge import Call, Operation

VERSION = "1"
_PAGE = {"after": "`next` of the page before", "limit": "rows of a page, 1 to 200, usually 50"}
_KEY = {shipments.KEY_HEADER: "the same key with the same parcel is one shipment, with another one a conflict"}
_PLACE = re.compile(r"\{(\w+)(?::\w+)?\}")


async def show_index(call: Call) -> Any:
    """What there is, and what this asker may do."""
    return {
        "name": "Tongku",
        "version": VERSION,
        "openapi": "/api/openapi.json",
        "you": {"name": call.person.name, "role": call.person.role},
        "operations": [
            {"method": one.method, "path": _open(one.path), "summary": one.summary, "allowed": call.may(one.act)}
            for one in OPERATIONS
        ],
    }


async def show_openapi(_call: Call) -> Any:
    """The OpenAPI document."""
    return describe()


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/api/", "self.see", "What there is", show_index),
    Operation("GET", "/api/openapi.json", "self.see", "This API as an OpenAPI document", show_openapi),
    Operation(
        "GET", "/api/orders", "order.see", "Orders, newest first", orders.list_all,
        query={
            "state": "a state, or to_ship, waiting, backordered, held, gone, cancelled",
            "shop": "shop id", "q": "beginning of a number or external id, or a whole Sku code", **_PAGE,
        },
    ),
    Operation("GET", "/api/orders/{id}", "order.see", "One order with lines, shipments and diary", orders.show),
    Operation(
        "POST", "/api/orders/{id}/ship", "order.ship", "Ship an order, or lines of it", shipments.ship_one, Ship,
        headers=_KEY,
    ),
    Operation("POST", "/api/orders/{id}/cancel", "order.cancel", "Cancel an order here", orders.cancel, Cancel),
    Operation("POST", "/api/orders/{id}/hold", "order.hold", "Hold an order", orders.hold_one, Hold),
    Operation("POST", "/api/orders/{id}/unhold", "order.hold", "End the hold of an order", orders.unhold_one, Nothing),
    Operation(
        "POST", "/api/shipments", "order.ship", "Ship up to 100 orders, each in its own transaction",
        shipments.ship_many, Shipments,
    ),
    Operation(
        "GET", "/api/stock", "stock.see", "Stock by Sku code", stock.list_all,
        query={
            "q": "part of code or name, or a barcode", "only": "all, in_stock, out_of_stock, reserved, frozen", **_PAGE,
        },
    ),
    Operation("POST", "/api/stock/receive", "stock.receive", "Book goods that arrived", stock.receive_goods, Receipt),
    Operation("POST", "/api/stock/adjust", "stock.adjust", "Book a difference", stock.adjust_stock, Adjustment),
    Operation("POST", "/api/skus", "stock.add", "Add a Sku", stock.add, NewSku),
    Operation(
        "GET", "/api/skus/{code:path}", "stock.see", "One Sku: levels, and how each shop's number comes about",
        stock.show,
    ),
    Operation(
        "GET", "/api/cases", "case.see", "Cases, oldest first", cases.list_all,
        query={"state": "open or closed", "kind": "a kind of case", "shop": "shop id", **_PAGE},
    ),
    Operation("POST", "/api/cases/{id}/moves/{move}", "case.act", "Make a move of a case", cases.make_move, Move),
    Operation("GET", "/api/shops", "shop.see", "Shops and how they do", shops.list_all),
    Operation(
        "POST", "/api/shops/{id}", "shop.operate", "Change a shop's buffer or pace", shops.change_one, ShopChange
    ),
    Operation("POST", "/api/shops/{id}/pause", "shop.operate", "Pause a shop", shops.pause, Nothing),
    Operation("POST", "/api/shops/{id}/resume", "shop.operate", "Resume a shop", shops.resume, Nothing),
    Operation("POST", "/api/shops/{id}/pull", "shop.operate", "Read a shop's orders now", shops.pull, Nothing),
    Operation(
        "GET", "/api/vouchers", "voucher.see", "Vouchers, newest number first", vouchers.list_all,
        query={"period": "such as 2026-11", "shop": "shop id", "q": "a number, or part of the summary", **_PAGE},
    ),
    Operation("GET", "/api/vouchers/{id}", "voucher.see", "One voucher with all that it stands on", vouchers.show),
)  # fmt: skip


def describe() -> dict[str, Any]:
    """OpenAPI 3.1: addresses, parameters, bodies, the one shape of errors."""
    models: list[type[BaseModel]] = list({one.body: None for one in OPERATIONS if one.body is not None})
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(_open(one.path), {})[one.method.lower()] = _describe(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tongku", "version": VERSION},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas.get("$defs", {}), "Error": _ERROR},
        },
    }


_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            "required": ["code", "message"],
        }
    },
    "required": ["error"],
}


def _open(path: str) -> str:
    return _PLACE.sub(r"{\1}", path)


def _describe(one: Operation) -> dict[str, Any]:
    text = {"type": "string"}
    parameters = [{"name": name, "in": "path", "required": True, "schema": text} for name in _PLACE.findall(one.path)]
    for where, named in (("query", one.query), ("header", one.headers)):
        parameters += [{"name": name, "in": where, "description": told, "schema": text} for name, told in named.items()]
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    described: dict[str, Any] = {
        "summary": one.summary,
        "description": f"Permission: {one.act}",
        "parameters": parameters,
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}},
            "default": {"description": "refused", "content": content},
        },
    }
    if one.body is not None:
        schema = {"$ref": f"#/components/schemas/{one.body.__name__}"}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described
