"""`tongku up`: the whole installation in the foreground of one terminal.

Order of a start: the home is locked, the ports are tried, the key is made, the servers run, the database is
prepared, the processes run. A stop goes the other way. Invariant: whatever way this process ends, nothing
that it started goes on; and whatever of it dies is started again.
"""

import asyncio
import http.client
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import SecretStr

from hub.core.embedded import Embedded, EmbeddedError
from hub.core.embedded.lock import take
from hub.core.embedded.process import follow_parent
from hub.core.embedded.servers import filled
from hub.core.errors import HubError
from hub.core.log import get_logger
from hub.core.people import FIRST_ADMIN
from hub.core.redis import RedisError
from hub.core.settings import Settings, read_secret, secret_path
from hub.processes import Child, Processes

Prepare = Callable[[Settings], Coroutine[Any, Any, str | None]]
"""Migrates and seeds with all addresses set; safe to repeat. Returns the one-time password of a first admin, once."""

_TICK_SECONDS = 0.2
_ENDS_BEFORE_GIVING_UP = 4
_IMPATIENT_SECONDS = 60.0
_SAME_WISH_SECONDS = 1.0
_GRACE_SECONDS = 5.0  # processes drain as long as the setting says; then they still close their connections

log = get_logger(__name__)


class Exit(IntEnum):
    """How `tongku up` ended."""

    STOPPED = 0  # asked to, and drained
    FAILED = 1  # a server or a process does not start
    BUSY_HOME = 3  # another `tongku up` uses this home
    BUSY_PORT = 4


class UpError(Exception):
    """The start cannot go on. The text is for the operator."""

    def __init__(self, text: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(text)
        self.code = code


def run_up(settings: Settings, prepare: Prepare, children: Sequence[Child] | None = None) -> int:
    """Run until Ctrl-C, SIGTERM or SIGHUP. Returns the exit code; says on stdout what the operator must know."""
    if settings.follow_parent:
        follow_parent(signal.SIGTERM)
    stop = _StopSignals()
    try:
        with stop, _home_lock(settings.home):
            for variable, host, port in _ports(settings):
                _try_port(variable, host, port)
            _run(_with_secret(settings), prepare, children or _children(settings), stop)
    except (UpError, EmbeddedError) as error:
        _say(f"tongku: {error}")
        return error.code if isinstance(error, UpError) else Exit.FAILED
    except KeyboardInterrupt:
        _say("Stopped without waiting.")
        return Exit.FAILED
    return Exit.STOPPED


class _StopSignals:
    """The first signal asks for an orderly stop, the second for a stop at once."""

    _NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.asked = 0
        self._first_at = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "_StopSignals":
        for number in self._NUMBERS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup is respected
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *failure: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal itself returned

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked and time.monotonic() - self._first_at < _SAME_WISH_SECONDS:
            return  # a terminal, a shell and make may each pass on one and the same Ctrl-C
        self.asked += 1
        self._first_at = time.monotonic()
        if self.asked > 1:
            raise KeyboardInterrupt


def _run(settings: Settings, prepare: Prepare, children: Sequence[Child], stop: _StopSignals) -> None:
    began = time.monotonic()
    servers = _servers(settings)
    try:
        if servers is not None:
            settings = filled(settings, servers)
        lines = _prepared(settings, prepare)
        _watch(settings, servers, Processes(children, _environment(settings)), lines, stop, began=began)
    finally:
        if servers is not None:
            servers.stop()


def _servers(settings: Settings) -> Embedded | None:
    postgres, valkey = settings.database_url is None, settings.redis_url is None
    if not (postgres or valkey):
        return None
    _say("Starting " + " and ".join(["PostgreSQL"] * postgres + ["Valkey"] * valkey) + " ...")
    servers = Embedded.start(settings.home, postgres=postgres, valkey=valkey)
    if not servers.owned:
        raise UpError(f"Another command is using the servers of {settings.home}; wait for it to end.", Exit.BUSY_HOME)
    return servers


def _prepared(settings: Settings, prepare: Prepare) -> Sequence[str]:
    """Prepare the database; the lines to show once all is ready."""
    try:
        password = asyncio.run(prepare(settings))
    except (OSError, TimeoutError, RedisError) as error:
        raise UpError(f"HUB_DATABASE_URL, HUB_REDIS_URL or HUB_GATE_URL cannot be reached: {error}") from error
    except HubError as error:
        raise UpError(str(error)) from error
    return [f"Sign in as {FIRST_ADMIN} with the one-time password {password} (shown only now)."] if password else []


def _watch(
    settings: Settings,
    servers: Embedded | None,
    processes: Processes,
    lines: Sequence[str],
    stop: _StopSignals,
    *,
    began: float,
) -> None:
    """Tend everything until a stop is asked for; tell the operator when the main job is up."""
    ready = patient = False
    try:
        while not stop.asked:
            if servers is not None and (revived := servers.revive()):
                log.error("server_had_died", started_again=revived)
            processes.tend()
            if not ready and (ready := _ready(settings)):
                _welcome(settings, lines, time.monotonic() - began)
            if not ready:
                patient = _complain(settings, processes, patient, began)
            time.sleep(_TICK_SECONDS)
        _say("Stopping: work in hand is being finished (Ctrl-C once more stops at once) ...")
        if not processes.stop(settings.drain_seconds + _GRACE_SECONDS):
            _say("Some processes did not finish in time; their work is taken up again at the next start.")
    finally:
        processes.kill()
        if not ready:  # a password that was made must be seen by somebody
            for line in lines:
                _say(line)


def _welcome(settings: Settings, lines: Sequence[str], seconds: float) -> None:
    _say(f"\nTongku is ready ({seconds:.1f} s): {settings.console_url}")
    for line in lines:
        _say(line)
    _say("Ctrl-C stops it; all data is kept.\n")


def _complain(settings: Settings, processes: Processes, told: bool, began: float) -> bool:
    """Give up on a process that cannot start; say once that a start takes long. Returns whether that was said."""
    worst = processes.most_ends_in_a_row()
    if worst.ends_in_a_row >= _ENDS_BEFORE_GIVING_UP:
        raise UpError(f"The process `{worst.name}` does not start; its own words stand above.")
    if not told and time.monotonic() - began > _IMPATIENT_SECONDS:
        _say(f"Not ready yet; {settings.console_url}/readyz says what is missing.")
        return True
    return told


def _ready(settings: Settings) -> bool:
    """Whether /readyz says that the main job is up, the shops of the simulated marketplaces included."""
    address = settings.console_url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = json.loads(answer.read())
        return answer.status == http.HTTPStatus.OK and bool(body["shops"] or not settings.sim)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _children(settings: Settings) -> list[Child]:
    names = ["serve", "sweep", *(["sim", "demo"] if settings.sim else [])]
    workers = [f"work-{number}" for number in range(1, settings.workers + 1)]
    return [
        *(Child(name, ["hub.cli", name]) for name in names),
        *(Child(name, ["hub.cli", "work"]) for name in workers),
    ]


def _environment(settings: Settings) -> Mapping[str, str]:
    given = {
        "HUB_HOME": str(settings.home),
        "HUB_DATABASE_URL": settings.database(),
        "HUB_REDIS_URL": settings.redis(),
        "HUB_SECRET_KEY": settings.secret(),
    }
    return {**os.environ, **given}


def _with_secret(settings: Settings) -> Settings:
    """The settings with a key: the one given, the one kept, or a new one."""
    if settings.secret_key is not None:
        return settings
    path = secret_path(settings.home)
    if not path.exists():
        half = path.with_suffix(".half")
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    return settings.model_copy(update={"secret_key": SecretStr(read_secret(settings.home) or "")})


@contextmanager
def _home_lock(home: Path) -> Iterator[None]:
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        fd = take(home / "up.lock")
    except OSError as error:
        raise UpError(f"HUB_HOME cannot be written: {error.strerror}: {error.filename or home}") from error
    if fd is None:
        raise UpError(f"Another `tongku up` runs on {home}. Stop it, or choose another HUB_HOME.", Exit.BUSY_HOME)
    try:
        yield
    finally:
        os.close(fd)


def _ports(settings: Settings) -> list[tuple[str, str, int]]:
    console = ("HUB_PORT", settings.host, settings.port)
    return [console, ("HUB_SIM_PORT", "127.0.0.1", settings.sim_port)] if settings.sim else [console]


def _try_port(variable: str, host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        text = f"Port {port} on {host} cannot be used ({error.strerror}); choose another by {variable}."
        raise UpError(text, Exit.BUSY_PORT) from error


def _say(line: str) -> None:
    print(line, flush=True)
