"""A process is killed at each named point of the road; afterwards the final states are what they would have been."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from orders.sales.ship import ship
from tests.architecture.source import ROOT, modules
from tests.stories.conftest import SECRET, World, open_world, settings_for
from workers.audit import audit_hub

FINAL = {"A": "shipped", "B": "cancelled", "C": "reserved"}


def named_points() -> list[str]:
    """Every point("...") in the source."""
    calls = re.compile(r'\bpoint\("([a-z0-9_.]+)"\)')
    return sorted({name for path in modules() for name in calls.findall((ROOT / path).read_text("utf-8"))})


@pytest.mark.parametrize("name", named_points())
async def test_killed_at(name: str, database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with open_world(settings_for(database_url, redis_url, tmp_path)) as world:
        orders = await _prepare(world)
        code = await _walk(world, orders["A"], tmp_path, crash_at=name)
        assert code == -signal.SIGKILL, f"the road does not pass {name}"
        await _time_passes(world)
        await _ship_again(world, orders["A"])
        await _come_to_rest(world)
        await _assert_final(world, orders)


async def test_nobody_is_killed(database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with open_world(settings_for(database_url, redis_url, tmp_path)) as world:
        orders = await _prepare(world)
        assert await _walk(world, orders["A"], tmp_path, crash_at="") == 0
        await _come_to_rest(world)
        await _assert_final(world, orders)


async def _prepare(world: World) -> dict[str, Any]:
    """A is reserved and about to be shipped; B is reserved and was just cancelled at its shop; C was just bought."""
    bought = {"A": await world.buy("tmall", {"TEA": 2}), "B": await world.buy("shopify", {"CUP": 3, "TEA": 1})}
    await world.pull()
    await world.settle()
    await world.control.call("shops/shopify/edit", {"do": "cancel", "order": bought["B"]["order"]})
    bought["C"] = await world.buy("tmall", {"CUP": 1, "PEN": 2})
    orders: dict[str, Any] = {}
    for name in ("A", "B"):
        orders[name] = await world.one(
            "SELECT id FROM sales_order WHERE external_id = :id", id=str(bought[name]["order"])
        )
    orders["C"] = str(bought["C"]["order"])
    return orders


async def _walk(world: World, order_id: Any, home: Path, *, crash_at: str) -> int:
    settings = world.hub.settings
    environment = {
        **os.environ,
        "HUB_DATABASE_URL": settings.database(),
        "HUB_REDIS_URL": settings.redis(),
        "HUB_SECRET_KEY": SECRET,
        "HUB_HOME": str(home),
        "HUB_CRASH_AT": crash_at,
    }
    command = [sys.executable, "-m", "tests.faults.drive", str(order_id)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE)
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()[-2000:]
    return process.returncode


async def _time_passes(world: World) -> None:
    """As if the leases of the dead process had run out."""
    await world.rows("UPDATE sales_order SET lease_until = '-infinity' WHERE lease_until > now() RETURNING 1")
    await world.rows("UPDATE listing SET push_lease_until = NULL, next_push_at = now() RETURNING 1")
    await world.rows("UPDATE shipment SET next_tell_at = now() RETURNING 1")


async def _ship_again(world: World, order_id: Any) -> None:
    """The operator whose click was lost clicks again."""
    async with world.hub.db.transaction() as session:
        await ship(session, order_id, carrier="SF", waybill="SF1", actor="test")


async def _come_to_rest(world: World) -> None:
    """Twice: a number that rises is sent only after the order feed was read once more."""
    for _ in range(2):
        await world.pull()
        await world.settle()


async def _assert_final(world: World, orders: dict[str, Any]) -> None:
    states = dict(await world.rows("SELECT external_id, state FROM sales_order"))
    by_id = {str(row[0]): row[1] for row in await world.rows("SELECT id, state FROM sales_order")}
    assert {"A": by_id[str(orders["A"])], "B": by_id[str(orders["B"])], "C": states[orders["C"]]} == FINAL
    levels = {
        code: tuple(*await world.rows("SELECT on_hand, reserved FROM stock_level WHERE sku_id = :sku", sku=sku))
        for code, sku in world.skus.items()
    }
    assert levels == {"CUP": (10, 1), "TEA": (3, 0), "PEN": (100, 2)}
    for shop in world.shops:
        assert await world.shown(shop) == {"CUP": 9, "TEA": 3, "PEN": 98}
    assert await world.one("SELECT count(*) FROM voucher WHERE order_id = :id", id=orders["A"]) == 1
    assert await world.one("SELECT count(*) FROM shipment WHERE told_at IS NOT NULL") == 1
    assert (await audit_hub(world.hub)).breaches == []
