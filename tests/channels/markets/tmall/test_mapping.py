"""Reading TOP's answers: exact ids, yuan, naive times, statuses, and damage of every kind."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.kit import json
from channels.kit.errors import BadAnswer, ChannelError, GiveUp, Reauthorise, RetryAfter, RetryLater, StopShop
from channels.kit.types import FailureClass, OrderStatus, PushItem, PushOutcome
from channels.markets.tmall.mapping import classify_error, parse_orders, parse_push_result, read_orders

INCREMENT = json.decode((Path(__file__).parent / "payloads" / "increment.json").read_bytes())


def trade(**fields: Any) -> dict[str, Any]:
    """One plain trade with a line of two pieces."""
    line = {"oid": 1, "num_iid": 9, "num": 2, "price": "5.00", "title": "x", **fields.pop("line", {})}
    return {
        "tid": 1, "status": "WAIT_SELLER_SEND_GOODS", "created": "2026-08-02 08:00:00", "payment": "10.00",
        "modified": "2026-08-02 08:00:00", "orders": {"order": [line]}, **fields,
    }  # fmt: skip


def test_a_trade_is_read_whole() -> None:
    order = parse_orders(INCREMENT)[0]
    assert order.external_id == "2231958349123456789"
    assert (order.total, order.shipping, order.currency) == (Decimal("180.00"), Decimal("10.00"), "CNY")
    assert order.placed_at == datetime(2026, 8, 1, 15, 59, 58, tzinfo=UTC)
    assert order.paid_at == datetime(2026, 8, 1, 16, 0, 3, tzinfo=UTC)
    first, second = order.lines
    assert (first.line_id, first.sku, first.platform_sku) == ("3141592653000000001", "CUP-BLK", "5000000000001")
    assert (first.qty, first.unit_price, first.discount) == (2, Decimal("60.00"), Decimal("20.00"))
    assert (second.line_id, second.sku, second.platform_sku) == ("3141592653000000002", "CBL", "600000000002")
    assert (second.unit_price, second.discount) == (Decimal("80.0"), Decimal("10.00"))


def test_net_lines_and_postage_add_up_to_the_payment() -> None:
    order = parse_orders(INCREMENT)[0]
    nets = sum(line.unit_price * line.qty_ordered - line.discount + line.shipping_share for line in order.lines)
    assert nets == order.total


def test_an_open_refund_holds_the_order_and_marks_the_line() -> None:
    order = parse_orders(INCREMENT)[0]
    assert order.status is OrderStatus.HOLD
    assert order.cancel_requested
    assert [line.cancel_requested for line in order.lines] == [False, True]


def test_a_deposit_without_the_rest_is_on_hold() -> None:
    assert parse_orders(INCREMENT)[1].status is OrderStatus.HOLD


def test_the_postage_inside_a_one_line_payment_is_not_counted_twice() -> None:
    order = parse_orders(INCREMENT)[2]
    assert (order.status, order.lines[0].discount, order.lines[0].sku) == (OrderStatus.CANCELLED, Decimal("0.00"), None)


def test_a_malformed_trade_is_named_and_its_neighbours_stay() -> None:
    reading = read_orders(INCREMENT)
    assert len(reading.orders) == 3
    assert reading.refused[0][0] == "2231958349123456792"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("TRADE_NO_CREATE_PAY", OrderStatus.PENDING), ("WAIT_BUYER_PAY", OrderStatus.PENDING),
        ("PAY_PENDING", OrderStatus.PENDING), ("WAIT_SELLER_SEND_GOODS", OrderStatus.TO_SHIP),
        ("SELLER_CONSIGNED_PART", OrderStatus.PART_SHIPPED), ("WAIT_BUYER_CONFIRM_GOODS", OrderStatus.SHIPPED),
        ("TRADE_BUYER_SIGNED", OrderStatus.SHIPPED), ("TRADE_FINISHED", OrderStatus.COMPLETED),
        ("TRADE_CLOSED", OrderStatus.REFUNDED), ("TRADE_CLOSED_BY_TAOBAO", OrderStatus.CANCELLED),
        ("PAID_FORBID_CONSIGN", OrderStatus.HOLD), (None, OrderStatus.HOLD),
    ],
)  # fmt: skip
def test_each_status_has_one_meaning(status: str | None, expected: OrderStatus) -> None:
    assert parse_orders(trade(status=status))[0].status is expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("FRONT_NOPAID_FINAL_NOPAID", OrderStatus.PENDING), ("FRONT_PAID_FINAL_NOPAID", OrderStatus.HOLD),
        ("FRONT_PAID_FINAL_PAID", OrderStatus.TO_SHIP),
    ],
)  # fmt: skip
def test_a_presale_follows_its_steps(step: str, expected: OrderStatus) -> None:
    assert parse_orders(trade(type="step", step_trade_status=step))[0].status is expected


@pytest.mark.parametrize(("status", "held"), [("NO_REFUND", False), ("CLOSED", False), ("SUCCESS", False),
    ("WAIT_SELLER_AGREE", True), ("WAIT_BUYER_RETURN_GOODS", True), ("WAIT_SELLER_CONFIRM_GOODS", True),
    ("SELLER_REFUSE_BUYER", True)])  # fmt: skip
def test_only_an_open_refund_holds(status: str, held: bool) -> None:
    order = parse_orders(trade(line={"refund_status": status}))[0]
    assert order.lines[0].cancel_requested is held
    assert order.status is (OrderStatus.HOLD if held else OrderStatus.TO_SHIP)


def test_a_line_closed_inside_a_living_trade_has_nothing_left() -> None:
    line = parse_orders(trade(line={"status": "TRADE_CLOSED"}))[0].lines[0]
    assert (line.qty, line.qty_ordered) == (0, 2)


def test_an_id_that_was_rounded_is_taken_from_its_text_twin_or_refused() -> None:
    assert parse_orders(trade(tid=2.231958349123457e18, tid_str="2231958349123456789"))[0].external_id[-3:] == "789"
    with pytest.raises(BadAnswer):
        parse_orders(trade(tid=2.231958349123457e18))


@pytest.mark.parametrize(
    "answer",
    [
        {"trade_fullinfo_get_response": {"trade": trade()}},
        {"trade_get_response": {"trade": trade()}},
        {"trades_sold_get_response": {"trades": {"trade": [trade()]}, "has_next": False}},
        {"trades": [trade()], "total_results": 1},
        trade(),
    ],
)
def test_every_kind_of_answer_is_read(answer: dict[str, Any]) -> None:
    assert [order.external_id for order in parse_orders(answer)] == ["1"]


@pytest.mark.parametrize("answer", [{"trades_sold_get_response": {"total_results": 0}},
    {"trades_sold_increment_get_response": {"has_next": False, "request_id": "x"}}])  # fmt: skip
def test_an_empty_list_is_no_damage(answer: dict[str, Any]) -> None:
    assert parse_orders(answer) == []


@pytest.mark.parametrize("answer", [None, [], "x", 1, {}, {"items_onsale_get_response": {"items": {}}},
    {"trades_sold_get_response": "x"}, {"trades_sold_get_response": {"trades": {"trade": "x"}}}])  # fmt: skip
def test_a_wrong_root_is_a_bad_answer(answer: object) -> None:
    with pytest.raises(BadAnswer):
        parse_orders(answer)


def test_a_title_of_five_megabytes_is_cut_and_a_code_of_that_length_refused() -> None:
    order = parse_orders(trade(line={"title": "长" * 5_000_000}))[0]
    assert len(order.lines[0].title) == 500
    assert len(json.encode(order.raw)) < 100_000
    with pytest.raises(BadAnswer, match="outer_sku_id"):
        parse_orders(trade(line={"outer_sku_id": "x" * 5_000_000}))


def failing(code: object, sub_code: str = "", sub_msg: str = "") -> dict[str, Any]:
    return {"error_response": {"code": code, "msg": "m", "sub_code": sub_code, "sub_msg": sub_msg, "request_id": "r"}}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (failing(7, "accesscontrol.limited-by-api-access-count", "This ban will last for 1 more seconds"), RetryAfter),
        (failing("7"), RetryAfter), (failing(15, "isp.top-remote-connection-timeout"), RetryLater),
        (failing(10), RetryLater), (failing(15, "isp.service-error-tmall"), RetryLater),
        (failing(530, "isv.trade-not-exist"), GiveUp), (failing(530, "isv.x", "系统繁忙，请稍后再试"), RetryLater),
        (failing(26), Reauthorise), (failing(27, "invalid-sessionkey"), Reauthorise), (failing(53), Reauthorise),
        (failing(11, "isv.permission-api-package-limit"), StopShop), (failing(42), StopShop),
        (failing(25, "isv.invalid-signature"), StopShop), (failing(29, "isv.appkey-not-exists"), StopShop),
        (failing(31), StopShop), (failing(40, "isv.missing-parameter:tid"), GiveUp), (failing(41), GiveUp),
        (b"<html>", RetryLater), (b"", RetryLater), (b'{"trades_sold', BadAnswer), (None, BadAnswer),
        ({"alibaba_ascp_logistics_offline_send_response": {"result": {"success": False}}}, GiveUp),
        ({"logistics_online_send_response": {"shipping": {"is_success": False}}}, GiveUp),
        ("<?xml version='1.0'?><error_response><code>27</code><msg>Invalid</msg></error_response>", Reauthorise),
    ],
)  # fmt: skip
def test_each_failure_names_the_next_step(body: object, kind: type[ChannelError]) -> None:
    error = classify_error(200, {}, body)
    assert error is not None
    assert type(error) is kind


@pytest.mark.parametrize(
    ("sub", "text", "seconds"),
    [
        ("accesscontrol.limited-by-app-access-count", "This ban will last for 31062 more seconds", 31062),
        ("accesscontrol.limited-by-api-access-count", "", 2),
        ("accesscontrol.limited-by-app-access-count", "", 3600),
    ],
)
def test_a_ban_names_its_seconds(sub: str, text: str, seconds: float) -> None:
    error = classify_error(200, {}, failing(7, sub, text))
    assert isinstance(error, RetryAfter)
    assert error.wait_seconds == seconds


@pytest.mark.parametrize(("status", "kind"), [(503, RetryLater), (429, RetryAfter), (403, StopShop), (414, GiveUp)])
def test_a_bare_http_status_is_classified(status: int, kind: type[ChannelError]) -> None:
    assert type(classify_error(status, {}, b"x")) is kind


def test_a_good_answer_is_no_failure() -> None:
    assert classify_error(200, {}, INCREMENT) is None
    assert classify_error(200, {}, {"x_response": {"result": {"success": True}}}) is None


def item(listing_id: int, sku_id: str) -> PushItem:
    keys = {"num_iid": "9", "sku_id": sku_id} if sku_id else {"num_iid": "9"}
    return PushItem(listing_id=listing_id, external_id=sku_id or "9", keys=keys, quantity=5, version=1)


def test_only_touched_skus_count_as_written() -> None:
    body = {"skus_quantity_update_response": {"item": {"num_iid": 9, "skus": {"sku": [{"sku_id": 11, "quantity": 5}]}}}}
    first, second = parse_push_result(body, [item(1, "11"), item(2, "12")])
    assert (first.outcome, first.quantity_after) == (PushOutcome.APPLIED, 5)
    assert (second.outcome, second.failure) == (PushOutcome.REJECTED, FailureClass.RETRY)


def test_an_item_without_skus_tells_its_number() -> None:
    body = {"item_quantity_update_response": {"item": {"num_iid": 9, "num": 4, "modified": "2026-08-02 08:00:00"}}}
    [result] = parse_push_result(body, [item(1, "")])
    assert (result.outcome, result.quantity_after) == (PushOutcome.APPLIED, 4)


@pytest.mark.parametrize(("body", "failure"), [
    (failing(7, "", "This ban will last for 3 more seconds"), FailureClass.RETRY_AFTER),
    (failing(27), FailureClass.REAUTHORISE), (failing(42), FailureClass.STOP),
    (failing(530, "isv.item-locked"), FailureClass.GIVE_UP), ({"other": 1}, FailureClass.RETRY)])  # fmt: skip
def test_a_failed_push_rejects_each_item_with_its_class(body: dict[str, Any], failure: FailureClass) -> None:
    results = parse_push_result(body, [item(1, "11"), item(2, "12")])
    assert [(one.outcome, one.failure) for one in results] == [(PushOutcome.REJECTED, failure)] * 2


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    field=st.sampled_from(sorted(INCREMENT["trades_sold_increment_get_response"]["trades"]["trade"][0])),
    value=json_like,
)
def test_no_value_of_any_field_breaks_the_reader(field: str, value: Any) -> None:
    good = INCREMENT["trades_sold_increment_get_response"]["trades"]["trade"][2]
    reading = read_orders({"trades_sold_get_response": {"trades": {"trade": [{**trade(), field: value}, good]}}})
    assert good["tid"] in [int(order.external_id) for order in reading.orders]
    assert len(reading.orders) + len(reading.refused) == 2


@given(
    field=st.sampled_from(["oid", "num", "price", "sku_id", "outer_iid", "divide_order_fee", "title", "status"]),
    value=json_like,
)
def test_no_value_of_any_line_field_breaks_the_reader(field: str, value: Any) -> None:
    reading = read_orders({"trade_fullinfo_get_response": {"trade": trade(line={field: value})}})
    assert len(reading.orders) + len(reading.refused) == 1
