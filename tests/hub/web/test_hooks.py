"""The webhook door believes nothing without a signature, keeps what it believes once, and has the shop read."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from arq.worker import Worker, func

from channels.markets.shopify.signing import sign
from hub.app import create_app
from hub.core.queue import QUEUE, redis_settings
from hub.core.shops import connect_shop
from tests.hub.web.conftest import Web, running
from tests.stories.conftest import World, open_world, rows, settings_for
from workers.markets import pull_orders

SECRET, OLD_SECRET = "the app's secret", "the secret before it"
BODY = json.dumps({"id": 820982911946154508, "email": "wang@example.com"}).encode()


async def connect(web: Web, kind: str = "shopify", **credentials: str) -> int:
    async with web.doors.db.transaction() as session:
        return await connect_shop(
            session,
            web.doors.seal,
            kind=kind,
            name=f"my {kind}",
            base_url="http://127.0.0.1:1",
            credentials={"access_token": "t", **credentials},
            poll_seconds=3_600,
        )


async def say(web: Web, shop_id: object, body: bytes = BODY, *, secret: str = SECRET, event: str = "e-1") -> Any:
    headers = {
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Webhook-Id": event,
        "X-Shopify-Hmac-Sha256": sign(body, secret),
    }
    async with web.client(**headers) as sender:
        return await sender.post(f"/hooks/{shop_id}", content=body)


async def stored(web: Web) -> list[Any]:
    return await rows(web.doors.db, "SELECT event_id, source FROM raw_answer ORDER BY received_at")


async def rings(web: Web) -> int:
    return int(await web.doors.redis.zcard(QUEUE))


async def test_a_signed_message_is_kept_sealed_and_the_shop_is_read_soon(web: Web) -> None:
    shop_id = await connect(web, webhook_secret=SECRET)
    due = "UPDATE shop SET next_pull_at = now() + interval '1 hour' RETURNING 1"
    await rows(web.doors.db, due)
    assert (await say(web, shop_id)).status_code == 200
    assert await stored(web) == [("e-1", "webhook")]
    assert await rings(web) == 1
    assert await rows(web.doors.db, "SELECT next_pull_at <= now() FROM shop") == [(True,)]
    (body,) = (await rows(web.doors.db, "SELECT body FROM raw_answer"))[0]
    assert b"wang@example.com" not in body
    assert web.doors.seal.open(body) == BODY


async def test_the_same_message_again_is_answered_and_has_no_second_effect(web: Web) -> None:
    shop_id = await connect(web, webhook_secret=SECRET)
    await say(web, shop_id)
    await web.doors.redis.flushdb()
    later = "UPDATE shop SET next_pull_at = now() + interval '1 hour' RETURNING 1"
    await rows(web.doors.db, later)
    answers = await asyncio.gather(*(say(web, shop_id) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert await stored(web) == [("e-1", "webhook")]
    assert await rings(web) == 0
    assert await rows(web.doors.db, "SELECT next_pull_at > now() FROM shop") == [(True,)]


async def test_a_wrong_signature_stores_nothing_and_says_nothing_of_the_body(
    web: Web, capsys: pytest.CaptureFixture[str]
) -> None:
    shop_id = await connect(web, webhook_secret=SECRET)
    answer = await say(web, shop_id, secret="another")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "bad_signature"
    assert await stored(web) == []
    assert await rings(web) == 0
    logged = "".join(capsys.readouterr())
    assert "webhook_forged" in logged
    assert "wang" not in logged
    async with web.client() as stranger:
        assert (await stranger.post(f"/hooks/{shop_id}", content=BODY)).status_code == 401


async def test_five_wrong_signatures_open_one_case_and_a_flood_opens_no_more(web: Web) -> None:
    shop_id = await connect(web, webhook_secret=SECRET)
    open_cases = "SELECT kind, subject, shop_id, seen, facts FROM cases"
    for _ in range(4):
        await say(web, shop_id, secret="another")
    assert await rows(web.doors.db, open_cases) == []
    for _ in range(20):
        await say(web, shop_id, secret="another")
    expected = ("forged_webhook", f"shop:{shop_id}:webhooks", shop_id, 1, {"count": 5})
    assert await rows(web.doors.db, open_cases) == [expected]


async def test_wrong_signatures_are_refused_while_nobody_can_count_them(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with running(database_url, redis_url, tmp_path, gate_url="unix:///nowhere.sock") as web:
        shop_id = await connect(web, webhook_secret=SECRET)
        for _ in range(6):
            assert (await say(web, shop_id, secret="another")).status_code == 401
        assert await rows(web.doors.db, "SELECT 1 FROM cases") == []
        assert (await say(web, shop_id)).status_code == 200


async def test_the_secret_before_is_good_as_long_as_it_is_kept(web: Web) -> None:
    shop_id = await connect(web, webhook_secret=SECRET, webhook_secret_before=OLD_SECRET)
    assert (await say(web, shop_id, secret=OLD_SECRET)).status_code == 200


async def test_a_shop_without_a_signing_secret_believes_nobody(web: Web) -> None:
    shop_id = await connect(web, webhook_secret="")
    assert (await say(web, shop_id, secret="")).status_code == 401


async def test_two_megabytes_are_refused_before_they_are_looked_at(web: Web) -> None:
    shop_id = await connect(web, webhook_secret=SECRET)
    body = b'{"id": 1, "note": "' + b"x" * 2_000_000 + b'"}'
    assert (await say(web, shop_id, body)).status_code == 413

    async def drip() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    async with web.client(**{"X-Shopify-Hmac-Sha256": sign(body, SECRET)}) as sender:
        assert (await sender.post(f"/hooks/{shop_id}", content=drip())).status_code == 413
    assert await stored(web) == []


@pytest.mark.parametrize("shop_id", ["999", "x", "-1", "9" * 30, "%00"])
async def test_an_unknown_shop_is_not_found(web: Web, shop_id: str) -> None:
    assert (await say(web, shop_id)).status_code == 404


async def test_a_kind_of_shop_that_sends_no_webhooks_has_no_door(web: Web) -> None:
    tmall = await connect(web, "tmall", webhook_secret=SECRET)
    assert (await say(web, tmall)).status_code == 404
    gone = await connect(web, "gone", webhook_secret=SECRET)
    assert (await say(web, gone)).status_code == 404
    async with web.client() as reader:
        assert (await reader.get(f"/hooks/{tmall}")).status_code == 405


async def test_a_signed_message_that_cannot_be_read_is_still_a_hint(web: Web) -> None:
    shop_id = await connect(web, webhook_secret=SECRET)
    for _ in range(2):
        assert (await say(web, shop_id, b'{"id": 1')).status_code == 200
    ((event_id, _),) = await stored(web)
    assert event_id.startswith("unreadable:")
    assert await rings(web) == 1


class Server(uvicorn.Server):
    """Says when it listens, and leaves the signals of the test process alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """The web process on a free loopback port."""
    app = create_app(world.hub.settings)
    server = Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    app.state.stopping = lambda: server.should_exit
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait_for(server.ready.wait(), 20)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


@asynccontextmanager
async def working(world: World) -> AsyncIterator[asyncio.Event]:
    """A worker that answers the bell; the event says that an order was pulled."""
    seen = asyncio.Event()

    async def pull(_ctx: dict[str, Any], shop_id: int) -> None:
        if await pull_orders(world.hub, shop_id):
            seen.set()

    worker = Worker(
        functions=[func(pull, name="pull_orders", keep_result=0)],
        redis_settings=redis_settings(world.hub.settings.redis()),
        queue_name=QUEUE,
        poll_delay=0.02,
        handle_signals=False,
    )
    running = asyncio.create_task(worker.async_run())
    try:
        yield seen
    finally:
        running.cancel()
        await asyncio.gather(running, *worker.tasks.values(), return_exceptions=True)
        await worker.close()


@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")  # arq's own call
async def test_a_sale_at_the_marketplace_reaches_the_hub_by_webhook_and_is_pulled(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with open_world(settings_for(database_url, redis_url, tmp_path)) as world, served(world) as url:
        await world.hub.redis.flushdb()  # the bells of the preparation
        shop_id = world.shops["shopify"]
        await world.control.call("shops/shopify", {"webhook_url": f"{url}/hooks/{shop_id}"})
        async with working(world) as pulled:
            bought = await world.buy("shopify", {"TEA": 2})
            await asyncio.wait_for(pulled.wait(), 20)
        assert await world.rows("SELECT external_id, units FROM sales_order") == [(bought["order"], 2)]
        assert await world.one("SELECT count(*) FROM raw_answer WHERE source = 'webhook'") == 1
