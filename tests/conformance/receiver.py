"""A tiny HTTP server that keeps what it is sent: the hub's place in webhook tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Received:
    """Messages in the order in which they came: (headers, raw body)."""

    url: str = ""
    messages: "asyncio.Queue[tuple[dict[str, str], bytes]]" = field(default_factory=asyncio.Queue)

    async def next(self) -> tuple[dict[str, str], bytes]:
        return await asyncio.wait_for(self.messages.get(), 20)


@asynccontextmanager
async def receiver() -> AsyncIterator[Received]:
    """Listens on a free loopback port until the block ends; answers 200 to everything."""
    received = Received()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        rows = [row.split(":", 1) for row in head.split("\r\n")[1:] if ":" in row]
        headers = {name.strip().lower(): value.strip() for name, value in rows}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        received.messages.put_nowait((headers, raw))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    received.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield received
