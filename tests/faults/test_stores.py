"""PostgreSQL or Valkey goes away in the middle of trade: work waits or takes the other road, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from hub.core.embedded import Embedded
from hub.migrations.run import upgrade
from tests.stories.conftest import World, open_world, settings_for
from workers.audit import audit_hub
from workers.sweep import drive_left_behind


@pytest_asyncio.fixture
async def own_world(own_servers: Embedded, tmp_path: Path) -> AsyncIterator[World]:
    """A world on servers of its own."""
    await upgrade(own_servers.database_url)
    async with open_world(settings_for(own_servers.database_url, own_servers.redis_url, tmp_path)) as world:
        yield world


async def test_the_database_is_gone_for_a_while(own_servers: Embedded, own_world: World) -> None:
    await own_world.buy("tmall", {"TEA": 2})
    await own_world.pull("tmall")
    await asyncio.to_thread(own_servers.kill_postgres)
    await own_world.buy("shopify", {"CUP": 1})
    await own_world.pull()
    assert await drive_quietly(own_world) == 0, "without a database nothing is done, and nothing breaks"
    own_servers.restart_postgres()
    await own_world.pull()
    await own_world.settle()
    assert await own_world.one("SELECT count(*) FROM sales_order WHERE state = 'reserved'") == 2
    assert (await own_world.shown("tmall"))["CUP"] == 9
    assert (await audit_hub(own_world.hub)).breaches == []


async def test_the_gate_is_gone_and_orders_keep_flowing(own_servers: Embedded, own_world: World) -> None:
    await asyncio.to_thread(own_servers.kill_valkey)
    await own_world.buy("tmall", {"TEA": 5})
    await own_world.buy("shopify", {"TEA": 2})
    await own_world.pull()
    await own_world.settle()
    states = dict(await own_world.rows("SELECT state, count(*) FROM sales_order GROUP BY 1"))
    assert states == {"reserved": 1, "backordered": 1}
    own_servers.restart_valkey()
    await fence(own_world)
    await own_world.buy("shopify", {"CUP": 4})
    await own_world.pull()
    await own_world.settle()
    assert (await own_world.shown("tmall"))["CUP"] == 6
    assert (await audit_hub(own_world.hub)).breaches == []


async def test_a_restarted_gate_gets_a_new_epoch(own_servers: Embedded, own_world: World) -> None:
    before = await own_world.one("SELECT epoch FROM gate")
    own_servers.restart_valkey()
    await fence(own_world)
    assert await own_world.one("SELECT epoch FROM gate") > before
    await own_world.buy("tmall", {"PEN": 7})
    await own_world.pull()
    await own_world.settle()
    assert (await own_world.shown("shopify"))["PEN"] == 93
    assert (await audit_hub(own_world.hub)).breaches == []


async def drive_quietly(world: World) -> int:
    """One sweep as the sweeper would do it, trouble with the database waited out."""
    try:
        return await drive_left_behind(world.hub)
    except OSError:
        return 0


async def fence(world: World) -> None:
    """What the monitor does each second; the first looks may meet dead connections of the pool."""
    for _ in range(20):
        if await world.hub.gate.fence(world.hub.db) is not None:
            return
    raise AssertionError("the gate stays closed")
