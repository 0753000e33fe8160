"""The outbox's reader: hands waiting events to their handlers, many in one transaction.

Invariant: an event is marked handled in the very transaction that handled it. An event that cannot be handled is put
off with a growing pause and becomes a case; it never stops those behind it.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from hub.core import outbox
from hub.core.cases import CaseKind, close_cases_of, open_case
from hub.core.db import Session, is_connection_trouble
from hub.core.errors import HubError
from hub.core.events import Event
from hub.core.log import get_logger
from hub.core.points import point
from workers.context import Hub
from workers.job import job
from workers.subscriptions import SUBSCRIPTIONS, Handler

log = get_logger(__name__)
BATCH = 200


@job
async def handle_events(hub: Hub) -> int:
    """Drain the outbox. Returns events handled."""
    handled = 0
    while True:
        try:
            taken, done = await _handle_batch(hub, BATCH)
        except Exception as error:  # one bad event must not hold up the others: find it by going one by one
            if is_connection_trouble(error):
                raise
            log.warning("event_batch_failed", error=type(error).__name__, detail=str(error)[:300])
            return handled + await _one_by_one(hub)
        handled += done
        if not taken:
            break
    if handled:
        await hub.bell.ring("book_orders")
        await hub.bell.ring("relay")
    return handled


async def _handle_batch(hub: Hub, limit: int) -> tuple[int, int]:
    async with hub.db.transaction() as session:
        waiting = await outbox.claim(session, limit)
        if not waiting:
            return 0, 0
        failed = await _dispatch(session, [event for _, event in waiting])
        done = [outbox_id for outbox_id, event in waiting if event.id not in failed]
        await outbox.mark_handled(session, done)
        for event in (event for _, event in waiting if event.id not in failed and event.attempts):
            await close_cases_of(session, CaseKind.POSTING_BLOCKED, f"event:{event.id}", "hub", "The event was posted.")
        for outbox_id, event in waiting:
            if event.id in failed:
                await _put_off(session, outbox_id, event, failed[event.id])
    point("post.committed")
    return len(waiting), len(done)


async def _dispatch(session: Session, events: Sequence[Event]) -> dict[object, HubError]:
    """Give each handler all of its events at once, in outbox order. Returns what failed."""
    plan: dict[Handler, list[Event]] = defaultdict(list)
    for event in events:
        for handler in SUBSCRIPTIONS.get(event.topic, ()):
            plan[handler].append(event)
    failed: dict[object, HubError] = {}
    for handler, mine in plan.items():
        for event, error in await handler(session, mine):
            failed[event.id] = error
    return failed


async def _put_off(session: Session, outbox_id: int, event: Event, error: HubError) -> None:
    await outbox.mark_failed(session, outbox_id, f"{error.code}: {error}")
    order_id = event.payload.get("order_id")
    await open_case(
        session,
        CaseKind.POSTING_BLOCKED,
        f"event:{event.id}",
        shop_id=event.payload.get("shop_id"),
        order_id=UUID(order_id) if order_id else None,
        sku_id=event.payload.get("sku_id"),
        topic=event.topic,
        reason=str(error)[:300],
        outbox_id=outbox_id,
    )


async def _one_by_one(hub: Hub) -> int:
    """After a failed batch: each event in its own transaction, so that only the bad one is put off."""
    handled = 0
    for _ in range(BATCH):
        try:
            taken, done = await _handle_batch(hub, 1)
        except Exception as error:
            if is_connection_trouble(error):
                raise
            log.exception("event_failed")
            async with hub.db.transaction() as session:
                for outbox_id, event in await outbox.claim(session, 1):
                    failure = HubError(f"{type(error).__name__}: {error}"[:300].replace("%", "%%"))
                    await _put_off(session, outbox_id, event, failure)
            continue
        if not taken:
            break
        handled += done
    return handled
