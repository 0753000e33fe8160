"""What can go wrong at a marketplace, on demand.

Invariant: a fault belongs to one shop, happens `count` times and is gone; nothing goes wrong by itself. An answer that
was spoiled has still had its effect: the caller cannot know.
"""

from dataclasses import dataclass, field
from typing import Any

FAULTS: dict[str, str] = {
    "half_written": "the answer stops in the middle",
    "html": "a page of HTML instead of the answer",
    "server_error": "HTTP 503",
    "lost_answer": "the call has its effect, the answer is HTTP 502",
    "delay": "the answer comes after `seconds`",
    "throttle": "the platform's own flow-limit answer, naming `seconds`",
    "bad_token": "the platform says that the access token is bad",
    "clock_skew": "the platform's clock is `seconds` ahead (stays until cleared)",
    "duplicate_page": "an order page is answered with its orders twice",
    "moving_page": "after an order page, `orders` of the shop's orders are modified",
    "bad_order": "one order of a page is malformed",
    "long_field": "a title of `bytes` (5,000,000) in one order of a page",
    "reject_push": "the push of listing `platform_sku` is refused with `code`",
    "stale_push": "somebody sells one unit between reading and writing",
    "webhook_bad_signature": "a webhook with a wrong signature",
    "webhook_twice": "a webhook is delivered twice",
    "webhook_lost": "a webhook is not delivered",
}
_MAX_FAULTS_PER_SHOP = 100


@dataclass(slots=True)
class Fault:
    name: str
    left: int
    options: dict[str, Any] = field(default_factory=dict)


class Faults:
    """The faults that are still to happen, per shop."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Fault]] = {}

    def add(self, shop_id: str, name: str, count: int, options: dict[str, Any]) -> None:
        """Raises ValueError for an unknown fault or too many of them."""
        if name not in FAULTS:
            raise ValueError(f"unknown fault {name!r}; there are {', '.join(FAULTS)}")
        waiting = self._waiting.setdefault(shop_id, [])
        if len(waiting) >= _MAX_FAULTS_PER_SHOP:
            raise ValueError("too many faults are waiting")
        # never empty, so that a fault found is true
        waiting.append(Fault(name, count, {"fault": name, **options}))

    def clear(self, shop_id: str | None = None) -> None:
        if shop_id is None:
            self._waiting.clear()
        else:
            self._waiting.pop(shop_id, None)

    def take(self, shop_id: str, name: str, **match: object) -> dict[str, Any] | None:
        """The options of a waiting fault (used up by one), or None. `match` must agree where the fault names it."""
        for fault in self._waiting.get(shop_id, ()):
            agrees = all(fault.options.get(key, value) == value for key, value in match.items())
            if fault.name == name and fault.left > 0 and agrees:
                fault.left -= 1
                self._waiting[shop_id] = [other for other in self._waiting[shop_id] if other.left > 0]
                return fault.options
        return None

    def standing(self, shop_id: str, name: str) -> dict[str, Any] | None:
        """Like `take`, but the fault stays."""
        return next((fault.options for fault in self._waiting.get(shop_id, ()) if fault.name == name), None)
