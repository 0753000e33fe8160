"""The simulator from outside: its control API, its memory, its buyers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from channels.sim.app import serve, start
from channels.sim.world import demo_world

LISTINGS = [{"sku": "A", "title": "a", "price": "5", "qty": 3}, {"sku": None, "code": "B", "title": "b", "qty": 1}]


@pytest_asyncio.fixture
async def control() -> AsyncIterator[httpx.AsyncClient]:
    async with start() as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        yield client


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = await client.post(f"/_sim/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_buyer_gets_only_what_is_shown_and_the_rest_is_counted(control: httpx.AsyncClient) -> None:
    await post(control, "shops", id="s", kind="tmall", name="S", listings=LISTINGS)
    lines = [{"sku": "A", "qty": 5}, {"code": "B", "qty": 1}, {"code": "none", "qty": 2}]
    bought = await post(control, "buy", shop="s", lines=lines)
    assert [(line["sold"], line["lost"]) for line in bought["lines"]] == [(3, 2), (1, 0), (0, 2)]
    assert (await post(control, "buy", shop="s", lines=lines))["order"] is None
    stats = (await control.get("/_sim/stats")).json()["shops"]["s"]
    assert (stats["orders"], stats["units_sold"], stats["units_lost"]) == (1, 4, 4 + 8)


async def test_all_or_nothing_gives_back_what_it_took(control: httpx.AsyncClient) -> None:
    await post(control, "shops", id="s", kind="shopify", name="S", listings=LISTINGS)
    lines = [{"sku": "A", "qty": 1}, {"code": "B", "qty": 2}]
    assert (await post(control, "buy", shop="s", lines=lines, partial=False))["order"] is None
    listings = (await control.get("/_sim/shops/s/listings")).json()["listings"]
    assert [row["qty"] for row in listings] == [3, 1]


async def test_a_shop_made_twice_is_the_same_shop(control: httpx.AsyncClient) -> None:
    first = await post(control, "shops", id="s", kind="tmall", name="S", listings=LISTINGS)
    assert await post(control, "shops", id="s", kind="tmall", name="S", listings=LISTINGS) == first
    assert len((await control.get("/_sim/shops/s/listings")).json()["listings"]) == 2


async def test_units_sold_beyond_the_goods_are_counted(control: httpx.AsyncClient) -> None:
    for shop in ("s1", "s2"):
        await post(control, "shops", id=shop, kind="tmall", name=shop, listings=LISTINGS)
    await post(control, "stock", A=4)
    for shop in ("s1", "s2"):
        await post(control, "buy", shop=shop, lines=[{"sku": "A", "qty": 3}])
    goods = (await control.get("/_sim/stats")).json()["goods"]
    assert goods == {"codes": 1, "units": 4, "sold": 6, "oversold_units": 2}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("shops", {"kind": "nowhere", "name": "x"}), ("shops", {"kind": "tmall"}), ("buy", {"shop": "nobody"}),
        ("shops", {"kind": "tmall", "name": "x", "id": "../x"}), ("faults", {"shop": "s", "fault": "earthquake"}),
        ("shops", {"kind": "tmall", "name": "x", "listings": [{"price": "much"}]}),
        ("buy", {"shop": "s", "lines": [{"sku": "A", "qty": 0}]}), ("buy", {"shop": "s", "lines": "A"}),
        ("shops/s/edit", {"do": "cancel", "order": "1"}), ("buyers", {"per_minute": -1}), ("stock", {"A": "many"}),
    ],
)  # fmt: skip
async def test_a_wrong_request_is_refused_in_words(control: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    await post(control, "shops", id="s", kind="tmall", name="S", listings=LISTINGS)
    answer = await control.post(f"/_sim/{path}", json=body)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]


async def test_a_restart_keeps_orders_numbers_and_credentials(tmp_path: Path) -> None:
    path = str(tmp_path / "sim.sqlite3")
    async with start(store_path=path) as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        shop = await post(client, "shops", id="s", kind="tmall", name="S", listings=LISTINGS)
        order = (await post(client, "buy", shop="s", lines=[{"sku": "A", "qty": 2}]))["order"]
    async with start(store_path=path) as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        assert (await client.get("/_sim/shops/s")).json()["secrets"] == shop["secrets"]
        assert (await client.get("/_sim/shops/s/listings")).json()["listings"][0]["qty"] == 1
        assert (await client.get(f"/_sim/shops/s/orders/{order}")).json()["lines"][0]["qty"] == 2


async def test_buyers_keep_buying_the_same_with_the_same_seed() -> None:
    baskets = []
    for _ in range(2):
        async with start() as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
            await post(client, "shops", id="s", kind="tmall", name="S", listings=[{**LISTINGS[0], "qty": 1000}])
            await post(client, "buyers", per_minute=60_000, seed=7)
            for _ in range(10_000):
                if (await client.get("/_sim/stats")).json()["shops"]["s"].get("orders", 0) >= 5:
                    break
            sales = sim.world.store.sales_after("s", 0, 1 << 60, (0, 0), 5)
            baskets.append([(sale.doc["buyer"], [line["qty"] for line in sale.doc["lines"]]) for sale in sales])
    assert baskets[0] == baskets[1]


async def test_serving_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    task = asyncio.create_task(serve("127.0.0.1", 0, str(tmp_path / "sim.sqlite3"), buyers_per_minute=60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_demo_world_is_whole() -> None:
    world = demo_world()
    codes = {sku.code for sku in world.skus}
    assert len(codes) == len(world.skus) == 40
    assert all(sku.price > sku.cost > 0 and sku.stock > 0 and sku.title_zh and sku.title_en for sku in world.skus)
    assert [(shop.id, shop.kind) for shop in world.shops] == [("tmall", "tmall"), ("shopify", "shopify")]
    for shop in world.shops:
        assert {listing.code for listing in shop.listings} == codes
        assert sum(listing.sku is None for listing in shop.listings) == 1
