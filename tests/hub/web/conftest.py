"""The web process under test: the real app on a real database and Valkey, asked over its own HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest_asyncio
from starlette.applications import Starlette

from hub.app import create_app
from hub.core.keys import add_key
from hub.core.people import Role, add_person, change_password, list_people
from hub.core.sessions import SignedIn, sign_in
from hub.core.settings import Settings
from hub.web.ask import COOKIE
from hub.web.doors import Doors

SECRET = "a secret of the tests, long enough for them"


class Web:
    """The running app, and callers of every kind."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.doors: Doors = app.state.doors

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Somebody who sends these headers."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://hub.test", headers=headers, timeout=30)

    async def program(self, role: Role, name: str = "") -> httpx.AsyncClient:
        """A program with a key of this role."""
        async with self.doors.db.transaction() as session:
            key = await add_key(session, name or f"the {role.value}", role, "test")
        return self.client(Authorization=f"Bearer {key}")

    async def person(self, role: Role) -> tuple[httpx.AsyncClient, str]:
        """A signed-in person and the token that his forms carry."""
        name, password = f"a {role.value}", "a long enough pass phrase 7"
        async with self.doors.db.transaction() as session:
            first = await add_person(session, name, role, "test")
            found = next(one for one in await list_people(session) if one.name == name)
            await change_password(session, found.id, first, password, None)
            signed: SignedIn = await sign_in(session, name, password, "test")
        client = self.client()
        client.cookies.set(COOKIE, signed.token)
        page = (await client.get("/settings")).text
        return client, page.split('name="csrf" value="')[1].split('"')[0]


@asynccontextmanager
async def running(database_url: str, redis_url: str, home: Path, *, gate_url: str | None = None) -> AsyncIterator[Web]:
    """The app between its start and its end."""
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        gate_url=gate_url,
        secret_key=SECRET,
        home=home,  # type: ignore[arg-type]
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield Web(app)


@pytest_asyncio.fixture
async def web(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Web]:
    """The app on an empty database."""
    async with running(database_url, redis_url, tmp_path) as opened:
        yield opened
