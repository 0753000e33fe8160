"""Reading Shopify's answers: both shapes, shop money, current quantities, three layers of failure."""

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
from channels.markets.shopify.mapping import classify_error, parse_orders, parse_push_result, read_orders
from channels.markets.shopify.pushing import idempotency_key, quantities_input

PAYLOADS = Path(__file__).parent / "payloads"
ORDERS = json.decode((PAYLOADS / "orders.json").read_bytes())
WEBHOOK = json.decode((PAYLOADS / "webhook.json").read_bytes())


def money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": "USD"}}


def order(**fields: Any) -> dict[str, Any]:
    """One plain order with a line of two pieces."""
    line = {
        "id": "gid://shopify/LineItem/1", "sku": "A", "quantity": 2, "currentQuantity": 2, "unfulfilledQuantity": 2,
        "originalUnitPriceSet": money("5.0"), **fields.pop("line", {}),
    }  # fmt: skip
    return {
        "id": "gid://shopify/Order/1", "createdAt": "2026-08-01T16:00:00Z", "updatedAt": "2026-08-01T16:00:00Z",
        "displayFinancialStatus": "PAID", "displayFulfillmentStatus": "UNFULFILLED", "totalPriceSet": money("10.0"),
        "lineItems": {"nodes": [line]}, **fields,
    }  # fmt: skip


def detail(**fields: Any) -> dict[str, Any]:
    return {"data": {"order": order(**fields)}}


def test_an_order_is_read_whole() -> None:
    [found] = parse_orders(ORDERS)
    assert found.external_id == "gid://shopify/Order/8209829119461545084"
    assert (found.currency, found.total, found.shipping) == ("USD", Decimal("105.0"), Decimal("10.0"))
    assert found.status is OrderStatus.PART_SHIPPED
    assert found.tax_included is False
    first, second = found.lines
    assert (first.sku, first.qty, first.qty_ordered, first.qty_shipped) == ("CUP", 2, 3, 1)
    assert (first.unit_price, first.discount, first.tax) == (Decimal("31.9"), Decimal("4.5"), Decimal("2.0"))
    assert (second.sku, second.platform_sku, second.qty, second.discount) == (None, "", 0, Decimal("1.2"))
    assert first.shipping_share + second.shipping_share == Decimal("10.0")


def test_a_malformed_order_is_named_and_its_neighbour_stays() -> None:
    assert read_orders(ORDERS).refused[0][0] == "gid://shopify/Order/2"


def test_a_webhook_speaks_of_the_same_things() -> None:
    [found] = parse_orders(WEBHOOK)
    assert found.external_id == "gid://shopify/Order/820982911946154508"
    assert found.placed_at == datetime(2026, 8, 1, 16, 0, tzinfo=UTC)
    assert (found.status, found.total, found.shipping) == (OrderStatus.TO_SHIP, Decimal("404.95"), Decimal("10.00"))
    first, second = found.lines
    assert (first.line_id, first.platform_sku) == (
        "gid://shopify/LineItem/487817672276298554", "gid://shopify/ProductVariant/457924702",
    )  # fmt: skip
    assert (first.qty, first.qty_ordered, first.qty_shipped) == (1, 2, 0)
    assert (first.discount, first.tax) == (Decimal("30.00"), Decimal("1.50"))
    assert (second.line_id, second.sku, second.qty) == ("gid://shopify/LineItem/976318377106520349", None, 1)
    assert second.discount == Decimal("5.00")
    assert found.buyer["name"] == "John Smith"


@pytest.mark.parametrize("wrap", [lambda one: {"order": one}, lambda one: {"orders": [one]}, lambda one: one])
def test_rest_lists_and_details_are_read_too(wrap: Any) -> None:
    assert len(parse_orders(wrap(WEBHOOK))) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, OrderStatus.TO_SHIP),
        ({"cancelledAt": "2026-08-01T17:00:00Z"}, OrderStatus.CANCELLED),
        ({"cancelledAt": "2026-08-01T17:00:00Z", "displayFinancialStatus": "REFUNDED"}, OrderStatus.REFUNDED),
        ({"displayFinancialStatus": "PENDING"}, OrderStatus.PENDING),
        ({"displayFinancialStatus": None}, OrderStatus.PENDING),
        ({"displayFinancialStatus": "AUTHORIZED"}, OrderStatus.PENDING),
        ({"displayFinancialStatus": "EXPIRED"}, OrderStatus.PENDING),
        ({"displayFinancialStatus": "PARTIALLY_PAID"}, OrderStatus.TO_SHIP),
        ({"displayFinancialStatus": "VOIDED"}, OrderStatus.CANCELLED),
        ({"displayFinancialStatus": "REFUNDED", "displayFulfillmentStatus": "FULFILLED"}, OrderStatus.REFUNDED),
        ({"displayFulfillmentStatus": "IN_PROGRESS"}, OrderStatus.TO_SHIP),
        ({"displayFulfillmentStatus": "SCHEDULED"}, OrderStatus.TO_SHIP),
        ({"displayFulfillmentStatus": "ON_HOLD"}, OrderStatus.HOLD),
        ({"displayFulfillmentStatus": "SOMETHING_NEW"}, OrderStatus.HOLD),
        ({"displayFulfillmentStatus": "PARTIALLY_FULFILLED"}, OrderStatus.PART_SHIPPED),
        ({"displayFulfillmentStatus": "FULFILLED"}, OrderStatus.SHIPPED),
        ({"displayFulfillmentStatus": "FULFILLED", "closedAt": "2026-08-09T00:00:00Z"}, OrderStatus.COMPLETED),
    ],
)
def test_each_status_has_one_meaning(fields: dict[str, Any], expected: OrderStatus) -> None:
    assert parse_orders(detail(**fields))[0].status is expected


def test_a_shop_may_ship_on_an_authorised_payment() -> None:
    body = detail(displayFinancialStatus="AUTHORIZED")
    assert parse_orders(body, authorized_ships=True)[0].status is OrderStatus.TO_SHIP


def test_a_cancelled_order_has_nothing_shipped() -> None:
    found = parse_orders(detail(cancelledAt="2026-08-01T17:00:00Z", line={"unfulfilledQuantity": 0}))[0]
    assert (found.lines[0].qty, found.lines[0].qty_shipped) == (2, 0)


@pytest.mark.parametrize("data", [{"orders": {"edges": [{"node": order(), "cursor": "x"}]}}, {"nodes": [None, order()]},
    {"mine": {"nodes": [order()]}}, {"orderUpdate": {"order": order(), "userErrors": []}}])  # fmt: skip
def test_every_kind_of_answer_is_read(data: dict[str, Any]) -> None:
    assert [one.external_id for one in parse_orders({"data": data})] == ["gid://shopify/Order/1"]


@pytest.mark.parametrize("data", [{"orders": {"nodes": []}}, {"order": None}, {"orders": {"edges": []}}])
def test_an_empty_answer_is_no_damage(data: dict[str, Any]) -> None:
    assert parse_orders({"data": data}) == []


@pytest.mark.parametrize(
    "body",
    [None, [], "x", {}, {"data": None}, {"data": {"shop": None}}, {"id": 1}, {"data": {"orders": {"nodes": {"a": 1}}}},
     {"data": {"orders": {"edges": 7}}}],
)  # fmt: skip
def test_a_wrong_root_is_a_bad_answer(body: object) -> None:
    with pytest.raises(BadAnswer):
        parse_orders(body)


def failing(code: str, message: str = "m", **more: Any) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}], **more}


THROTTLED = failing(
    "THROTTLED", "Throttled",
    extensions={"cost": {"requestedQueryCost": 500, "actualQueryCost": None,
                         "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 100,
                                            "restoreRate": 100.0}}},
)  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, THROTTLED, RetryAfter), (200, failing("ACCESS_DENIED"), StopShop), (200, failing("BAD_REQUEST"), GiveUp),
        (200, failing("INVALID_VARIABLE"), GiveUp), (200, failing("INTERNAL_SERVER_ERROR"), RetryLater),
        (200, {"errors": [{"message": "Internal error. Looks like something went wrong on our end."}]}, RetryLater),
        (401, {"errors": "[API] Invalid API key or access token"}, Reauthorise), (403, {}, Reauthorise),
        (402, {}, StopShop), (404, {"errors": "Not Found"}, StopShop), (429, {}, RetryAfter), (503, b"", RetryLater),
        (400, {}, GiveUp), (200, b"<html>", RetryLater), (200, b"", RetryLater), (200, b'{"data', BadAnswer),
        (200, [], BadAnswer),
        (200, {"data": {"x": {"userErrors": [{"code": "INVALID_LOCATION", "message": "m"}]}}}, GiveUp),
        (200, {"data": {"x": {"userErrors": [{"code": "CHANGE_FROM_QUANTITY_STALE", "message": "m"}]}}}, RetryLater),
        (200, {"data": {"x": {"userErrors": [{"field": None, "message": "no code"}]}}}, GiveUp),
    ],
)  # fmt: skip
def test_each_failure_names_the_next_step(status: int, body: object, kind: type[ChannelError]) -> None:
    assert type(classify_error(status, {}, body)) is kind


def test_a_throttled_answer_names_its_wait() -> None:
    error = classify_error(200, {}, THROTTLED)
    assert isinstance(error, RetryAfter)
    assert error.wait_seconds == 4.0
    later = classify_error(429, {"Retry-After": "2.0"}, {})
    assert isinstance(later, RetryAfter)
    assert later.wait_seconds == 2.0


def test_a_good_answer_is_no_failure() -> None:
    assert classify_error(200, {}, ORDERS) is None
    assert classify_error(200, {}, {"data": {"x": {"userErrors": []}}}) is None


def item(number: int, *, expected: int | None = 5) -> PushItem:
    keys = {"inventory_item_id": f"gid://shopify/InventoryItem/{number}", "location_id": "gid://shopify/Location/1"}
    return PushItem(
        listing_id=number, external_id=str(number), keys=keys, quantity=3, version=1, expected=expected
    )  # fmt: skip


def pushed(errors: list[dict[str, Any]], group: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": errors}}}


def test_a_written_group_applies_all() -> None:
    change = {
        "name": "available",
        "delta": -2,
        "quantityAfterChange": None,
        "item": {"id": "gid://shopify/InventoryItem/1"},
    }
    results = parse_push_result(pushed([], {"id": "g", "changes": [change]}), [item(1), item(2)])
    assert [(one.outcome, one.quantity_after) for one in results] == [(PushOutcome.APPLIED, None)] * 2


def test_a_bad_row_is_named_and_its_neighbours_may_try_again() -> None:
    error = {"field": ["input", "quantities", "1", "inventoryItemId"], "code": "INVALID_INVENTORY_ITEM", "message": "m"}
    first, second, third = parse_push_result(pushed([error]), [item(1), item(2), item(3)])
    assert (first.failure, third.failure) == (FailureClass.RETRY, FailureClass.RETRY)
    assert (second.code, second.failure) == ("INVALID_INVENTORY_ITEM", FailureClass.GIVE_UP)


def test_a_stale_row_is_to_be_tried_again() -> None:
    error = {
        "field": ["input", "quantities", "0", "changeFromQuantity"],
        "code": "CHANGE_FROM_QUANTITY_STALE",
        "message": "",
    }
    [result] = parse_push_result(pushed([error]), [item(1)])
    assert result.failure is FailureClass.RETRY


def test_an_error_without_a_row_concerns_all() -> None:
    error = {"field": ["input", "name"], "code": "INVALID_NAME", "message": "m"}
    assert {one.code for one in parse_push_result(pushed([error]), [item(1), item(2)])} == {"INVALID_NAME"}


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (THROTTLED, FailureClass.RETRY_AFTER),
        ({"data": {}}, FailureClass.RETRY),
        (failing("ACCESS_DENIED"), FailureClass.STOP),
        ({"data": {"inventorySetQuantities": None}}, FailureClass.RETRY),
    ],
)
def test_a_failed_call_rejects_each_item_with_its_class(body: dict[str, Any], failure: FailureClass) -> None:
    assert [one.failure for one in parse_push_result(body, [item(1), item(2)])] == [failure] * 2


def test_each_api_version_is_asked_in_its_own_words() -> None:
    new = quantities_input([item(1), item(2, expected=None)], "2026-04")
    assert [row["changeFromQuantity"] for row in new["quantities"]] == [5, None]
    assert "ignoreCompareQuantity" not in new
    old = quantities_input([item(1)], "2025-10")
    assert (old["quantities"][0]["compareQuantity"], old["ignoreCompareQuantity"]) == (5, False)


def test_the_same_rows_have_the_same_key_and_other_rows_another() -> None:
    assert idempotency_key([item(1), item(2)], "s") == idempotency_key([item(1), item(2)], "s")
    others = [
        idempotency_key([item(1)], "s"),
        idempotency_key([item(2)], "s"),
        idempotency_key([item(1, expected=4)], "s"),
        idempotency_key([item(1)], "s", attempt=1),
        idempotency_key([item(1)], "t"),
    ]
    assert len(set(others)) == 5


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    field=st.sampled_from([*sorted(order()), "cancelledAt", "closedAt", "customer", "totalShippingPriceSet"]),
    value=json_like,
)
def test_no_value_of_any_field_breaks_the_reader(field: str, value: Any) -> None:
    reading = read_orders({"data": {"orders": {"nodes": [order(), {**order(), field: value}]}}})
    assert "gid://shopify/Order/1" in [one.external_id for one in reading.orders]
    assert len(reading.orders) + len(reading.refused) == 2


@given(field=st.sampled_from(sorted(WEBHOOK)), value=json_like)
def test_no_value_of_any_webhook_field_breaks_the_reader(field: str, value: Any) -> None:
    reading = read_orders({"orders": [WEBHOOK, {**WEBHOOK, field: value}]})
    assert len(reading.orders) + len(reading.refused) == 2
