"""The door: bounds on what comes back, names for what fails."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from channels.kit import http
from channels.kit.errors import BadAnswer, RetryAfter, RetryLater, StopShop
from channels.kit.http import Door, Exchange, close_connections
from channels.kit.limit import Limiter
from channels.kit.manifest import Rate

PLENTY = {"default": Rate(per_second=1000, burst=1000)}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[str]:
    """Answers /big with 3 MB, /half with less than it promised, everything else with "ok"."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        body = b"x" * 3_000_000 if path == "/big" else b"ok"
        promised = 100 if path == "/half" else len(body)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % promised + body)
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    await close_connections()


async def test_an_answer_comes_back_and_is_recorded_when_asked(server: str) -> None:
    seen: list[Exchange] = []
    answer = await Door(7, PLENTY, Limiter(), record=seen.append).send("orders", f"{server}/x", content=b"hello")
    assert (answer.status, answer.body) == (200, b"ok")
    assert (seen[0].shop_id, seen[0].operation, seen[0].request) == (7, "orders", b"hello")


async def test_an_answer_beyond_the_limit_is_not_read_on(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 1_000_000)
    with pytest.raises(BadAnswer, match="bytes"):
        await Door(1, PLENTY, Limiter()).send("orders", f"{server}/big")


async def test_an_answer_cut_off_on_the_way_is_passing_trouble(server: str) -> None:
    with pytest.raises(RetryLater) as caught:
        await Door(1, PLENTY, Limiter()).send("orders", f"{server}/half")
    assert caught.value.code == "transport"


async def test_nobody_listening_is_passing_trouble() -> None:
    with pytest.raises(RetryLater):
        await Door(1, PLENTY, Limiter()).send("orders", "http://127.0.0.1:1/")
    await close_connections()


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "http://[::1"])
async def test_an_address_that_is_none_stops_the_shop(url: str) -> None:
    with pytest.raises(StopShop):
        await Door(1, PLENTY, Limiter()).send("orders", url)
    await close_connections()


async def test_a_bucket_that_stays_empty_names_the_wait_instead_of_sleeping(server: str) -> None:
    door = Door(1, {"default": Rate(per_second=0.001, burst=1)}, Limiter())
    await door.send("orders", server)
    with pytest.raises(RetryAfter) as caught:
        await door.patiently("orders", lambda: door.send("orders", server))
    assert caught.value.wait_seconds > 900
