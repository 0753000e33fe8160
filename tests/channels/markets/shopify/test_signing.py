"""Shopify's webhook signature, against a vector that another implementation computed."""

import pytest

from channels.kit.errors import BadAnswer, BadSignature
from channels.markets.shopify.signing import sign, verify_webhook

RAW = b'{"id":727,"status":"processing","total":"29.35"}'
SIGNATURE = "AzjA4d8xeEJSbkanQJNco7fnlQeLX0wigBzuCnV5Mak="
HEADERS = {"X-Shopify-Hmac-Sha256": SIGNATURE, "X-Shopify-Topic": "orders/create", "X-Shopify-Webhook-Id": "w-1"}


def test_the_vector_is_signed_alike() -> None:
    assert sign(RAW, "hush") == SIGNATURE


def test_a_good_message_names_its_event_topic_and_order() -> None:
    hook = verify_webhook(HEADERS, RAW, "hush")
    assert (hook.event_id, hook.topic, hook.order_id) == ("w-1", "orders/create", "gid://shopify/Order/727")


def test_header_names_may_come_in_any_case() -> None:
    assert verify_webhook({name.upper(): value for name, value in HEADERS.items()}, RAW, "hush")


@pytest.mark.parametrize(
    ("headers", "raw", "secret"),
    [
        (HEADERS, RAW, "hush!"),
        (HEADERS, RAW.replace(b"29", b"28"), "hush"),
        ({**HEADERS, "X-Shopify-Hmac-Sha256": ""}, RAW, "hush"),
        ({**HEADERS, "X-Shopify-Hmac-Sha256": "签名"}, RAW, "hush"),
        ({}, RAW, "hush"),
        (HEADERS, RAW, ""),
        (HEADERS, RAW, []),
    ],
)
def test_anything_else_is_refused(headers: dict[str, str], raw: bytes, secret: str) -> None:
    with pytest.raises(BadSignature):
        verify_webhook(headers, raw, secret)


def test_the_old_secret_is_good_for_a_while() -> None:
    assert verify_webhook(HEADERS, RAW, ["new", "hush"]).event_id == "w-1"


def test_a_signed_message_that_is_half_written_is_a_bad_answer() -> None:
    raw = RAW[:20]
    with pytest.raises(BadAnswer):
        verify_webhook({**HEADERS, "X-Shopify-Hmac-Sha256": sign(raw, "hush")}, raw, "hush")


def test_a_refund_names_its_order_by_order_id() -> None:
    raw = b'{"id":1,"order_id":820982911946154508}'
    headers = {"X-Shopify-Hmac-Sha256": sign(raw, "hush"), "X-Shopify-Topic": "refunds/create"}
    assert verify_webhook(headers, raw, "hush").order_id == "gid://shopify/Order/820982911946154508"
