"""What an adapter or a catalogue did not foresee stops nobody else."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from hub.core.shops import Shop
from orders.sales.ship import ship
from stockpool.catalogue import add_sku
from stockpool.floor.receive import receive
from tests.stories.conftest import World
from workers.audit import audit_hub
from workers.context import Hub
from workers.markets import import_listings, pull_orders, push_offers, tell_shipments
from workers.stock import relay


class Mistaken:
    """An adapter with a mistake in every call."""

    def orders_since(self, *_: Any) -> Any:
        raise KeyError("a mistake")

    async def push(self, *_: Any) -> Any:
        raise KeyError("a mistake")

    async def confirm_shipment(self, *_: Any) -> None:
        raise KeyError("a mistake")


class Mended(Hub):
    """A process whose adapter for one shop is mistaken."""

    async def market(self, shop: Shop) -> Any:
        return Mistaken() if shop.kind == "tmall" else await super().market(shop)


def mistaken(hub: Hub) -> Hub:
    return Mended(hub.settings, hub.db, hub.gate, hub.bell, hub.seal, hub.redis, hub.name)


async def receive_tea(world: World, qty: int) -> None:
    async with world.hub.db.transaction() as session:
        sku_id = world.skus["TEA"]
        await receive(session, sku_id=sku_id, qty=qty, unit_cost=Decimal(60), reference=f"PO {qty}", actor="test")


@pytest.mark.parametrize("shop", ["tmall", "shopify"])
async def test_an_item_that_is_sold_before_its_catalogue_was_read_does_not_stop_the_shops_numbers(
    world: World, shop: str
) -> None:
    async with world.hub.db.transaction() as session:
        mug = await add_sku(session, "MUG", "The mug")
        await receive(session, sku_id=mug, qty=9, unit_cost=Decimal(5), reference="PO", actor="test")
    new = {"sku": "MUG", "code": "MUG", "title": "MUG", "price": "20.00", "qty": 4}
    await world.control.call(f"shops/{shop}/listings", {"listings": [new]})
    await world.buy(shop, {"MUG": 1})
    await world.buy(shop, {"TEA": 2})
    for _ in range(2):
        await world.pull()
        await world.settle()
    other = "shopify" if shop == "tmall" else "tmall"
    assert (await world.shown(shop))["TEA"] == (await world.shown(other))["TEA"] == 3
    assert ("import_listings", world.shops[shop]) in await world.rung(), "the catalogue is asked for"
    await import_listings(world.hub, world.shops[shop])
    await world.rows("UPDATE listing SET next_push_at = now() RETURNING id")
    for _ in range(2):
        await world.pull()
        await world.settle()
    assert (await world.shown(shop))["MUG"] == 8
    assert (await audit_hub(world.hub)).breaches == []


async def test_a_mistake_in_the_order_feed_waits_longer_each_time_and_tells_a_person(world: World) -> None:
    hub, shop_id = mistaken(world.hub), world.shops["tmall"]
    for _ in range(3):
        await pull_orders(hub, shop_id)
    shop = await hub.shop(shop_id)
    assert (shop.failures, shop.last_error) == (3, "RetryLater unforeseen: KeyError")
    assert await world.one("SELECT count(*) FROM shop WHERE failures > 0 AND next_pull_at > now()") == 1
    assert await world.one("SELECT seen FROM cases WHERE kind = 'failed_job' AND state = 'open'") == 3
    await pull_orders(world.hub, shop_id)
    assert (await hub.shop(shop_id)).failures == 0


async def test_a_mistake_in_a_push_is_noted_and_the_number_goes_out_when_it_is_mended(world: World) -> None:
    await receive_tea(world, 3)
    await relay(world.hub)
    await world.pull()
    await push_offers(mistaken(world.hub), world.shops["tmall"])
    assert await world.one("SELECT count(*) FROM listing WHERE push_failures > 0 AND push_lease_until IS NULL") == 1
    await world.rows("UPDATE listing SET next_push_at = now() RETURNING id")
    await world.settle()
    assert (await world.shown("tmall"))["TEA"] == 8


async def test_a_shipment_that_an_adapter_cannot_tell_holds_up_no_other(world: World) -> None:
    await world.buy("tmall", {"TEA": 1})
    await world.buy("shopify", {"TEA": 1})
    await world.pull()
    await world.settle()
    ids: list[UUID] = [row.id for row in await world.rows("SELECT id FROM sales_order ORDER BY shop_id")]
    for order_id in ids:
        async with world.hub.db.transaction() as session:
            await ship(session, order_id, carrier="SF", waybill="SF1", actor="test")
    await tell_shipments(mistaken(world.hub))
    told = await world.rows("SELECT s.kind, h.told_at IS NOT NULL FROM shipment h JOIN shop s ON s.id = h.shop_id")
    assert dict(tuple(row) for row in told) == {"tmall": False, "shopify": True}
    assert await world.one("SELECT tell_error FROM shipment WHERE told_at IS NULL") == "unforeseen: KeyError"
