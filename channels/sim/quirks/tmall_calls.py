"""TOP's calls: what each method checks and answers.

Quirks kept here [T]: increments sorted by modified descending, at most one day wide, total_results or has_next; a full
quantity below zero is an error; only the touched SKUs come back; shipping answers result.success.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from channels.sim.quirks.protocol import World
from channels.sim.quirks.tmall_trade import (
    gmt8,
    item,
    keep,
    listing_id_of,
    ms_of,
    num_iid,
    oid_of,
    sale_id_of,
    sku,
    sku_id,
    trade,
)
from channels.sim.sell import remaining
from channels.sim.store import Listing, Sale, Shop

_DAY_MS = 86_400_000
_MAX_PAGE = {"trades": 100, "items": 200}
_MAX_SKUS_PER_PUSH = 20
_MAX_ITEMS_PER_SKU_CALL = 40
_MAX_QUANTITY = 999_999


class TopError(Exception):
    """An error_response."""

    def __init__(self, code: int, msg: str, sub_code: str = "", sub_msg: str = "") -> None:
        super().__init__(msg)
        self.code, self.msg, self.sub_code, self.sub_msg = code, msg, sub_code, sub_msg


Call = Callable[[World, Shop, Mapping[str, str]], dict[str, Any]]


def _need(params: Mapping[str, str], name: str) -> str:
    if not params.get(name):
        raise TopError(40, f"Missing Required Arguments:{name}", f"isv.missing-parameter:{name}", f"缺少参数{name}")
    return params[name]


def _wrong(name: str, why: str) -> TopError:
    return TopError(41, f"Invalid Arguments:{name}", f"isv.invalid-parameter:{name}", why)


def _number(params: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = params.get(name, str(default))
    if not text.lstrip("-").isdigit() or not lowest <= int(text) <= highest:
        raise _wrong(name, f"{name} 应在 {lowest} 到 {highest} 之间")
    return int(text)


def _window(params: Mapping[str, str], first: str, last: str) -> tuple[int, int]:
    try:
        since, until = ms_of(_need(params, first)), ms_of(_need(params, last))
    except ValueError as error:
        raise _wrong(first, "时间格式错误") from error
    if until < since or until - since > _DAY_MS:
        raise _wrong(last, "时间跨度不能超过一天")
    return since, until + 999


def increments(world: World, shop: Shop, params: Mapping[str, str]) -> dict[str, Any]:
    """taobao.trades.sold.increment.get"""
    since, until = _window(params, "start_modified", "end_modified")
    fields = _need(params, "fields")
    size = _number(params, "page_size", 40, 1, _MAX_PAGE["trades"])
    page = _number(params, "page_no", 1, 1, 1_000_000)
    sales = world.store.sales_page(shop.id, since, until, (page - 1) * size, size + 1)
    answer: dict[str, Any] = {}
    if params.get("use_has_next") == "true":
        answer["has_next"] = len(sales) > size
    else:
        answer["total_results"] = world.store.sale_count(shop.id, since, until)
    trades = [keep(trade(sale), fields) for sale in sales[:size]]
    if trades:
        answer["trades"] = {"trade": _spoiled(world, shop, trades)}
    return answer


def _spoiled(world: World, shop: Shop, trades: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Faults that belong to an order page."""
    if world.faults.take(shop.id, "duplicate_page"):
        trades = [*trades, *trades]
    moving = world.faults.take(shop.id, "moving_page")
    if moving is not None:
        for sale in world.store.sales_after(shop.id, 0, 1 << 60, (0, 0), int(moving.get("orders", 3))):
            world.till.edit(shop, sale, "touch", {})
    return trades


def _sale(world: World, shop: Shop, params: Mapping[str, str]) -> Sale:
    number = sale_id_of(_need(params, "tid"))
    sale = world.store.sale(shop.id, number) if number is not None else None
    if sale is None:
        raise TopError(15, "Remote service error", "isv.trade-not-exist", "交易不存在")
    return sale


def fullinfo(world: World, shop: Shop, params: Mapping[str, str]) -> dict[str, Any]:
    """taobao.trade.fullinfo.get"""
    sale = _sale(world, shop, params)
    fault = world.faults.take(shop.id, "long_field")
    long_title = "长" * int(fault.get("bytes", 5_000_000) // 3) if fault else ""
    found = keep(trade(sale, long_title=long_title), _need(params, "fields"))
    if world.faults.take(shop.id, "bad_order"):
        found = {**found, "created": "yesterday", "orders": "none"}
    return {"trade": found}


def items_on_sale(world: World, shop: Shop, params: Mapping[str, str]) -> dict[str, Any]:
    """taobao.items.onsale.get"""
    fields = _need(params, "fields")
    size = _number(params, "page_size", 40, 1, _MAX_PAGE["items"])
    page = _number(params, "page_no", 1, 1, 1_000_000)
    found = [keep(item(shop, one), fields) for one in world.store.listing_page(shop.id, (page - 1) * size, size)]
    answer: dict[str, Any] = {"total_results": world.store.listing_count(shop.id)}
    return {**answer, "items": {"item": found}} if found else answer


def item_skus(world: World, shop: Shop, params: Mapping[str, str]) -> dict[str, Any]:
    """taobao.item.skus.get"""
    fields = _need(params, "fields")
    ids = _need(params, "num_iids").split(",")
    if len(ids) > _MAX_ITEMS_PER_SKU_CALL:
        raise _wrong("num_iids", "最多 40 个")
    found = [one for one in (_listing(world, shop, text) for text in ids) if one and not one.single]
    return {"skus": {"sku": [keep(sku(one), fields) for one in found]}} if found else {}


def _listing(world: World, shop: Shop, text: str) -> Listing | None:
    number = listing_id_of(text)
    return world.store.listing(shop.id, number) if number is not None else None


def _pushed(world: World, shop: Shop, listing: Listing | None, quantity: int) -> Listing:
    if listing is None:
        raise TopError(15, "Remote service error", "isv.item-not-exist", "商品不存在")
    fault = world.faults.take(
        shop.id, "reject_push", platform_sku=str(num_iid(listing.id) if listing.single else sku_id(listing.id))
    )
    if fault:
        world.store.count(shop.id, "rejected_items")
        raise TopError(
            530, "Remote service error", fault.get("code", "isv.item-quantity-locked"), "活动中的商品不可修改库存"
        )
    if not 0 <= quantity <= _MAX_QUANTITY:
        raise _wrong("quantity", "库存应在 0 到 999999 之间")
    return listing


def _touched(world: World, listing: Listing, sku_answer: bool) -> dict[str, Any]:
    now = gmt8(world.clock.tick_ms())
    shown = world.store.listing(listing.shop, listing.id) or listing
    answer: dict[str, Any] = {"num_iid": num_iid(listing.id), "num": shown.qty, "modified": now}
    if sku_answer:
        answer["skus"] = {"sku": [{"sku_id": sku_id(listing.id), "quantity": shown.qty, "modified": now}]}
    return {"item": answer}


def sku_quantities(world: World, shop: Shop, params: Mapping[str, str]) -> dict[str, Any]:
    """taobao.skus.quantity.update, full (1) and incremental (2, clamped at 0)."""
    item_listing = _listing(world, shop, _need(params, "num_iid"))
    full = _number(params, "type", 1, 1, 2) == 1
    pairs = [pair for pair in _need(params, "skuid_quantities").split(";") if pair]
    if len(pairs) > _MAX_SKUS_PER_PUSH:
        raise _wrong("skuid_quantities", "最多 20 个")
    world.store.count(shop.id, "pushes")
    targets = []
    for pair in pairs:
        text, _, units = pair.partition(":")
        if not units.lstrip("-").isdigit():
            raise _wrong("skuid_quantities", "格式错误")
        listing = _listing(world, shop, text)
        if listing and item_listing and listing.id != item_listing.id:
            raise TopError(15, "Remote service error", "isv.sku-not-exist", "SKU 不属于该商品")
        wanted = int(units) if full or listing is None else max(0, listing.qty + int(units))
        targets.append((_pushed(world, shop, listing, wanted), wanted))
    _write(world, shop, targets)
    return _touched(world, targets[0][0], sku_answer=True)


def item_quantity(world: World, shop: Shop, params: Mapping[str, str]) -> dict[str, Any]:
    """taobao.item.quantity.update, full (1) and incremental (2)."""
    listing = _listing(world, shop, params.get("sku_id") or _need(params, "num_iid"))
    units = _number(params, "quantity", 0, -_MAX_QUANTITY, _MAX_QUANTITY)
    wanted = units if _number(params, "type", 1, 1, 2) == 1 else (listing.qty if listing else 0) + units
    world.store.count(shop.id, "pushes")
    target = _pushed(world, shop, listing, wanted)
    _write(world, shop, [(target, wanted)])
    return _touched(world, target, sku_answer=not target.single)


def _write(world: World, shop: Shop, targets: list[tuple[Listing, int]]) -> None:
    with world.store.change():
        for listing, quantity in targets:
            world.store.set_qty(listing.id, quantity, world.clock.tick_ms())
        world.store.count(shop.id, "pushed_items", len(targets))


def offline_send(world: World, shop: Shop, params: Mapping[str, str]) -> dict[str, Any]:
    """alibaba.ascp.logistics.offline.send with consign_type 1 (parts of sub-orders allowed)."""
    sale = _sale(world, shop, params)
    if sale.doc["cancelled_ms"] or not sale.doc["paid_ms"]:
        raise TopError(15, "Remote service error", "isv.logistics-offline-service-error:B01", "订单状态不允许发货")
    try:
        parcels = json.loads(_need(params, "consign_pkgs"))
        [parcel] = parcels
        goods = {str(row["sub_tid"]): int(row["num"]) for row in parcel["goods"]}
        carrier, waybill = str(parcel["company_code"]), str(parcel["out_sid"])
    except (ValueError, KeyError, TypeError) as error:
        raise _wrong("consign_pkgs", "包裹信息格式错误") from error
    by_oid = {str(oid_of(sale, line)): line for line in sale.doc["lines"]}
    if not goods or any(oid not in by_oid or not 0 < n <= remaining(by_oid[oid]) for oid, n in goods.items()):
        raise TopError(15, "Remote service error", "isv.logistics-offline-service-error:B04", "子订单已发货或数量错误")
    world.till.ship(sale, carrier=carrier, waybill=waybill, lines={by_oid[oid]["id"]: n for oid, n in goods.items()})
    return {"result": {"success": True}}


CALLS: dict[str, Call] = {
    "taobao.trades.sold.increment.get": increments,
    "taobao.trade.fullinfo.get": fullinfo,
    "taobao.items.onsale.get": items_on_sale,
    "taobao.item.skus.get": item_skus,
    "taobao.skus.quantity.update": sku_quantities,
    "taobao.item.quantity.update": item_quantity,
    "alibaba.ascp.logistics.offline.send": offline_send,
}
