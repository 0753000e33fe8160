"""The audit of the books: silent on sound books, and each invariant it names is seen when it is broken."""

from collections.abc import Sequence
from uuid import uuid4

import pytest
from sqlalchemy import text

from finance.audit import check
from finance.post import post_batch
from hub.core import outbox
from hub.core.db import Database
from hub.core.events import Event
from tests.finance.given import World, adjusted, book_moves, fulfilled, received


async def happen(db: Database, world: World, events: Sequence[Event]) -> None:
    """The facts: moves and events in one transaction each, nothing posted yet."""
    async with db.transaction() as session:
        for event in events:
            await book_moves(session, world, event)
            await outbox.emit(session, event.id, event.topic, dict(event.payload))


async def relay(db: Database) -> None:
    """Post what waits."""
    async with db.transaction() as session:
        waiting = await outbox.claim(session, 100)
        blocked = {event.id for event, _ in await post_batch(session, [event for _, event in waiting])}
        await outbox.mark_handled(session, [number for number, event in waiting if event.id not in blocked])


async def broken(db: Database) -> set[str]:
    async with db.transaction() as session:
        return {breach.invariant for breach in await check(session)}


async def sound_books(db: Database, world: World) -> None:
    first, second = world.skus[:2]
    await happen(
        db,
        world,
        [
            received(world, 10, "33.333333", first),
            received(world, 7, "0.07", second),
            fulfilled(world, [(first, 3, "226.00"), (second, 1, "0.10")]),
            fulfilled(world, [(first, 1, "0.00")], shop_id=world.other_shop_id),
            adjusted(world, -1),
            adjusted(world, 2),
        ],
    )
    await relay(db)


async def test_sound_books_have_no_breach_at_any_moment(db: Database, world: World) -> None:
    assert await broken(db) == set()
    await sound_books(db, world)
    assert await broken(db) == set()
    await happen(
        db, world, [received(world, 5, "2"), fulfilled(world, [(world.skus[0], 2, "9.99")]), adjusted(world, -1)]
    )
    assert await broken(db) == set()
    await relay(db)
    assert await broken(db) == set()


async def test_a_blocked_event_waits_without_a_breach(db: Database, world: World) -> None:
    await sound_books(db, world)
    await happen(db, world, [fulfilled(world, [(world.skus[0], 2, "9.99")], currency="USD")])
    await relay(db)
    assert await broken(db) == set()


@pytest.mark.parametrize(
    ("damage", "invariants"),
    [
        ("UPDATE entry SET debit = debit + 1 WHERE line = 1", {"F1", "F4", "F5", "F6"}),
        ("UPDATE voucher SET total = total + 1 WHERE number = 1", {"F1"}),
        ("UPDATE voucher SET number = 99 WHERE number = 3", {"F2"}),
        ("UPDATE voucher_counter SET last = last + 1", {"F2"}),
        ("UPDATE outbox SET handled_at = NULL WHERE topic = 'order.fulfilled'", {"F3", "F7"}),
        ("UPDATE stock_value SET value = value + 1 WHERE qty > 0", {"F5"}),
        ("UPDATE subledger SET cost = cost + 1 WHERE kind = 'sale'", {"F5"}),
        ("UPDATE subledger SET qty = qty + 1 WHERE kind = 'sale'", {"F5"}),
        ("UPDATE subledger SET voucher_id = NULL WHERE kind = 'receipt'", {"F3"}),
        ("UPDATE receivable SET amount = amount + 1", {"F6"}),
        ("DELETE FROM receivable", {"F6"}),
        ("UPDATE stock_move SET qty = qty + 1 WHERE cause = 'stock.received'", {"F7"}),
        ("DELETE FROM stock_move WHERE cause = 'order.fulfilled'", {"F7"}),
    ],
)
async def test_a_damage_is_seen(db: Database, world: World, damage: str, invariants: set[str]) -> None:
    await sound_books(db, world)
    async with db.transaction() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))  # past the triggers
        await session.execute(text(damage))
    assert await broken(db) == invariants


async def test_a_handled_event_without_a_row_is_seen(db: Database, world: World) -> None:
    async with db.transaction() as session:
        await outbox.emit(session, uuid4(), "order.fulfilled", {"lines": []})
        await session.execute(text("UPDATE outbox SET handled_at = now()"))
    assert await broken(db) == {"F3"}
