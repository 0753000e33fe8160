"""One embedded PostgreSQL: make its data directory, start it, know when it is ready, stop it.

Invariant: a data directory appears whole or not at all, and the server is durable (fsync, full pages, synchronous
commit): these are not settings. It listens on a unix socket only, in a directory that nobody else may enter.
"""

import os
import shutil
import signal
from pathlib import Path
from urllib.parse import quote

from hub.core.embedded.errors import EmbeddedError
from hub.core.embedded.place import Place, postgres_bin
from hub.core.embedded.process import Process, ask, log_tail, spawn, stop, wait_until

_PORT = "5432"  # only names the socket file
_DATABASE = "tongku"
_USER = "postgres"
_READY_SECONDS = 120.0
_RETRY_SECONDS = 20.0
_INIT_SECONDS = 120.0
_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_CONFIG = {
    "listen_addresses": "",
    "port": _PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class Postgres:
    """Controls the server of one place. Not safe for use from several threads."""

    name = "postgres"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._data = place.root / "postgres"
        self._log = place.logs / "postgres.log"
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Address for SQLAlchemy with asyncpg."""
        return f"postgresql+asyncpg://{_USER}@/{_DATABASE}?host={quote(str(self._place.sockets), safe='/')}"

    @property
    def pid(self) -> int | None:
        """Our server's process id, None when we run none."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether our server's process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, lock_fd: int, *, fresh: bool) -> None:
        """Start and wait until ready. `fresh`: the lock says that no server process of this place can be alive."""
        if fresh:
            self._clean()
        self._init(lock_fd)
        # After a kill the old backends need a moment to notice; until then a new server refuses the directory.
        if not wait_until(lambda: self._try(lock_fd), 0.0 if fresh else _RETRY_SECONDS):
            raise EmbeddedError(f"PostgreSQL does not start. Its log ends:\n{log_tail(self._log)}")

    def ready(self, pid: int | None = None) -> bool:
        """Whether the server (with this process id, when given) says that it takes connections, and does."""
        try:
            lines = (self._data / "postmaster.pid").read_text("utf-8", "replace").splitlines()
            ask(self._sockets()[0])
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready" and (pid is None or lines[0].strip() == str(pid))

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, a checkpoint is written. After a minute the harder ways."""
        if self._process is not None:
            stop(self._process, [(signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0)])

    def kill(self) -> None:
        """SIGKILL, as a power cut would; for fault tests."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _try(self, lock_fd: int) -> bool:
        options = [f"--{key}={value}" for key, value in _CONFIG.items()]
        options.append(f"--unix_socket_directories={self._place.sockets}")
        process = self._process = spawn(
            [self._bin("postgres"), "-D", str(self._data), *options],
            death_signal=signal.SIGINT,
            env=_ENV,
            account=self._place.account,
            cwd=self._place.root,
            log=self._log,
            keep_fds=[lock_fd],
        )
        wait_until(lambda: process.poll() is not None or self.ready(process.pid), _READY_SECONDS)
        if process.poll() is None and not self.ready(process.pid):
            self.stop()
        return process.poll() is None

    def _init(self, lock_fd: int) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        half = self._place.root / "postgres.half"
        shutil.rmtree(half, ignore_errors=True)
        where = ["-D", str(half)]
        locale = ["-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        self._run(lock_fd, "initdb", *where, "-U", _USER, "-A", "trust", *locale)
        self._run(lock_fd, "postgres", "--single", *where, "postgres", stdin=f"CREATE DATABASE {_DATABASE};\n")
        half.replace(self._data)

    def _run(self, lock_fd: int, program: str, *args: str, stdin: str = "") -> None:
        """Run to the end. Output goes to the log; the lock outlives us with the program."""
        read, write = os.pipe()
        os.write(write, stdin.encode())
        os.close(write)
        process = spawn(
            [self._bin(program), *args],
            death_signal=signal.SIGKILL,
            env=_ENV,
            account=self._place.account,
            cwd=self._place.root,
            log=self._log,
            stdin=read,
            keep_fds=[lock_fd],
        )
        os.close(read)
        if not wait_until(lambda: process.poll() is not None, _INIT_SECONDS) or process.returncode:
            stop(process, [])
            raise EmbeddedError(f"{program} failed. The log ends:\n{log_tail(self._log)}")

    def _bin(self, program: str) -> str:
        return str(postgres_bin(self._place) / program)

    def _clean(self) -> None:
        """Remove what a killed server left; a recycled process id in it would make the next start refuse."""
        for left in (self._data / "postmaster.pid", *self._sockets()):
            left.unlink(missing_ok=True)

    def _sockets(self) -> list[Path]:
        return [self._place.sockets / f".s.PGSQL.{_PORT}{end}" for end in ("", ".lock")]
