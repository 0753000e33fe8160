"""Posts business events: many in one transaction, each as a whole or not at all.

Invariants: an event enters the books once, whoever delivers it how often (its stock moves are its key, looked up under
the lock of their stock values); a blocked event writes nothing and does not hold up the others; events are applied in
the order given, which is the order of the outbox.
"""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from finance import costing
from finance.book import Book, load
from finance.costing import Level
from finance.errors import Block, PostingBlocked
from finance.events import Adjusted, Fact, Received, in_order, moves_of, read
from finance.ledger import post_many
from finance.posting import Detail, Item, Posting, decide
from finance.tables import receivable, subledger
from hub.core.events import Event
from hub.core.ids import derive
from hub.core.points import point

Failure = tuple[Event, PostingBlocked]
_DETAIL = [field.name for field in fields(Detail)]
_ITEM = [field.name for field in fields(Item)]


async def on_fulfilled(session: AsyncSession, event: Event) -> None:
    """order.fulfilled -> receivable, revenue, output VAT, cost of goods. Raises PostingBlocked."""
    await _post_one(session, event)


async def on_received(session: AsyncSession, event: Event) -> None:
    """stock.received -> inventory against goods received, not invoiced (暂估). Raises PostingBlocked."""
    await _post_one(session, event)


async def on_adjusted(session: AsyncSession, event: Event) -> None:
    """stock.adjusted -> inventory against 待处理财产损溢, until a person approves it. Raises PostingBlocked."""
    await _post_one(session, event)


async def post_batch(session: AsyncSession, events: Sequence[Event]) -> list[Failure]:
    """Post events of any of finance.events.TOPICS; returns those that are blocked, of which nothing was written."""
    book = await load(session)
    facts, failures = _read_all(events)
    if facts:
        postings, refused = await _decide_all(session, book, facts)
        await _write(session, book, postings)
        failures += refused
    point("post.written")
    return failures


async def _post_one(session: AsyncSession, event: Event) -> None:
    for _event, blocked in await post_batch(session, [event]):
        raise blocked


def _read_all(events: Sequence[Event]) -> tuple[list[tuple[Event, Fact]], list[Failure]]:
    facts: list[tuple[Event, Fact]] = []
    failures: list[Failure] = []
    for event in events:
        try:
            facts.append((event, read(event)))
        except PostingBlocked as blocked:
            failures.append((event, blocked))
    return facts, failures


async def _decide_all(
    session: AsyncSession, book: Book, facts: Sequence[tuple[Event, Fact]]
) -> tuple[list[Posting], list[Failure]]:
    known = [fact for _, fact in facts]
    before = await costing.lock(session, book.id, in_order(known), incoming=_incoming(known))
    booked = await _booked(session, book.id, [move_id for fact in known for move_id in moves_of(fact)])
    changed: dict[int, Level] = {}
    levels = ChainMap(changed, before)
    postings: list[Posting] = []
    failures: list[Failure] = []
    for event, fact in facts:
        try:
            if _is_booked(fact, booked):
                continue
            posting = decide(book, fact, levels)
        except PostingBlocked as blocked:
            failures.append((event, blocked))
        else:
            postings.append(posting)
            changed.update(posting.levels)
            booked |= dict.fromkeys(moves_of(fact), event.id)
    return postings, failures


def _incoming(facts: Sequence[Fact]) -> list[int]:
    """SKUs that may be new to the books."""
    return sorted({fact.sku_id for fact in facts if isinstance(fact, Received | Adjusted)})


async def _booked(session: AsyncSession, book_id: int, moves: Sequence[UUID]) -> dict[UUID, UUID]:
    """Which of these stock moves are in the books, and by which event."""
    found = await session.execute(
        select(subledger.c.move_id, subledger.c.event_id).where(
            subledger.c.book_id == book_id, subledger.c.move_id == any_(literal(moves, ARRAY(Uuid)))
        )
    )
    return {row.move_id: row.event_id for row in found}


def _is_booked(fact: Fact, booked: Mapping[UUID, UUID]) -> bool:
    """True when this very event is in the books. Raises PostingBlocked when another one brought a move of it."""
    for move_id in moves_of(fact):
        if booked.get(move_id, fact.event_id) != fact.event_id:
            raise PostingBlocked(Block.MOVE_BOOKED, move_id=str(move_id))
    return all(move_id in booked for move_id in moves_of(fact))


async def _write(session: AsyncSession, book: Book, postings: Sequence[Posting]) -> None:
    if not postings:
        return
    levels = {sku_id: level for posting in postings for sku_id, level in posting.levels.items()}
    await costing.save(session, book.id, levels)
    await post_many(session, [posting.draft for posting in postings if posting.draft])
    await session.execute(insert(subledger), [row for posting in postings for row in _detail_rows(book, posting)])
    items = [_item_row(book, posting.event_id, posting.item) for posting in postings if posting.item]
    if items:
        await session.execute(insert(receivable), items)


def _detail_rows(book: Book, posting: Posting) -> list[dict[str, Any]]:
    voucher_id = posting.draft.id if posting.draft else None
    common = {"book_id": book.id, "event_id": posting.event_id, "voucher_id": voucher_id}
    return [{name: getattr(detail, name) for name in _DETAIL} | common for detail in posting.details]


def _item_row(book: Book, event_id: UUID, item: Item) -> dict[str, Any]:
    item_id = derive("receivable", book.id, item.shop_id, item.order_id, item.kind, event_id)
    return {name: getattr(item, name) for name in _ITEM} | {"id": item_id, "book_id": book.id, "event_id": event_id}
