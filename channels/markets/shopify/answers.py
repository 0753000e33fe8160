"""What a Shopify answer says about itself: the three layers of failure, sorted by what to do next.

Invariant: None means no failure at any depth: not in the HTTP status, not in `errors`, not in any `userErrors`.
Source: channel facts, sections 4.1 and 4.3.
"""

from collections.abc import Mapping
from typing import Any

from channels.kit.errors import BadAnswer, ChannelError, GiveUp, Reauthorise, RetryAfter, RetryLater, StopShop
from channels.kit.limit import Told
from channels.kit.types import FailureClass

_DEFAULT_WAIT_SECONDS = 2.0
_STOP_STATUS = {402: "the shop is frozen", 404: "no such shop or API version", 423: "the shop is locked"}
_STOP_CODES = {"ACCESS_DENIED", "SHOP_INACTIVE", "FORBIDDEN"}
_AUTH_CODES = {"UNAUTHORIZED", "UNAUTHENTICATED"}
_PASSING_CODES = {"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE", "INTERNAL_ERROR"}
USER_ERROR_CLASS: Mapping[str, FailureClass] = {
    "CHANGE_FROM_QUANTITY_STALE": FailureClass.RETRY,
    "COMPARE_QUANTITY_STALE": FailureClass.RETRY,
    "IDEMPOTENCY_CONCURRENT_REQUEST": FailureClass.RETRY,
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": FailureClass.RETRY,
    "SERVICE_UNAVAILABLE": FailureClass.RETRY,
    "INTERNAL_ERROR": FailureClass.RETRY,
}
STALE = frozenset({"CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"})


def classify_error(status: int, headers: Mapping[str, str], body: Any) -> ChannelError | None:
    """The failure in an answer, named for the next step; None = there is none.

    `body` is the decoded answer, or its text or bytes when it could not be decoded.
    """
    given = {name.lower(): value for name, value in headers.items()}
    by_status = _by_status(status, given, body)
    if by_status is not None:
        return by_status
    if isinstance(body, bytes | str):
        return _undecoded(body)
    if not isinstance(body, Mapping):
        return BadAnswer("the answer is not an object", code="wrong-root")
    return _by_errors(body) or _by_user_errors(body)


def _by_status(status: int, headers: Mapping[str, str], body: Any) -> ChannelError | None:
    message = f"HTTP {status}: {_said(body)}" if _said(body) else f"HTTP {status}"
    code = f"http-{status}"
    wait = _seconds(headers.get("retry-after"))
    error: ChannelError | None = None
    if status in (401, 403):
        error = Reauthorise(message, code=code)
    elif status in _STOP_STATUS or 300 <= status < 400:
        error = StopShop(f"{_STOP_STATUS.get(status, 'the shop moved')} ({message})", code=code)
    elif status in (429, 430):
        error = RetryAfter(message, code="THROTTLED", wait_seconds=wait or _DEFAULT_WAIT_SECONDS)
    elif status >= 500 or status == 408:
        error = RetryAfter(message, code=code, wait_seconds=wait) if wait else RetryLater(message, code=code)
    elif not 200 <= status < 300:
        error = GiveUp(message, code=code)
    return error


def _said(body: Any) -> str:
    """Shopify's own words where `errors` is one text."""
    told = body.get("errors") if isinstance(body, Mapping) else None
    return told[:200] if isinstance(told, str) else ""


def _seconds(text: str | None) -> float | None:
    try:
        wait = float(text) if text else None
    except ValueError:
        return None
    return wait if wait is not None and 0 < wait < 86_400 else None


def _undecoded(body: bytes | str) -> ChannelError:
    start = (body[:200].decode("utf-8", "replace") if isinstance(body, bytes) else body[:200]).lstrip()
    if not start:
        return RetryLater("the answer is empty", code="empty")
    if start.startswith("<"):
        return RetryLater("the answer is a page of HTML", code="html")
    return BadAnswer("the answer is not complete JSON", code="not-json")


def _by_errors(body: Mapping[str, Any]) -> ChannelError | None:
    errors = body.get("errors")
    if not errors:
        return None
    found = [_one_error(error, body) for error in errors] if isinstance(errors, list) else [_one_error(errors, body)]
    return min(found, key=_urgency)


def _urgency(error: ChannelError) -> int:
    """What only a person can mend comes first: waiting would not help."""
    order: tuple[type[ChannelError], ...] = (StopShop, Reauthorise, GiveUp, RetryAfter, RetryLater)
    return next(place for place, kind in enumerate(order) if isinstance(error, kind))


def _one_error(error: object, body: Mapping[str, Any]) -> ChannelError:
    if not isinstance(error, Mapping):
        return _worded_error(error if isinstance(error, str) else "errors")
    extensions = error.get("extensions")
    code = str(extensions.get("code") or "") if isinstance(extensions, Mapping) else ""
    message = str(error.get("message") or code or "error")
    if code == "THROTTLED" or (not code and message.lower() == "throttled"):
        return RetryAfter(message, code="THROTTLED", wait_seconds=_throttle_wait(body))
    if code in _STOP_CODES:
        return StopShop(message, code=code)
    if code in _AUTH_CODES:
        return Reauthorise(message, code=code)
    passing = code in _PASSING_CODES or (not code and "internal error" in message.lower())
    return RetryLater(message, code=code or "internal") if passing else GiveUp(message, code=code)


def _worded_error(text: str) -> ChannelError:
    """`errors` as one text, the older form."""
    words = text.lower()
    if "access token" in words or "api key" in words:
        return Reauthorise(text, code="token")
    return RetryLater(text, code="throttled") if "throttled" in words else GiveUp(text)


def _cost(body: Mapping[str, Any]) -> Mapping[str, Any]:
    extensions = body.get("extensions")
    cost = extensions.get("cost") if isinstance(extensions, Mapping) else None
    return cost if isinstance(cost, Mapping) else {}


def _figures(body: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """(available, restore per second, maximum) of throttleStatus."""
    status = _cost(body).get("throttleStatus")
    given: Mapping[str, Any] = status if isinstance(status, Mapping) else {}
    available, restore = _figure(given.get("currentlyAvailable")), _figure(given.get("restoreRate"))
    return available, restore, _figure(given.get("maximumAvailable"))


def _figure(value: Any) -> float | None:
    try:
        figure = None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return figure if figure is not None and abs(figure) < 1e9 else None


def _throttle_wait(body: Mapping[str, Any]) -> float:
    """(requested - available) / restoreRate, at least a tenth of a second."""
    available, restore, _ = _figures(body)
    requested = _figure(_cost(body).get("requestedQueryCost"))
    if available is None or requested is None or not restore:
        return _DEFAULT_WAIT_SECONDS
    return min(3600.0, max(0.1, (requested - available) / restore))


def told_limits(body: Any) -> Told | None:
    """What the answer says about the shop's bucket."""
    if not isinstance(body, Mapping):
        return None
    available, restore, maximum = _figures(body)
    if available is None:
        return None
    return Told(available=available, per_second=restore or None, burst=maximum or None)


def _by_user_errors(body: Mapping[str, Any]) -> ChannelError | None:
    for error in user_errors(body):
        code, message = str(error.get("code") or ""), str(error.get("message") or "refused")
        if USER_ERROR_CLASS.get(code) is FailureClass.RETRY:
            return RetryLater(message, code=code)
        return GiveUp(message, code=code)
    return None


def user_errors(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All userErrors of all mutations in the answer."""
    data = body.get("data")
    found: list[Mapping[str, Any]] = []
    for payload in data.values() if isinstance(data, Mapping) else ():
        for name, value in payload.items() if isinstance(payload, Mapping) else ():
            if str(name).lower().endswith("usererrors") and isinstance(value, list):
                found.extend(one for one in value if isinstance(one, Mapping))
    return found
