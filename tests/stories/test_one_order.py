"""The road of one order, from a marketplace over HTTP to a balanced voucher, and what happens beside it."""

from decimal import Decimal
from uuid import UUID

from orders.sales.ship import ship
from stockpool.floor.receive import receive
from stockpool.offers.listings import map_listing
from tests.stories.conftest import World
from workers.audit import audit_hub


async def test_an_order_travels_from_the_marketplace_to_a_voucher(world: World) -> None:
    assert (await world.shown("tmall"))["TEA"] == 5
    bought = await world.buy("tmall", {"TEA": 2})
    await world.pull()
    await world.settle()

    assert await world.one("SELECT state FROM sales_order") == "reserved"
    assert await world.level("TEA") == (5, 2)
    assert (await world.shown("shopify"))["TEA"] == 3, "the other shop learns of the sale"
    assert (await world.shown("tmall"))["TEA"] == 3

    order_id: UUID = await world.one("SELECT id FROM sales_order")
    async with world.hub.db.transaction() as session:
        await ship(session, order_id, carrier="SF", waybill="SF123", actor="test")
    await world.settle()

    assert await world.one("SELECT state FROM sales_order") == "shipped"
    told = await world.control.call(f"shops/tmall/orders/{bought['order']}")
    assert [parcel["waybill"] for parcel in told["parcels"]] == ["SF123"]
    entries = await world.rows(
        "SELECT r.role, e.debit, e.credit FROM entry e JOIN voucher v ON v.id = e.voucher_id"
        " JOIN account_role r ON r.account_id = e.account_id WHERE v.order_id = :order ORDER BY e.line",
        order=order_id,
    )
    amounts = {role: debit - credit for role, debit, credit in entries}
    assert amounts["ar_platform"] == Decimal("226.00")
    assert amounts["revenue"] == Decimal("-200.00")
    assert amounts["vat_out"] == Decimal("-26.00")
    assert amounts["cogs"] == Decimal("120.00")
    assert amounts["inventory"] == Decimal("-120.00")
    assert await world.one("SELECT amount FROM receivable") == Decimal("226.00")
    assert (await audit_hub(world.hub)).breaches == []


async def test_pulling_again_changes_nothing(world: World) -> None:
    await world.buy("shopify", {"CUP": 1, "PEN": 3})
    for _ in range(3):
        await world.pull()
        await world.settle()
    assert await world.one("SELECT count(*) FROM sales_order") == 1
    assert await world.one("SELECT sum(qty) FROM reservation") == 4


async def test_both_shops_selling_the_last_unit_leave_one_external_oversell(world: World) -> None:
    await world.buy("tmall", {"TEA": 5})
    await world.buy("shopify", {"TEA": 1})  # shopify still shows five: the sale cannot be undone there
    await world.pull()
    await world.settle()
    states = dict(await world.rows("SELECT state, count(*) FROM sales_order GROUP BY 1"))
    assert states == {"reserved": 1, "backordered": 1}
    assert await world.one("SELECT count(*) FROM cases WHERE kind = 'external_oversell' AND state = 'open'") == 1
    assert await world.level("TEA") == (5, 5)
    assert (await world.shown("tmall"))["TEA"] == 0
    assert (await audit_hub(world.hub)).breaches == []

    async with world.hub.db.transaction() as session:
        await receive(session, sku_id=world.skus["TEA"], qty=3, unit_cost=Decimal(60), reference="PO-1", actor="test")
    await world.settle()
    assert await world.one("SELECT count(*) FROM sales_order WHERE state = 'reserved'") == 2
    assert await world.one("SELECT count(*) FROM cases WHERE kind = 'external_oversell' AND state = 'open'") == 0
    await world.pull()
    await world.settle()
    assert (await world.shown("tmall"))["TEA"] == 2


async def test_an_unmapped_listing_waits_for_a_person_and_then_goes_its_way(world: World) -> None:
    blue = {"sku": None, "code": "CUP", "title": "Cup, blue", "price": "95.00", "qty": 4}
    made = await world.control.call("shops/tmall/listings", {"listings": [blue]})
    platform_sku = made["listings"][0]["external_id"]
    await world.control.call("buy", {"shop": "tmall", "lines": [{"platform_sku": platform_sku, "qty": 1}]})
    await world.pull()
    await world.settle()
    assert await world.one("SELECT state FROM sales_order") == "unmapped"
    assert await world.one("SELECT count(*) FROM cases WHERE kind = 'unmapped_listing' AND state = 'open'") == 1

    listing_id = await world.one("SELECT id FROM listing WHERE external_id = :id", id=platform_sku)
    async with world.hub.db.transaction() as session:
        await map_listing(session, listing_id, world.skus["CUP"], "test")
    await world.settle()
    assert await world.one("SELECT state FROM sales_order") == "reserved"
    assert await world.one("SELECT count(*) FROM cases WHERE state = 'open'") == 0
    assert (await world.shown("shopify"))["CUP"] == 9


async def test_a_push_that_the_shop_refuses_becomes_a_case(world: World) -> None:
    listing = (await world.control.call("shops/tmall/listings"))["listings"][0]
    await world.fault("tmall", "reject_push", platform_sku=listing["external_id"], code="isv.item-not-exist")
    await world.buy("shopify", {listing["code"]: 1})
    await world.pull()
    await world.settle()
    assert await world.one("SELECT count(*) FROM cases WHERE kind = 'rejected_push' AND state = 'open'") == 1
    assert (await audit_hub(world.hub)).breaches == []


async def test_a_cancelled_order_gives_its_units_back(world: World) -> None:
    bought = await world.buy("tmall", {"TEA": 2})
    await world.pull()
    await world.settle()
    await world.control.call("shops/tmall/edit", {"do": "cancel", "order": bought["order"]})
    await world.pull()
    await world.settle()
    assert await world.one("SELECT state FROM sales_order") == "cancelled"
    assert await world.level("TEA") == (5, 0)
    await world.pull()
    await world.settle()
    assert (await world.shown("shopify"))["TEA"] == 5
