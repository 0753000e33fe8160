"""Where a replay plays: a folder, servers, ports and processes of its own, so that it can never touch a live hub.

Invariant: only a folder that a replay made is ever emptied, and only while its lock is held; addresses of other
databases in the environment are not used.
"""

import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from hub.core.embedded import Embedded
from hub.core.embedded.lock import take
from hub.core.embedded.servers import filled
from hub.core.errors import Refused
from hub.core.settings import Settings, secret_path
from hub.processes import Child, Processes

_MARK = "this-folder-belongs-to-tongku-replay"
_LOCK = "up.lock"  # the lock of `tongku up`: a kept replay may be looked at with it
_DISTANT = "tongku-"  # what the embedded servers name their folders outside the home


@dataclass(frozen=True, slots=True)
class Stage:
    """A hub that stands ready: servers up, processes not yet."""

    settings: Settings
    servers: Embedded
    processes: Processes


@contextmanager
def set_stage(
    settings: Settings, home: Path, *, keep: bool, names: Sequence[str] = ("serve", "sweep", "sim")
) -> Iterator[Stage]:
    """The stage on `home` with the processes `names` and the workers, taken down afterwards. Its data are removed,
    unless `keep` or the replay failed: then its logs are needed, and the next replay removes them. Raises Refused,
    EmbeddedError."""
    home = home.expanduser().absolute()
    lock = _take_folder(home)
    try:
        servers = Embedded.start(home)
        processes = None
        try:
            own = filled(_own_settings(settings, home), servers)
            processes = Processes(_children(own, names), _environment(own), logs=home / "logs")
            yield Stage(own, servers, processes)
        except Exception:
            keep = True
            raise
        finally:
            if processes is not None:
                processes.stop(settings.drain_seconds)
            servers.stop()
    finally:
        if not keep:
            clear_folder(home)
            shutil.rmtree(home, ignore_errors=True)
        os.close(lock)


def _take_folder(home: Path) -> int:
    """Lock the folder and leave nothing in it but our mark. Returns the lock's descriptor."""
    if home.exists() and any(home.iterdir()) and not (home / _MARK).exists():
        raise Refused("%(home)s holds something else; a replay needs a folder of its own (--home).", home=str(home))
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    lock = take(home / _LOCK)
    if lock is None:
        raise Refused("Another process is using %(home)s.", home=str(home))
    (home / _MARK).touch()
    clear_folder(home)
    return lock


def clear_folder(home: Path) -> None:
    """Empty a replay's folder but for its mark and lock; what its servers keep elsewhere goes too."""
    servers = home / "servers"
    for link in (servers / "run", servers):
        if link.is_symlink() and (target := link.resolve()).name.startswith(_DISTANT):
            shutil.rmtree(target, ignore_errors=True)
    for entry in home.iterdir():
        if entry.name in (_MARK, _LOCK):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _own_settings(settings: Settings, home: Path) -> Settings:
    key = secrets.token_urlsafe(48)
    path = secret_path(home)
    path.touch(mode=0o600)
    path.write_text(key + "\n", "ascii")
    port, sim_port = _free_ports(2)
    own = {
        "home": home,
        "host": "127.0.0.1",
        "port": port,
        "sim_port": sim_port,
        "database_url": None,
        "redis_url": None,
        "gate_url": None,
        "secret_key": SecretStr(key),
    }
    return settings.model_copy(update=own)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _children(settings: Settings, names: Sequence[str]) -> list[Child]:
    workers = [Child(f"work-{number}", ["hub.cli", "work"]) for number in range(1, settings.workers + 1)]
    return [*(Child(name, ["hub.cli", name]) for name in names), *workers]


def _environment(settings: Settings) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "HUB_GATE_URL"}
    return inherited | {
        "HUB_HOME": str(settings.home),
        "HUB_HOST": settings.host,
        "HUB_PORT": str(settings.port),
        "HUB_SIM_PORT": str(settings.sim_port),
        "HUB_DATABASE_URL": settings.database(),
        "HUB_REDIS_URL": settings.redis(),
        "HUB_SECRET_KEY": settings.secret(),
        "HUB_LOG_FORMAT": "json",
    }
