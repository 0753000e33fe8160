"""What a bad day sends in: nothing is lost, nothing is doubled, and a person is told where he must act."""

import pytest

from hub.core.redis import connect
from tests.stories.conftest import World
from workers.audit import audit_hub


@pytest.mark.parametrize("shop", ["tmall", "shopify"])
@pytest.mark.parametrize("fault", ["half_written", "html", "server_error", "lost_answer", "duplicate_page", "throttle"])
async def test_a_spoiled_answer_loses_and_doubles_nothing(world: World, shop: str, fault: str) -> None:
    await world.buy(shop, {"PEN": 4})
    await world.fault(shop, fault, seconds=1)
    for _ in range(3):
        await world.pull()
    await world.settle()
    assert await world.one("SELECT count(*) FROM sales_order WHERE state = 'reserved'") == 1
    assert await world.one("SELECT sum(qty) FROM reservation") == 4
    assert (await audit_hub(world.hub)).breaches == []


@pytest.mark.parametrize("shop", ["tmall", "shopify"])
async def test_a_feed_that_stays_broken_opens_a_case_and_closes_it_when_it_heals(world: World, shop: str) -> None:
    await world.buy(shop, {"PEN": 1})
    await world.fault(shop, "html", count=1000)
    for _ in range(6):
        await world.pull(shop)
    assert await world.one("SELECT count(*) FROM cases WHERE kind = 'stale_feed' AND state = 'open'") == 1
    world.sim.world.faults.clear(shop)
    await world.pull(shop)
    await world.settle()
    assert await world.one("SELECT count(*) FROM cases WHERE kind = 'stale_feed' AND state = 'open'") == 0
    assert await world.one("SELECT count(*) FROM sales_order WHERE state = 'reserved'") == 1


@pytest.mark.parametrize("shop", ["tmall", "shopify"])
async def test_a_malformed_order_becomes_a_case_and_its_neighbours_go_on(world: World, shop: str) -> None:
    await world.buy(shop, {"PEN": 1})
    await world.buy(shop, {"CUP": 1})
    await world.fault(shop, "bad_order")
    await world.pull(shop)
    await world.settle()
    assert await world.one("SELECT count(*) FROM cases WHERE kind = 'unreadable_order' AND state = 'open'") == 1
    assert await world.one("SELECT count(*) FROM sales_order WHERE state = 'reserved'") >= 1
    await world.pull(shop)
    await world.settle()
    assert await world.one("SELECT count(*) FROM sales_order WHERE state = 'reserved'") == 2


@pytest.mark.parametrize("shop", ["tmall", "shopify"])
async def test_a_field_of_five_megabytes_does_not_stop_the_feed(world: World, shop: str) -> None:
    await world.buy(shop, {"PEN": 1})
    await world.buy(shop, {"CUP": 1})
    await world.fault(shop, "long_field", bytes=5_000_000)
    for _ in range(2):
        await world.pull(shop)
    await world.settle()
    assert await world.one("SELECT count(*) FROM sales_order WHERE state = 'reserved'") == 2
    assert await world.one("SELECT max(length(title)) FROM order_line") <= 500


@pytest.mark.parametrize("shop", ["tmall", "shopify"])
async def test_a_page_that_changes_under_the_reader_loses_no_order(world: World, shop: str) -> None:
    for _ in range(60):
        await world.buy(shop, {"PEN": 1})
    await world.fault(shop, "moving_page", count=2, orders=20)
    await world.pull(shop)
    await world.pull(shop)
    await world.settle()
    assert await world.one("SELECT count(*) FROM sales_order") == 60
    assert await world.one("SELECT sum(qty) FROM reservation") == 60


async def test_a_clock_ten_minutes_off_stops_the_shop_and_asks_a_person(world: World) -> None:
    await world.fault("tmall", "clock_skew", seconds=1200)
    await world.pull("tmall")
    state, reason = (await world.rows("SELECT state, state_reason FROM shop WHERE name = 'tmall'"))[0]
    assert state == "stopped"
    assert reason
    assert await world.one("SELECT count(*) FROM cases WHERE kind = 'credentials' AND state = 'open'") == 1


async def test_a_wiped_gate_costs_nothing(world: World) -> None:
    await world.buy("tmall", {"TEA": 2})
    await world.pull()
    client = connect(world.hub.settings.redis())
    await client.flushall()
    await client.aclose()
    await world.settle()
    assert await world.one("SELECT state FROM sales_order") == "reserved"
    assert (await world.shown("shopify"))["TEA"] == 3
    assert (await audit_hub(world.hub)).breaches == []
