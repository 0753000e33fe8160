"""Start and stop one operating-system process that must not outlive us.

Invariant: a process started here has its own session (the terminal's Ctrl-C does not reach it) and the kernel sends
it a signal when we die, however we die. The kernel ties that signal to the thread that started the process, so only
the main thread may start one; and it forgets it when the user changes, so it is asked for after that.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.core.embedded.errors import EmbeddedError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_POLL_SECONDS = 0.02
_LOG_KEPT_BYTES = 10_000_000

Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Account:
    """The user that a process runs as."""

    uid: int
    gid: int


def spawn(
    argv: Sequence[str],
    *,
    death_signal: signal.Signals,
    env: Mapping[str, str],
    account: Account | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    keep_fds: Sequence[int] = (),
) -> Process:
    """Start `argv`; it gets `death_signal` when we die. Output goes to the end of `log`, or where ours goes."""
    if threading.current_thread() is not threading.main_thread():
        raise EmbeddedError("Processes must be started from the main thread: their life is bound to their starter's.")
    switch = account is not None and account.uid != os.geteuid()
    output = _open_log(log) if log else None
    try:
        return subprocess.Popen(  # noqa: S603 - the callers build argv, no outside text gets here
            argv,
            stdin=stdin,
            stdout=output,
            stderr=output,
            env=dict(env),
            cwd=cwd,
            pass_fds=keep_fds,
            start_new_session=True,
            user=account.uid if account and switch else None,
            group=account.gid if account and switch else None,
            extra_groups=[] if switch else None,
            preexec_fn=_die_with_parent(death_signal),  # noqa: PLW1509 - one system call; no Python lock is taken
        )
    finally:
        if output is not None:
            os.close(output)


def follow_parent(number: signal.Signals) -> None:
    """Ask the kernel to send this very process `number` when the one that started it ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def stop(process: Process, steps: Sequence[tuple[signal.Signals, float]]) -> int:
    """Send each signal in turn, waiting its seconds for the end, then SIGKILL. Returns the exit code."""
    for number, seconds in steps:
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.wait()


def wait_until(ready: Callable[[], bool], seconds: float) -> bool:
    """Ask `ready` again and again, at most for `seconds`. Returns its last answer."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def ask(path: Path, words: bytes = b"") -> bytes:
    """Connect to a unix socket, say `words`, and return the start of the answer. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(2.0)
        link.connect(str(path))
        if not words:
            return b""
        link.sendall(words)
        return link.recv(64)


def log_tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])


def _die_with_parent(number: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def ask_kernel() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
            if os.getppid() != parent:  # the parent died before the kernel knew our wish
                os._exit(1)

    return ask_kernel


def _open_log(log: Path) -> int:
    """A descriptor at the end of the log; a log that has grown too long is set aside once (the one before is lost)."""
    if log.exists() and log.stat().st_size > _LOG_KEPT_BYTES:
        log.replace(log.with_suffix(".old"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
