"""Who listens to what: one dictionary from an event's topic to its handlers.

A handler takes the session and waiting events, oldest first, and returns the ones it could not handle with the
reason; what it wrote for the others stands. Invariant: each handler is idempotent by the event's id.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from finance.post import post_batch
from hub.core.db import Session
from hub.core.errors import HubError
from hub.core.events import Event
from orders.sales.refill import on_claims_voided, on_listing_mapped, on_stock_received

Failures = Sequence[tuple[Event, HubError]]
Handler = Callable[[Session, Sequence[Event]], Awaitable[Failures]]


def each(handle: Callable[[Session, Event], Awaitable[object]]) -> Handler:
    """A handler of many from a handler of one that cannot fail for reasons of its own."""

    async def handle_all(session: Session, events: Sequence[Event]) -> Failures:
        for event in events:
            await handle(session, event)
        return ()

    return handle_all


async def serve_backorders(session: Session, events: Sequence[Event]) -> Failures:
    """Units arrived: the oldest backorders first."""
    await on_stock_received(session, events)
    return ()


SUBSCRIPTIONS: Mapping[str, Sequence[Handler]] = {
    "order.fulfilled": (post_batch,),
    "stock.received": (post_batch, serve_backorders),
    "stock.adjusted": (post_batch, serve_backorders),
    "stock.claims_voided": (each(on_claims_voided),),
    "listing.mapped": (each(on_listing_mapped),),
}
