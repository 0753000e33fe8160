"""From TOP's answers to our words: pure, no network, no clock.

Invariant: ids are text and exact; times are naive GMT+8 at TOP and aware UTC here; a line's net share is
divide_order_fee, so that the lines' net amounts and the postage add up to the payment; an order with an open refund or
an unpaid presale is on hold. Source: channel facts, section 2.3.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from channels.kit.errors import BadAnswer
from channels.kit.fields import (
    Malformed,
    Reading,
    clip,
    code,
    ident,
    instant,
    maybe_instant,
    money,
    read_each,
    rows,
    units,
    words,
)
from channels.kit.types import ChannelLine, ChannelOrder, OrderStatus
from channels.markets.tmall.answers import classify_error
from channels.markets.tmall.pushing import parse_push_result
from hub.core.money import allocate

__all__ = ["GMT8", "classify_error", "parse_orders", "parse_push_result", "read_orders"]

GMT8 = timezone(timedelta(hours=8))
_ZERO = Decimal(0)
_STATUS = {
    "TRADE_NO_CREATE_PAY": OrderStatus.PENDING,
    "WAIT_BUYER_PAY": OrderStatus.PENDING,
    "PAY_PENDING": OrderStatus.PENDING,
    "WAIT_SELLER_SEND_GOODS": OrderStatus.TO_SHIP,
    "SELLER_CONSIGNED_PART": OrderStatus.PART_SHIPPED,
    "WAIT_BUYER_CONFIRM_GOODS": OrderStatus.SHIPPED,
    "TRADE_BUYER_SIGNED": OrderStatus.SHIPPED,
    "TRADE_FINISHED": OrderStatus.COMPLETED,
    "TRADE_CLOSED": OrderStatus.REFUNDED,
    "TRADE_CLOSED_BY_TAOBAO": OrderStatus.CANCELLED,
}
_PRESALE = {"FRONT_NOPAID_FINAL_NOPAID": OrderStatus.PENDING, "FRONT_PAID_FINAL_NOPAID": OrderStatus.HOLD}
_OPEN_REFUND = {"WAIT_SELLER_AGREE", "WAIT_BUYER_RETURN_GOODS", "WAIT_SELLER_CONFIRM_GOODS", "SELLER_REFUSE_BUYER"}
_CLOSED = {"TRADE_CLOSED", "TRADE_CLOSED_BY_TAOBAO"}
_LEFT = {"WAIT_BUYER_CONFIRM_GOODS", "TRADE_BUYER_SIGNED", "TRADE_FINISHED"}
_MAX_LINES = 2_000


def parse_orders(body: Any) -> list[ChannelOrder]:
    """The orders of a decoded list answer, fullinfo answer or bare trade.

    A malformed trade is left out when others are good (`read_orders` names it). Raises BadAnswer when the root is
    wrong or no trade of the answer could be read; the platform's own error when the answer is one.
    """
    reading = read_orders(body)
    if reading.refused and not reading.orders:
        name, reason = reading.refused[0]
        raise BadAnswer(f"trade {name or '?'}: {reason}", code="bad-order")
    return list(reading.orders)


def read_orders(body: Any) -> Reading:
    """Like `parse_orders`, with the refused ones beside the good ones."""
    return read_each(trades(body), _order, _tid)


def trades(body: Any) -> list[Any]:
    """The trade objects of an answer, as they came. Raises BadAnswer for a wrong root, or the platform's error."""
    if not isinstance(body, Mapping):
        raise BadAnswer("the answer is not an object", code="wrong-root")
    if "tid" in body:
        return [body]
    error = classify_error(200, {}, body)
    if error is not None:
        raise error
    roots = [value for name, value in body.items() if name.endswith("_response")] or [body]
    root = roots[0]
    if not isinstance(root, Mapping):
        raise BadAnswer("the answer's root is not an object", code="wrong-root")
    if "trade" in root:
        return root["trade"] if isinstance(root["trade"], list) else [root["trade"]]
    if "trades" in root:
        return _inner_list(root["trades"], "trade", "trades")
    if "total_results" in root or "has_next" in root:
        return []
    raise BadAnswer("the answer holds no trades", code="wrong-root")


def _inner_list(value: object, inner: str, field: str) -> list[Any]:
    """{"trade": [...]}, {"trade": {...}} or, simplified, [...]."""
    found = value.get(inner) if isinstance(value, Mapping) else value
    if isinstance(found, Mapping):
        return [found]
    if found is None or isinstance(found, list):
        return found or []
    raise BadAnswer(f"{field} is not a list", code="wrong-root")


def total_results(body: Any) -> int:
    """How many trades or items a list call has in all. Raises BadAnswer when it does not say."""
    for name, root in body.items() if isinstance(body, Mapping) else ():
        if name.endswith("_response") and isinstance(root, Mapping) and "total_results" in root:
            try:
                return units(root["total_results"], "total_results")
            except Malformed as error:
                raise BadAnswer(str(error), code="wrong-root") from error
    raise BadAnswer("the list does not say its total", code="wrong-root")


def trade_ids(body: Any) -> list[str]:
    """The tids of a list answer, in its order, each once. Raises BadAnswer when one has none."""
    try:
        return list(dict.fromkeys(_tid(trade) for trade in trades(body) if isinstance(trade, Mapping)))
    except Malformed as error:
        raise BadAnswer(f"trades: {error}", code="bad-order") from error


def _id_of(node: Mapping[str, Any], field: str) -> str:
    """tid or oid as number or text; where a number was rounded on its way (a float), its text twin."""
    value = node.get(field)
    exact = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return ident(value if exact else node.get(f"{field}_str"), field)


def _tid(node: Mapping[str, Any]) -> str:
    return _id_of(node, "tid")


def _order(node: Mapping[str, Any]) -> ChannelOrder:
    found = _line_nodes(node)
    closed = str(node.get("status")) in _CLOSED
    lines = [_line(line, node, closed) for line in found]
    postage = money(node.get("post_fee"), "post_fee", _ZERO)
    payment = node.get("payment")
    wants_cancel = any(line.cancel_requested for line in lines)
    placed = instant(node.get("created"), "created", GMT8)
    paid = maybe_instant(node.get("pay_time"), "pay_time", GMT8)
    return ChannelOrder(
        external_id=_tid(node),
        number=_tid(node),
        status=_order_status(node, wants_cancel),
        currency="CNY",
        total=None if payment in (None, "") else money(payment, "payment"),
        shipping=postage,
        tax_included=not any(line.tax for line in lines),
        lines=_with_postage(lines, found, postage),
        cancel_requested=wants_cancel,
        placed_at=placed,
        paid_at=paid,
        modified_at=_modified(node, placed, paid),
        buyer=_texts(node, ("buyer_nick", "buyer_open_uid", "buyer_message", "buyer_email")),
        ship_to=_ship_to(node),
        raw=clip(node),
    )


def _modified(node: Mapping[str, Any], placed: datetime, paid: datetime | None) -> datetime:
    """`modified`, which some list calls leave out: then the latest instant that the trade names."""
    modified = maybe_instant(node.get("modified"), "modified", GMT8)
    if modified is not None:
        return modified
    others = [maybe_instant(node.get(name), name, GMT8) for name in ("consign_time", "end_time")]
    return max(one for one in (placed, paid, *others) if one is not None)


def _order_status(node: Mapping[str, Any], wants_cancel: bool) -> OrderStatus:
    """Unknown statuses wait for a person. An open refund holds what has not left."""
    status = _STATUS.get(str(node.get("status")), OrderStatus.HOLD)
    step = _PRESALE.get(str(node.get("step_trade_status")))
    if step is not None and status in (OrderStatus.PENDING, OrderStatus.TO_SHIP, OrderStatus.HOLD):
        return step
    if wants_cancel and status in (OrderStatus.TO_SHIP, OrderStatus.PART_SHIPPED):
        return OrderStatus.HOLD
    return status


def _line_nodes(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    orders = node.get("orders")
    found = orders.get("order") if isinstance(orders, Mapping) else orders
    found = [found] if isinstance(found, Mapping) else rows(found, "orders")
    if not found or not all(isinstance(line, Mapping) for line in found):
        raise Malformed("orders: missing" if not found else "orders: not objects")
    if len(found) > _MAX_LINES:
        raise Malformed(f"orders: more than {_MAX_LINES}")
    return found


def _line(line: Mapping[str, Any], trade: Mapping[str, Any], trade_closed: bool) -> ChannelLine:
    ordered = units(line.get("num"), "num")
    price = money(line.get("price"), "price", _ZERO)
    status = str(line.get("status") or trade.get("status"))
    # a line that was closed inside a living trade is gone; a closed trade keeps its numbers, its status says it
    removed = status in _CLOSED and not trade_closed
    return ChannelLine(
        line_id=_id_of(line, "oid"),
        sku=code(line.get("outer_sku_id"), "outer_sku_id") or code(line.get("outer_iid"), "outer_iid"),
        platform_sku=_platform_sku(line),
        title=words(line.get("title")),
        qty=0 if removed else ordered,
        qty_ordered=ordered,
        qty_shipped=ordered if status in _LEFT and not removed else 0,
        unit_price=price,
        discount=_ZERO if line.get("price") in (None, "") else price * ordered - _net(line, price, ordered),
        tax=money(line.get("sub_order_tax_fee"), "sub_order_tax_fee", _ZERO),
        cancel_requested=str(line.get("refund_status")) in _OPEN_REFUND,
    )


def _platform_sku(line: Mapping[str, Any]) -> str:
    """The sku_id, or the item's num_iid where it has no SKUs."""
    for field in ("sku_id", "num_iid"):
        if line.get(field) not in (None, "", 0, "0"):
            return ident(line[field], field)
    return ""


def _net(line: Mapping[str, Any], price: Decimal, ordered: int) -> Decimal:
    """What the buyer pays for the line without postage and tax: divide_order_fee, else price x num with the
    seller's adjustment, less the line's discount and its share of the shop's."""
    share = line.get("divide_order_fee")
    if share not in (None, ""):
        return money(share, "divide_order_fee") - _tax_within(line)
    adjusted = price * ordered + money(line.get("adjust_fee"), "adjust_fee", _ZERO)
    off = money(line.get("discount_fee"), "discount_fee", _ZERO)
    return adjusted - off - money(line.get("part_mjz_discount"), "part_mjz_discount", _ZERO)


def _tax_within(line: Mapping[str, Any]) -> Decimal:
    """Cross-border trades carry their tax inside the line's share."""
    return money(line.get("sub_order_tax_fee"), "sub_order_tax_fee", _ZERO)


def _with_postage(
    lines: list[ChannelLine], found: list[Mapping[str, Any]], postage: Decimal
) -> tuple[ChannelLine, ...]:
    """The postage, spread over the lines by their net amount."""
    if not postage:
        return tuple(lines)
    nets = [max(_ZERO, line.unit_price * line.qty_ordered - line.discount) for line in lines]
    shares = allocate(postage, nets)
    return tuple(line.model_copy(update={"shipping_share": share}) for line, share in zip(lines, shares, strict=True))


def _texts(node: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {name: text for name in names if (text := words(node.get(name)))}


def _ship_to(node: Mapping[str, Any]) -> dict[str, str]:
    """Receiver as TOP shows it: masked, with the key (oaid) to ask for the clear text."""
    names = (
        "receiver_name", "receiver_mobile", "receiver_phone", "receiver_country", "receiver_state", "receiver_city",
        "receiver_district", "receiver_town", "receiver_address", "receiver_zip", "oaid",
    )  # fmt: skip
    return _texts(node, names)
