"""One embedded Valkey: start it, know when it is ready, stop it.

Invariant: the append-only file is on and written at least each second, nothing is ever evicted, and the server
listens on a unix socket only, in a directory that nobody else may enter.
"""

import signal
from urllib.parse import quote

from hub.core.embedded.errors import EmbeddedError
from hub.core.embedded.place import Place, valkey_program
from hub.core.embedded.process import Process, ask, log_tail, spawn, stop, wait_until

_READY_SECONDS = 120.0
_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_CONFIG = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


class Valkey:
    """Controls the server of one place. Not safe for use from several threads."""

    name = "valkey"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._socket = place.sockets / "valkey.sock"
        self._log = place.logs / "valkey.log"
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Address for redis clients (database 0)."""
        return f"unix://{quote(str(self._socket), safe='/')}"

    @property
    def pid(self) -> int | None:
        """Our server's process id, None when we run none."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether our server's process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, lock_fd: int, *, fresh: bool) -> None:
        """Start and wait until the data is loaded. A socket left by a killed server is removed, `fresh` or not."""
        data = self._place.make("valkey")
        self._socket.unlink(missing_ok=True)
        options = [word for key, value in _CONFIG.items() for word in (f"--{key}", value)]
        process = self._process = spawn(
            [str(valkey_program(self._place)), *options, "--dir", str(data), "--unixsocket", str(self._socket)],
            death_signal=signal.SIGTERM,
            env=_ENV,
            account=self._place.account,
            cwd=data,
            log=self._log,
            keep_fds=[lock_fd],
        )
        wait_until(lambda: process.poll() is not None or self.ready(), _READY_SECONDS)
        if process.poll() is not None or not self.ready():
            self.stop()
            raise EmbeddedError(f"Valkey does not start. Its log ends:\n{log_tail(self._log)}")

    def ready(self) -> bool:
        """Whether a server answers +PONG (and not -LOADING) on the socket."""
        try:
            return ask(self._socket, b"PING\r\n").startswith(b"+PONG")
        except OSError:
            return False

    def stop(self) -> None:
        """Orderly shutdown: the append-only file is flushed. After half a minute the harder way."""
        if self._process is not None:
            stop(self._process, [(signal.SIGTERM, 30.0)])

    def kill(self) -> None:
        """SIGKILL, as a power cut would; for fault tests."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
