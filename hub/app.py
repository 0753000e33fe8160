"""The web process: routes, middleware, lifespan, and the one table from error class to status.

Invariant: what is opened at the start is closed at the end, in reverse; no error reaches a person as a stack trace.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channels.kit.errors import ChannelError
from hub.core.db import Database, is_connection_trouble
from hub.core.errors import HubError
from hub.core.log import get_logger
from hub.core.queue import Bell
from hub.core.redis import RedisError, connect
from hub.core.seal import Seal
from hub.core.settings import Settings
from hub.web.doors import Doors
from hub.web.headers import BodyLimit, BodyTooLargeError, SecurityHeaders
from hub.web.live import Live
from hub.web.refusals import Refusal, answer, title_of
from hub.web.routes import ROUTES
from hub.web.words import _
from stockpool.claims.gate import Gate

log = get_logger(__name__)

STATUS: dict[type[Exception], int] = {
    ChannelError: 502,
    RedisError: 503,
    PoolTimeout: 503,
    OSError: 503,
    DBAPIError: 500,  # 503 when the connection went away
}
"""Errors that are not ours. A HubError and a HTTPException carry their own status."""

_AWAY = _("The database or the queue does not answer. Nothing is lost.")
_CHANNEL = _("The marketplace refused or did not answer. Nothing is lost; try again in a moment.")
_UNFORESEEN = _("This should not have happened.")


def create_app(settings: Settings) -> Starlette:
    """The console, the API and the webhook door over one database. Nothing is opened before the lifespan begins."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        doors = open_doors(settings, lambda: bool(app.state.stopping()))
        app.state.doors = doors
        poller = asyncio.create_task(doors.live.run())
        try:
            yield
        finally:
            poller.cancel()
            await asyncio.gather(poller, return_exceptions=True)
            await close_doors(doors)

    handlers: dict[Any, Any] = {HubError: refused, HTTPException: not_served}
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(SecurityHeaders), Middleware(BodyLimit), Middleware(LastResort)],
        exception_handlers=handlers | dict.fromkeys(STATUS, failed),
        lifespan=lifespan,
    )
    app.state.stopping = lambda: False
    return app


def open_doors(settings: Settings, stopping: Callable[[], bool]) -> Doors:
    """Open what the web process needs; connections are made at the first use."""
    redis = connect(settings.gate())
    bell = Bell(settings.redis())
    seal = Seal(settings.secret())
    db = Database(settings.database(), info={"bell": bell, "seal": seal}, pool_size=settings.database_pool_size)
    gate = Gate(redis, db)
    db.info["gate"] = gate
    return Doors(settings, db, redis, gate, bell, seal, Live(db, stopping))


async def close_doors(doors: Doors) -> None:
    """Close what open_doors opened."""
    await doors.bell.close()
    await doors.redis.aclose()
    await doors.db.close()


class LastResort:
    """Answers what nobody foresaw in plain words, inside the security headers, and logs it once with its traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except BodyTooLargeError:
            raise
        except Exception as error:
            log.exception("request_broke", path=scope.get("path", ""))
            if begun or scope["type"] != "http":
                raise
            request = Request(scope, receive)
            response = await failed(request, error)
            await response(scope, receive, send)


async def refused(request: Request, error: Any) -> Response:
    """What we refuse on purpose."""
    return answer(request, Refusal(error.status, error.code, error.message, dict(error.facts)), error)


async def not_served(request: Request, error: Any) -> Response:
    """Unknown addresses and methods."""
    headers = dict(error.headers or {})
    return answer(
        request, Refusal(error.status_code, "not_served", title_of(error.status_code), headers=headers), error
    )


async def failed(request: Request, error: Exception) -> Response:
    """Trouble that nobody refused on purpose: away for a moment, or unforeseen."""
    known = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    status = 503 if is_connection_trouble(error) else known
    message = {502: _CHANNEL, 503: _AWAY}.get(status, _UNFORESEEN)
    detail = str(error)[:300] if isinstance(error, ChannelError) else ""
    log.error("request_failed", path=request.url.path, status=status, error=type(error).__name__, detail=detail)
    return answer(request, Refusal(status, "failed" if status == 500 else "try_again", message), error)


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; open requests get time to end, live streams are closed at once."""
    app = create_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
        )
    )
    app.state.stopping = lambda: server.should_exit
    server.run()
