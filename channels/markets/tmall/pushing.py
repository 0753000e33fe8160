"""What became of a stock push, item by item: pure.

Invariant: a call either worked for all its items or for none, except that only the touched SKUs come back: an item that
should be among them and is not counts as not written. Source: channel facts, section 2.4.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from channels.kit.errors import BadAnswer, RetryLater
from channels.kit.fields import Malformed, units
from channels.kit.outcome import all_rejected, rejected
from channels.kit.types import PushItem, PushOutcome, PushResult
from channels.markets.tmall.answers import classify_error


def parse_push_result(body: Any, items: Sequence[PushItem]) -> list[PushResult]:
    """One result per item, in order, of one quantity call (all its items share a num_iid)."""
    error = classify_error(200, {}, body)
    answer = None if error is not None else _answer(body)
    if answer is None:
        error = error or BadAnswer("the answer says nothing about the push", code="wrong-root")
        return all_rejected(items, error)
    item = answer.get("item") if isinstance(answer.get("item"), Mapping) else answer
    touched = _touched(item if isinstance(item, Mapping) else {})
    return [_result(one, item if isinstance(item, Mapping) else {}, touched) for one in items]


def _answer(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What stands under the method's root (or the body itself when it came simplified)."""
    for name, value in body.items():
        if name.endswith("quantity_update_response") and isinstance(value, Mapping):
            return value
    return body if isinstance(body.get("item"), Mapping) else None


def _touched(item: Mapping[str, Any]) -> dict[str, int | None] | None:
    """Quantity after, by sku_id; None when the answer lists no SKUs at all."""
    skus = item.get("skus")
    listed = skus.get("sku") if isinstance(skus, Mapping) else skus
    if isinstance(listed, Mapping):
        listed = [listed]
    if not isinstance(listed, list):
        return None
    return {str(sku.get("sku_id")): _quantity(sku.get("quantity")) for sku in listed if isinstance(sku, Mapping)}


def _quantity(value: object) -> int | None:
    try:
        return units(value, "quantity")
    except Malformed:
        return None


def _result(one: PushItem, item: Mapping[str, Any], touched: dict[str, int | None] | None) -> PushResult:
    sku_id = one.keys.get("sku_id", "")
    if not sku_id:
        return PushResult(
            listing_id=one.listing_id, outcome=PushOutcome.APPLIED, quantity_after=_quantity(item.get("num"))
        )
    if touched is None:
        return PushResult(listing_id=one.listing_id, outcome=PushOutcome.APPLIED)
    if sku_id not in touched:
        return rejected(one, RetryLater("the SKU is not among those that were changed", code="not-touched"))
    return PushResult(listing_id=one.listing_id, outcome=PushOutcome.APPLIED, quantity_after=touched[sku_id])
