"""The whole road on real stores: whatever the order of arrival, the same end, and no unit is lost or doubled."""

import asyncio
import random
from contextlib import suppress
from itertools import count as counter
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.kit.types import ChannelOrder, OrderStatus
from hub.core.db import Database
from orders.sales.errors import ClaimsGone, NotAllowed
from orders.sales.lifecycle import State
from orders.sales.queries import counts, ready_to_ship
from orders.sales.ship import ship
from tests.orders.given import a_world, all_is_well, book_all, deliver, levels, line, lines_of, order, reading

_numbers = counter()

EVENTS = {
    1: (OrderStatus.PENDING, {"A": 2}),
    2: (OrderStatus.TO_SHIP, {"A": 2}),
    3: (OrderStatus.TO_SHIP, {"A": 1, "B": 2}),
    4: (OrderStatus.PART_SHIPPED, {"A": 1, "B": 2}),
    5: (OrderStatus.SHIPPED, {"A": 1, "B": 2}),
    6: (OrderStatus.CANCELLED, {"A": 0, "B": 0}),
}


def event(external_id: str, version: int) -> ChannelOrder:
    status, units = EVENTS[version]
    return reading(external_id, [line(code, qty) for code, qty in units.items()], status=status, version=version)


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_any_permutation_with_repeats_of_an_orders_events_ends_the_same(
    db: Database, data: st.DataObject
) -> None:
    world = await a_world(db, {"A": 1000, "B": 1000})
    number = str(next(_numbers))
    last = data.draw(st.integers(1, 6), label="last version")
    events = [event(number, version) for version in range(1, last + 1)]
    extra = data.draw(st.lists(st.sampled_from(events), max_size=3), label="repeats")
    before = [await levels(db, world.skus[code]) for code in "AB"]
    order_id: UUID | None = None
    for one in data.draw(st.permutations(events + extra), label="arrivals"):
        [stored] = await deliver(world, one)
        order_id = stored.order_id
        if data.draw(st.booleans(), label="book"):
            await book_all(db)
    await book_all(db)
    assert order_id is not None
    row, lines = await order(db, order_id), await lines_of(db, order_id)
    after = [await levels(db, world.skus[code]) for code in "AB"]
    spent = [(now[0] - was[0], now[1] - was[1]) for was, now in zip(before, after, strict=True)]
    qty = {one.external_line_id: one.qty for one in lines if one.qty}
    if last == 6 and row.state == State.SHIPPED:  # the goods had left before the cancel was heard of
        assert (row.cancel, spent) == (True, [(-1, 0), (-2, 0)])
    else:
        assert (row.state, row.cancel, spent) == {
            1: (State.PENDING, False, [(0, 0), (0, 0)]),
            2: (State.RESERVED, False, [(0, 2), (0, 0)]),
            3: (State.RESERVED, False, [(0, 1), (0, 2)]),
            4: (State.RESERVED, False, [(0, 1), (0, 2)]),
            5: (State.SHIPPED, False, [(-1, 0), (-2, 0)]),
            6: (State.CANCELLED, True, [(0, 0), (0, 0)]),
        }[last]
        if last < 6:
            assert qty == {f"L-{code}": units for code, units in EVENTS[last][1].items()}
    await all_is_well(db)


async def test_edits_cancels_bookings_and_shipments_at_once_end_clean(db: Database) -> None:
    """Two shops, few Skus, everything at the same time: no deadlock, no unit lost."""
    worlds = [await a_world(db, dict.fromkeys("ABCDE", 60), f"Shop {number}") for number in range(2)]
    chance = random.Random(7)  # noqa: S311 - a fixed course of events

    def page(version: int) -> list[ChannelOrder]:
        orders = []
        for number in range(40):
            codes = chance.sample("ABCDE", 3)
            status = OrderStatus.CANCELLED if version > 1 and chance.random() < 0.3 else OrderStatus.TO_SHIP
            lines = [line(code, chance.randint(1, 3)) for code in codes]
            orders.append(reading(str(number), lines, status=status, version=version))
        return orders

    for world in worlds:
        await deliver(world, *page(1))
    await book_all(db)
    steps = [deliver(world, *page(version)) for world in worlds for version in (2, 3, 4)]
    await asyncio.gather(*steps, *[book_all(db) for _ in range(3)], ship_some(db))
    await book_all(db)
    async with db.transaction() as session:
        states = await counts(session)
    assert sum(states.values()) == 80
    assert states[State.NEW] == 0
    await all_is_well(db)


async def ship_some(db: Database) -> None:
    """Ship what is ready; what was cancelled or edited meanwhile is refused."""
    async with db.transaction() as session:
        ready = await ready_to_ship(session, limit=20)
    for order_id in ready:
        with suppress(NotAllowed, ClaimsGone):
            async with db.transaction() as session:
                await ship(session, order_id, carrier="SF", waybill="1", actor="test")
