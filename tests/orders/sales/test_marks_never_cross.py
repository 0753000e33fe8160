"""Two transactions that mark the same Skus dirty wait for each other, and never in a circle."""

import asyncio

from sqlalchemy import text

from hub.core.db import Database
from orders.sales.book import book_new
from stockpool.offers.dirty import mark_dirty
from tests.orders.given import a_world, deliver, line, reading

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


async def somebody_waits(db: Database) -> None:
    """Until a session waits for a lock."""
    async with db.transaction() as session:
        while not (await session.execute(WAITING)).scalar_one():
            await asyncio.sleep(0.01)
            await session.execute(text("SELECT pg_stat_clear_snapshot()"))


async def test_booking_marks_what_it_took_and_what_was_short_together(db: Database) -> None:
    world = await a_world(db, {"A": 0, "B": 5})  # A, which is short, comes before B, which is taken
    await deliver(world, reading("1", [line("B")]), reading("2", [line("A")]))
    async with db.transaction() as session:
        await mark_dirty(session, [world.skus["A"]])
        booking = asyncio.create_task(book_new(db, None))
        await asyncio.wait_for(somebody_waits(db), 20)
        await mark_dirty(session, [world.skus["B"]])
    booked = await booking
    assert (booked.reserved, booked.backordered) == (1, 1)
