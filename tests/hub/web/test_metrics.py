"""The figures for Prometheus are those of the tables, cost little, and never hold the scraper up."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from hub.core.cases import CaseKind, open_case
from hub.core.heartbeat import beat
from hub.core.shops import ShopState, set_state
from hub.web import metrics
from stockpool.figures import pool_figures
from tests.hub.web.conftest import Web
from tests.orders.given import a_world, book_all, deliver, line, reading

Samples = dict[tuple[str, tuple[str, ...]], float]


async def scrape(web: Web) -> Samples:
    async with web.client() as reader:
        answer = await reader.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name.removeprefix("tongku_"), tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape reads."""
    monkeypatch.setattr(metrics, "KEPT_SECONDS", -1.0)


async def test_an_empty_hub_has_all_figures_at_zero(web: Web) -> None:
    found = await scrape(web)
    assert found["scrape_ok", ()] == 1
    assert found["orders", ("new",)] == 0
    assert found["cases_open", ("forged_webhook",)] == 0
    assert found["processes_alive", ("work",)] == 0
    assert found["internal_oversells", ()] == 0


@pytest.mark.usefixtures("always_fresh")
async def test_the_figures_follow_the_trade(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 3, "TEA": 0})
    await deliver(world, reading("1", [line("CUP", 2)]), reading("2", [line("TEA", 1)]))
    before = await scrape(web)
    assert before["orders", ("new",)] == 2
    assert before["oldest_new_order_seconds", ()] > 0
    assert before["dirty_skus", ()] == 2
    await book_all(web.doors.db)
    async with web.doors.db.transaction() as session:
        await open_case(session, CaseKind.STALE_FEED, "shop:1", shop_id=world.shop.id)
        await beat(session, "work", "work:here:1")
        await set_state(session, world.shop.id, ShopState.PAUSED, "test")
        await session.execute(text("UPDATE listing SET want_qty = 1, want_version = 1 WHERE external_id = 'P-CUP'"))
        await session.execute(
            text(
                "INSERT INTO push_log (listing_id, shop_id, sku_id, version, quantity, wanted_at, outcome, answered_at)"
                " SELECT id, shop_id, sku_id, 1, 1, now(), 'rejected', now() - age"
                " FROM listing, (VALUES (interval '1 minute'), (interval '2 hours')) AS ages(age)"
                " WHERE external_id = 'P-CUP'"
            )
        )
    found = await scrape(web)
    shop = ("tmall", str(world.shop.id))
    assert found["orders", ("reserved",)] == 1
    assert found["orders", ("backordered",)] == 1
    assert found["oldest_new_order_seconds", ()] == 0
    assert found["external_oversells", ()] == 1
    assert found["cases_open", ("stale_feed",)] == 1
    assert found["processes_alive", ("work",)] == 1
    assert found["pushes_last_hour", ("rejected",)] == 1
    assert found["shop_listings_behind", shop] == 1
    assert found["shop_trading", shop] == 0
    assert found["shop_cursor_lag_seconds", shop] >= 0
    assert found["outbox_waiting", ()] == 1
    assert found["vouchers", ()] == 0


async def test_no_name_and_no_address_is_told_to_strangers(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 3}, shop_name="A Secret Shop")
    await deliver(world, reading("order-77", [line("CUP")]))
    async with web.client() as reader:
        told = (await reader.get("/metrics")).text
    assert not [word for word in ("Secret", "CUP", "order-77", "Wang", "127.0.0.1") if word in told]


async def test_readers_at_the_same_moment_share_one_reading(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "KEPT_SECONDS", 60.0)
    first = await scrape(web)
    await a_world(web.doors.db, {"CUP": 3})
    assert await scrape(web) == first


async def test_a_database_that_does_not_answer_in_time_is_said_so(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_SECONDS", 0.2)
    async with web.doors.db.transaction() as other:
        await other.execute(text("LOCK TABLE sales_order IN ACCESS EXCLUSIVE MODE"))
        found = await scrape(web)
    assert found["scrape_ok", ()] == 0
    assert ("orders", ("new",)) not in found


async def test_the_figures_of_the_gate_are_those_of_its_row(web: Web) -> None:
    epoch = await web.doors.gate.fence(web.doors.db)
    async with web.doors.db.transaction() as session:
        figures: Any = await pool_figures(session)
    assert (figures.gate_epoch, figures.gate_bumps) == (epoch, 0)
    assert timedelta(seconds=figures.dirty_seconds) == timedelta(0)
