"""Two file locks that answer two questions about a home.

`embedded.owner` is held by the supervisor alone: does one live? `embedded.lock` is held by it and, through the
inherited descriptor, by every process of both servers: may somebody still be writing to the data?
"""

import fcntl
import os
from pathlib import Path

from hub.core.embedded.errors import EmbeddedError
from hub.core.embedded.process import wait_until

_OLD_SERVERS_SECONDS = 90.0


def take_owner(home: Path) -> int | None:
    """Become the supervisor of this home. None when another process already is."""
    return take(home / "embedded.owner")


def take_servers(home: Path) -> int:
    """Wait until the servers of a supervisor that died are gone (the kernel has told them to stop), then lock."""
    held: list[int] = []

    def attempt() -> bool:
        fd = take(home / "embedded.lock")
        held.extend([] if fd is None else [fd])
        return fd is not None

    if not wait_until(attempt, _OLD_SERVERS_SECONDS):
        raise EmbeddedError(f"Servers of an earlier run still hold {home / 'embedded.lock'}; end them, then try again.")
    return held[0]


def take(path: Path) -> int | None:
    """Lock the file (made when missing) and return its descriptor, which holds the lock; None when it is taken."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
