"""TOP's trades as the list and fullinfo calls show them.

Quirks kept here [T]: ids beyond 2^53, some as numbers and some as text; naive times in GMT+8; yuan as text; a one-line
trade's oid equals its tid and its order.payment contains the postage; lists are double; only the asked `fields` come.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from channels.sim.clock import instant
from channels.sim.sell import remaining, total
from channels.sim.store import Listing, Sale, Shop

GMT8 = timezone(timedelta(hours=8))
_TID = 2_231_958_349_000_000_000
_OID = 3_141_592_653_000_000_000
_NUM_IID = 600_000_000_000
_SKU_ID = 5_000_000_000_000


def tid_of(sale_id: int) -> int:
    return _TID + sale_id


def sale_id_of(tid: str) -> int | None:
    return int(tid) - _TID if tid.isdigit() else None


def num_iid(listing_id: int) -> int:
    return _NUM_IID + listing_id


def sku_id(listing_id: int) -> int:
    return _SKU_ID + listing_id


def listing_ref(listing: Listing) -> str:
    """What an order line names: the SKU, or the item that has none."""
    return str(num_iid(listing.id) if listing.single else sku_id(listing.id))


def listing_id_of(text: str) -> int | None:
    """Our listing behind a sku_id or num_iid."""
    if not text.isdigit():
        return None
    number = int(text)
    return number - _SKU_ID if number > _SKU_ID else number - _NUM_IID


def oid_of(sale: Sale, line: Mapping[str, Any]) -> int:
    return tid_of(sale.id) if len(sale.doc["lines"]) == 1 else _OID + int(line["id"])


def gmt8(ms: int | None) -> str | None:
    return None if ms is None else instant(ms).astimezone(GMT8).strftime("%Y-%m-%d %H:%M:%S")


def ms_of(text: str) -> int:
    """Raises ValueError."""
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=GMT8).timestamp() * 1000)


def status_of(sale: Sale) -> str:
    doc = sale.doc
    if doc["cancelled_ms"]:
        return "TRADE_CLOSED" if doc["paid_ms"] else "TRADE_CLOSED_BY_TAOBAO"
    if not doc["paid_ms"]:
        return "WAIT_BUYER_PAY"
    if doc["closed_ms"]:
        return "TRADE_FINISHED"
    if not any(line["shipped"] for line in doc["lines"]):
        return "WAIT_SELLER_SEND_GOODS"
    return "SELLER_CONSIGNED_PART" if any(remaining(line) for line in doc["lines"]) else "WAIT_BUYER_CONFIRM_GOODS"


def trade(sale: Sale, *, long_title: str = "") -> dict[str, Any]:
    """The complete trade; the caller keeps the asked fields."""
    doc = sale.doc
    postage = Decimal(doc["shipping"])
    lines = [_order(sale, line) for line in doc["lines"]]
    if long_title and lines:
        lines[0]["title"] = long_title
    fields = {
        "tid": tid_of(sale.id), "tid_str": str(tid_of(sale.id)), "status": status_of(sale), "type": "fixed",
        "created": gmt8(doc["created_ms"]), "modified": gmt8(sale.modified_ms), "pay_time": gmt8(doc["paid_ms"]),
        "consign_time": gmt8(doc["parcels"][0]["at_ms"]) if doc["parcels"] else None,
        "end_time": gmt8(doc["closed_ms"] or doc["cancelled_ms"]),
        "payment": f"{total(sale):.2f}", "post_fee": f"{postage:.2f}", "discount_fee": "0.00",
        "total_fee": f"{total(sale) - postage:.2f}", "buyer_nick": doc["buyer"], "buyer_open_uid": f"AA{sale.id:08d}",
        "receiver_name": "张**", "receiver_mobile": "*******0000", "receiver_state": "上海",
        "receiver_city": "上海市", "receiver_address": "**路**号", "receiver_zip": "200000",
        "oaid": f"oaid{sale.id}", "orders": {"order": lines},
    }  # fmt: skip
    if doc.get("presale"):
        fields |= {"type": "step", "step_trade_status": doc["presale"], "status": "WAIT_BUYER_PAY"}
    return {name: value for name, value in fields.items() if value is not None}


def _order(sale: Sale, line: Mapping[str, Any]) -> dict[str, Any]:
    single_line = len(sale.doc["lines"]) == 1
    gross = Decimal(line["price"]) * line["qty"]
    discount = Decimal(line["discount"])
    postage = Decimal(sale.doc["shipping"]) if single_line else Decimal(0)
    shipped = line["shipped"] and not remaining(line)
    removed = line["cur"] == 0
    fields = {
        "oid": oid_of(sale, line), "oid_str": str(oid_of(sale, line)), "num_iid": num_iid(line["listing"]),
        "sku_id": None if line["single"] else str(sku_id(line["listing"])), "title": line["title"],
        "outer_sku_id": None if line["single"] else line["sku"], "outer_iid": line["sku"] if line["single"] else None,
        "num": line["qty"], "price": line["price"], "total_fee": f"{gross - discount:.2f}",
        "payment": f"{gross - discount + postage:.2f}", "discount_fee": f"{discount:.2f}", "adjust_fee": "0.00",
        "part_mjz_discount": "0.00", "divide_order_fee": f"{gross - discount:.2f}",
        "status": "TRADE_CLOSED" if removed else "WAIT_BUYER_CONFIRM_GOODS" if shipped else _unsent_status(sale),
        "invoice_no": _last_waybill(sale, line["id"]),
        "refund_status": {"OPEN": "WAIT_SELLER_AGREE", "DONE": "SUCCESS"}.get(sale.doc["refund"], "NO_REFUND"),
        "consign_time": gmt8(sale.doc["parcels"][-1]["at_ms"]) if shipped and sale.doc["parcels"] else None,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}


def _unsent_status(sale: Sale) -> str:
    """A line that has not left waits, also in a trade of which a part has left."""
    status = status_of(sale)
    return "WAIT_SELLER_SEND_GOODS" if status == "SELLER_CONSIGNED_PART" else status


def _last_waybill(sale: Sale, line_id: int) -> str | None:
    told = [parcel["waybill"] for parcel in sale.doc["parcels"] if line_id in [number for number, _ in parcel["lines"]]]
    return told[-1] if told else None


def keep(value: Mapping[str, Any], fields: str) -> dict[str, Any]:
    """Only the asked fields; `orders` and `orders.x` both bring the lines (whole, or their asked fields)."""
    asked = {name.strip() for name in fields.split(",")}
    inner = {name.removeprefix("orders.") for name in asked if name.startswith("orders.")}
    kept = {name: inside for name, inside in value.items() if name in asked}
    if inner and "orders" not in asked and "orders" in value:
        kept["orders"] = {"order": [{k: v for k, v in line.items() if k in inner} for line in value["orders"]["order"]]}
    return kept


def item(shop: Shop, listing: Listing) -> dict[str, Any]:
    fields = {
        "num_iid": num_iid(listing.id), "title": listing.title, "price": listing.price, "num": listing.qty,
        "outer_id": listing.sku if listing.single else None, "nick": shop.name, "approve_status": "onsale",
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}


def sku(listing: Listing) -> dict[str, Any]:
    fields = {
        "sku_id": sku_id(listing.id), "num_iid": num_iid(listing.id), "quantity": listing.qty, "price": listing.price,
        "outer_id": listing.sku, "properties_name": "默认",
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}
