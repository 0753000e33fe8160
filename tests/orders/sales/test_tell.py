"""Telling channels: once, again after trouble, and a case with moves that end it."""

from uuid import UUID

import pytest
from sqlalchemy import text

from hub.core.cases import CaseKind
from hub.core.db import Database
from hub.core.shops import ShopState, set_state
from orders.sales.errors import NotAllowed
from orders.sales.resolve import mark_told_by_hand, tell_again
from orders.sales.ship import ship
from orders.sales.tell import PATIENCE, claim_untold, record_told
from tests.orders.given import World, a_world, book_all, deliver, entries_of, line, open_cases, reading


async def a_shipment(db: Database) -> tuple[World, UUID, UUID]:
    world = await a_world(db, {"A": 5})
    [stored] = await deliver(world, reading("1", [line("A", 2)]))
    await book_all(db)
    async with db.transaction() as session:
        shipment_id = await ship(session, stored.order_id, carrier="SF", waybill="SF1", actor="test")
    return world, stored.order_id, shipment_id


async def untold(db: Database) -> list[str]:
    async with db.transaction() as session:
        return [notice.shipment_key for _, notice in await claim_untold(session, 10)]


async def answer(db: Database, shipment_id: UUID | str, error: str | None = None, *, give_up: bool = False) -> None:
    async with db.transaction() as session:
        await record_told(session, shipment_id, error, give_up)


async def time_passes(db: Database) -> None:
    async with db.transaction() as session:
        await session.execute(text("UPDATE shipment SET next_tell_at = now() WHERE isfinite(next_tell_at)"))


async def test_a_shipment_is_told_once(db: Database) -> None:
    world, order_id, shipment_id = await a_shipment(db)
    async with db.transaction() as session:
        [(shop, notice)] = await claim_untold(session, 10)
    assert (shop.id, notice.order_id, notice.shipment_key) == (world.shop.id, "1", str(shipment_id))
    assert [(one.line_id, one.platform_sku, one.quantity) for one in notice.lines] == [("L-A", "P-A", 2)]
    assert await untold(db) == [], "it is leased"
    await answer(db, notice.shipment_key)
    await answer(db, shipment_id, "late answer of another worker")
    await time_passes(db)
    assert await untold(db) == []
    assert await entries_of(db, order_id) == ["recorded", "reserved", "shipped", "told"]


async def test_trouble_is_tried_again_and_after_a_while_a_person_is_told(db: Database) -> None:
    _, _, shipment_id = await a_shipment(db)
    for attempt in range(PATIENCE):
        assert await untold(db) == [str(shipment_id)]
        await answer(db, shipment_id, "timeout")
        assert await untold(db) == [], "it waits before the next try"
        await time_passes(db)
        assert len(await open_cases(db)) == (attempt + 1 == PATIENCE)
    assert await untold(db) == [str(shipment_id)]
    await answer(db, shipment_id)
    assert await open_cases(db) == []


async def test_a_refused_shipment_waits_for_a_person_who_tells_it_again(db: Database) -> None:
    _, _, shipment_id = await a_shipment(db)
    await untold(db)
    await answer(db, shipment_id, "unknown carrier", give_up=True)
    await time_passes(db)
    assert await untold(db) == []
    [case] = await open_cases(db)
    assert (case.kind, case.facts["error"]) == (CaseKind.REJECTED_SHIPMENT, "unknown carrier")
    async with db.transaction() as session:
        await tell_again(session, shipment_id, "operator")
    assert await open_cases(db) == []
    assert await untold(db) == [str(shipment_id)]


async def test_a_person_may_say_that_the_channel_knows(db: Database) -> None:
    _, _, shipment_id = await a_shipment(db)
    await answer(db, shipment_id, "unknown carrier", give_up=True)
    async with db.transaction() as session:
        await mark_told_by_hand(session, shipment_id, "operator")
    assert (await open_cases(db), await untold(db)) == ([], [])
    async with db.transaction() as session:
        with pytest.raises(NotAllowed, match="knows"):
            await tell_again(session, shipment_id, "operator")


async def test_a_paused_shop_is_told_nothing(db: Database) -> None:
    world, _, shipment_id = await a_shipment(db)
    async with db.transaction() as session:
        await set_state(session, world.shop.id, ShopState.PAUSED, "holidays")
    assert await untold(db) == []
    async with db.transaction() as session:
        await set_state(session, world.shop.id, ShopState.ACTIVE, None)
    assert await untold(db) == [str(shipment_id)]
