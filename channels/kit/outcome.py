"""From a failed call to the results of its items: the same for every adapter."""

from collections.abc import Sequence

from channels.kit.errors import BadAnswer, ChannelError, GiveUp, Reauthorise, RetryAfter, RetryLater, StopShop
from channels.kit.types import FailureClass, PushItem, PushOutcome, PushResult

UNLISTED = "not-in-catalogue"
"""code of an item that was met in an order but not yet in the shop's catalogue: read the catalogue, then push again"""

_CLASS_OF: tuple[tuple[type[ChannelError], FailureClass], ...] = (
    (RetryAfter, FailureClass.RETRY_AFTER),
    (RetryLater, FailureClass.RETRY),
    (Reauthorise, FailureClass.REAUTHORISE),
    (StopShop, FailureClass.STOP),
    # nobody knows whether an unreadable answer was a yes; the same absolute number may be sent again
    (BadAnswer, FailureClass.RETRY),
    (GiveUp, FailureClass.GIVE_UP),
)


def rejected(item: PushItem, error: ChannelError) -> PushResult:
    """The item's share of a failed call."""
    return PushResult(
        listing_id=item.listing_id,
        outcome=PushOutcome.REJECTED,
        code=error.code,
        message=error.message,
        failure=next((failure for kind, failure in _CLASS_OF if isinstance(error, kind)), FailureClass.RETRY),
        wait_seconds=error.wait_seconds if isinstance(error, RetryAfter) else None,
    )


def without_keys(items: Sequence[PushItem], names: Sequence[str]) -> list[PushResult]:
    """Results for the items that lack one of the keys that a push needs; the others can be pushed."""
    error = RetryLater("the shop's catalogue has not named this item yet", code=UNLISTED)
    return [rejected(item, error) for item in items if not all(item.keys.get(name) for name in names)]


def all_rejected(items: Sequence[PushItem], error: ChannelError) -> list[PushResult]:
    """The whole call failed."""
    return [rejected(item, error) for item in items]
