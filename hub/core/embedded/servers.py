"""The pair of embedded servers of one home, as the rest of the program sees it: two addresses and their life.

Invariant: at most one process supervises a home. Whoever comes second gets the addresses of the running pair and
stops nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self, TypeVar

from hub.core.embedded.errors import EmbeddedError
from hub.core.embedded.lock import take_owner, take_servers
from hub.core.embedded.place import prepare
from hub.core.embedded.postgres import Postgres
from hub.core.embedded.process import wait_until
from hub.core.embedded.valkey import Valkey
from hub.core.settings import Settings

_CONNECT_SECONDS = 120.0
_Server = TypeVar("_Server")


class Server(Protocol):
    """What the two servers have in common."""

    name: str

    @property
    def running(self) -> bool: ...
    def start(self, lock_fd: int, *, fresh: bool) -> None: ...
    def ready(self) -> bool: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Embedded:
    """Running servers. Make one with `start`, from the main thread; `stop` it, or leave the `with` block."""

    def __init__(
        self, home: Path, postgres: Postgres | None, valkey: Valkey | None, locks: tuple[int, int] | None
    ) -> None:
        self.home = home
        self.postgres = postgres
        self.valkey = valkey
        self._locks = locks

    @classmethod
    def start(cls, home: Path, *, postgres: bool = True, valkey: bool = True) -> "Embedded":
        """Start the servers of `home`, or connect to those that another process supervises. Raises EmbeddedError."""
        place = prepare(home)
        pair = (Postgres(place) if postgres else None, Valkey(place) if valkey else None)
        owner = take_owner(place.home)
        if owner is None:
            return cls(place.home, *pair, None)._connected()
        try:
            servers = cls(place.home, *pair, (owner, take_servers(place.home)))
        except BaseException:
            os.close(owner)
            raise
        return servers._started()

    @property
    def owned(self) -> bool:
        """Whether this process supervises the servers (and so stops them)."""
        return self._locks is not None

    @property
    def database_url(self) -> str:
        """PostgreSQL's address: postgresql+asyncpg://... over a unix socket."""
        return _present(self.postgres).url

    @property
    def redis_url(self) -> str:
        """Valkey's address: unix://..."""
        return _present(self.valkey).url

    def stop(self) -> None:
        """Stop both servers in order and give the home free. Does nothing for servers of another process."""
        if self._locks is None:
            return
        for server in reversed(self._servers()):
            server.stop()
        for fd in self._locks:
            os.close(fd)
        self._locks = None

    def revive(self) -> list[str]:
        """Start again what has died by itself; returns the names. Raises EmbeddedError when that fails."""
        dead = [server for server in self._servers() if self.owned and not server.running]
        for server in dead:
            self._again(server)
        return [server.name for server in dead]

    def kill_postgres(self) -> None:
        """SIGKILL PostgreSQL; its sessions break."""
        _present(self.postgres).kill()

    def restart_postgres(self) -> None:
        """Stop PostgreSQL when it runs, and start it; the data stays."""
        self._again(_present(self.postgres))

    def kill_valkey(self) -> None:
        """SIGKILL Valkey; up to a second of its writes may be lost."""
        _present(self.valkey).kill()

    def restart_valkey(self) -> None:
        """Stop Valkey when it runs, and start it; the data stays, scripts are forgotten."""
        self._again(_present(self.valkey))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def _servers(self) -> list[Server]:
        return [server for server in (self.postgres, self.valkey) if server is not None]

    def _started(self) -> Self:
        try:
            for server in self._servers():
                server.start(self._lock(), fresh=True)
        except BaseException:
            self.stop()
            raise
        return self

    def _connected(self) -> Self:
        if not wait_until(lambda: all(server.ready() for server in self._servers()), _CONNECT_SECONDS):
            raise EmbeddedError(f"Another process supervises {self.home}, but its servers do not answer.")
        return self

    def _again(self, server: Server) -> None:
        server.stop()
        server.start(self._lock(), fresh=False)

    def _lock(self) -> int:
        if self._locks is None:
            raise EmbeddedError("These servers belong to another process; only that one may start or stop them.")
        return self._locks[1]


@contextmanager
def with_servers(settings: Settings) -> Iterator[Settings]:
    """The settings with both addresses filled in: those given, else of servers that run inside the `with` block."""
    need = {"postgres": settings.database_url is None, "valkey": settings.redis_url is None}
    if not any(need.values()):
        yield settings
        return
    with Embedded.start(settings.home, **need) as servers:
        yield filled(settings, servers)


def filled(settings: Settings, servers: Embedded) -> Settings:
    """The settings, with the addresses of `servers` where none were given."""
    found = {
        "database_url": settings.database_url or servers.database_url,
        "redis_url": settings.redis_url or servers.redis_url,
    }
    return settings.model_copy(update=found)


def _present(server: _Server | None) -> _Server:
    if server is None:
        raise EmbeddedError("This server was not asked for: its address is given from outside.")
    return server
