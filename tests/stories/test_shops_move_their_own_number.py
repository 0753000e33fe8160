"""A shop lowers and raises its number by itself; the hub says its own again, even where that has not changed."""

from decimal import Decimal
from uuid import UUID

from orders.sales.ship import ship
from stockpool.floor.receive import receive
from tests.stories.conftest import World
from workers.audit import audit_hub


async def test_a_cancellation_that_comes_too_late_does_not_offer_goods_that_have_left(world: World) -> None:
    bought = await world.buy("tmall", {"TEA": 2})
    await world.pull()
    await world.settle()
    order_id: UUID = await world.one("SELECT id FROM sales_order")
    async with world.hub.db.transaction() as session:
        await ship(session, order_id, carrier="SF", waybill="SF1", actor="test")
    await world.control.call("shops/tmall/edit", {"do": "cancel", "order": bought["order"]})
    assert (await world.shown("tmall"))["TEA"] == 5, "the shop has put the units back on its own shelf"
    await world.pull()
    await world.settle()
    assert (await world.shown("tmall"))["TEA"] == 3
    assert (await audit_hub(world.hub)).breaches == []


async def test_units_that_arrive_with_a_sale_are_shown_where_it_was_sold(world: World) -> None:
    await world.buy("shopify", {"TEA": 2})
    await world.pull()
    async with world.hub.db.transaction() as session:
        await receive(session, sku_id=world.skus["TEA"], qty=2, unit_cost=Decimal(60), reference="PO-1", actor="test")
    await world.settle()
    await world.pull()
    await world.settle()
    assert (await world.shown("shopify"))["TEA"] == 5
    assert (await world.shown("tmall"))["TEA"] == 5


async def test_a_freed_unit_that_goes_to_the_next_in_line_is_not_shown(world: World) -> None:
    first = await world.buy("tmall", {"TEA": 5})
    await world.buy("shopify", {"TEA": 4})  # it still shows five
    await world.pull()
    await world.settle()
    await world.control.call("shops/tmall/edit", {"do": "cancel", "order": first["order"]})
    await world.pull()
    await world.settle()
    await world.pull()
    await world.settle()
    assert await world.one("SELECT count(*) FROM sales_order WHERE state = 'reserved'") == 1
    assert {shop: (await world.shown(shop))["TEA"] for shop in world.shops} == {"tmall": 1, "shopify": 1}
