"""What a shop is asked to set, and what became of it, item by item.

Invariant: a number is set only if the shop still shows what we believe it shows (compare-and-set): a stale row is never
written over, it goes back to the hub with the number that the shop shows now. The idempotency key is a function of the
rows, so that a repeated call is the same call and other rows are another. Source: channel facts, section 4.3.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from channels.kit.errors import BadAnswer
from channels.kit.fields import shown_units
from channels.kit.outcome import all_rejected
from channels.kit.types import FailureClass, PushItem, PushOutcome, PushResult
from channels.markets.shopify.answers import USER_ERROR_CLASS, classify_error, user_errors

NEW_STYLE = "2026-04"
NEIGHBOUR = "NEIGHBOUR_REFUSED"
_ROW = re.compile(r"^\d+$")


def quantities_input(items: Sequence[PushItem], api_version: str) -> dict[str, Any]:
    """The `input` of inventorySetQuantities in the words of this API version."""
    new_style = api_version >= NEW_STYLE
    named = "changeFromQuantity" if new_style else "compareQuantity"
    quantities = [
        {
            "inventoryItemId": item.keys["inventory_item_id"],
            "locationId": item.keys["location_id"],
            "quantity": item.quantity,
            # null = do not compare; the new style wants it said
            named: item.expected,
        }
        for item in items
    ]
    given: dict[str, Any] = {"name": "available", "reason": "correction", "quantities": quantities}
    if not new_style:
        given["ignoreCompareQuantity"] = any(item.expected is None for item in items)
    return given


def idempotency_key(items: Sequence[PushItem], salt: str, attempt: int = 0) -> str:
    """The same for the same rows in the same order; another for each `attempt` (a failed attempt burns its key).

    `salt` is new for each adapter: a hub that was set up anew counts its versions from the beginning, and the shop must
    not take its pushes for old ones. A push that is repeated by another process is caught by the comparison instead.
    """
    rows = [(item.keys["inventory_item_id"], item.version, item.quantity, str(item.expected)) for item in items]
    return str(uuid5(NAMESPACE_URL, f"tongku:{salt}:{rows}:{attempt}"))


def parse_push_result(body: Any, items: Sequence[PushItem]) -> list[PushResult]:
    """One result per item, in order: applied, or rejected with code and class."""
    payload = _payload(body)
    if payload is None:
        return _refused(body, items)
    errors = user_errors(body)
    if (
        not errors
        and payload.get("inventoryAdjustmentGroup") is None
        and not isinstance(payload.get("userErrors"), list)
    ):
        return _refused(body, items)
    by_row, general = _by_row(errors, len(items))
    written = payload.get("inventoryAdjustmentGroup") is not None
    after = _quantities_after(payload)
    results = []
    for place, item in enumerate(items):
        error = by_row.get(place, general)
        if error is not None:
            results.append(_rejected(item, str(error.get("code") or "REFUSED"), str(error.get("message") or "")))
        elif errors and not written:
            results.append(_rejected(item, NEIGHBOUR, "another row of the call was refused, so nothing was written"))
        else:
            quantity = after.get(item.keys.get("inventory_item_id", ""))
            results.append(PushResult(listing_id=item.listing_id, outcome=PushOutcome.APPLIED, quantity_after=quantity))
    return results


def _payload(body: Any) -> Mapping[str, Any] | None:
    """The mutation's own answer, under whatever alias; None when the call failed as a whole."""
    data = body.get("data") if isinstance(body, Mapping) else None
    for value in data.values() if isinstance(data, Mapping) else ():
        if isinstance(value, Mapping) and ("userErrors" in value or "inventoryAdjustmentGroup" in value):
            return value
    return None


def _refused(body: Any, items: Sequence[PushItem]) -> list[PushResult]:
    error = classify_error(200, {}, body) or BadAnswer("the answer says nothing about the push", code="wrong-root")
    return all_rejected(items, error)


def _by_row(
    errors: Sequence[Mapping[str, Any]], count: int
) -> tuple[dict[int, Mapping[str, Any]], Mapping[str, Any] | None]:
    """The errors by row number, and the first one that names no row (it concerns all)."""
    by_row: dict[int, Mapping[str, Any]] = {}
    general: Mapping[str, Any] | None = None
    for error in errors:
        field = error.get("field")
        numbers = [int(part) for part in field if _ROW.match(str(part))] if isinstance(field, list) else []
        if numbers and numbers[0] < count:
            by_row.setdefault(numbers[0], error)
        else:
            general = general or error
    return by_row, general


def _rejected(item: PushItem, code: str, message: str) -> PushResult:
    failure = FailureClass.RETRY if code == NEIGHBOUR else USER_ERROR_CLASS.get(code, FailureClass.GIVE_UP)
    return PushResult(
        listing_id=item.listing_id,
        outcome=PushOutcome.REJECTED,
        code=code[:100],
        message=message[:500],
        failure=failure,
    )


def _quantities_after(payload: Mapping[str, Any]) -> dict[str, int]:
    """quantityAfterChange by inventory item, where the shop says it (mostly it comes null)."""
    group = payload.get("inventoryAdjustmentGroup")
    changes = group.get("changes") if isinstance(group, Mapping) else None
    found: dict[str, int] = {}
    for change in changes if isinstance(changes, list) else ():
        item = change.get("item") if isinstance(change, Mapping) else None
        after = shown_units(change.get("quantityAfterChange")) if isinstance(change, Mapping) else None
        if isinstance(item, Mapping) and change.get("name") == "available" and after is not None:
            found[str(item.get("id"))] = after
    return found
