"""Keeps a set of child processes alive: starts them, starts again what ends, and stops them in order.

Invariant: no child outlives us (the kernel kills it when we die); one that keeps ending is started ever more slowly.
"""

import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.core.embedded.process import Process, spawn
from hub.core.log import get_logger

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_SOUND_SECONDS = 30.0  # a child that lived this long starts with a clean slate

log = get_logger(__name__)


@dataclass
class Child:
    """One process and how it fares. `argv` follows `python -m`."""

    name: str
    argv: Sequence[str]
    process: Process | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    ends_in_a_row: int = 0

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self.process is not None and self.process.poll() is None


class Processes:
    """The children of one supervisor. Call `tend` several times a second from the main thread."""

    def __init__(self, children: Sequence[Child], env: Mapping[str, str], *, logs: Path | None = None) -> None:
        """`logs`: folder that takes the children's output, a file each; without it, it goes where ours goes."""
        self.children = list(children)
        self._env = dict(env)
        self._logs = logs

    def tend(self) -> None:
        """Start what is due; note what has ended."""
        now = time.monotonic()
        for child in self.children:
            if child.running:
                continue
            if child.process is not None:
                self._note_end(child, child.process, now)
            if now >= child.due_at:
                self._start(child, now)

    def most_ends_in_a_row(self) -> Child:
        """The child that ended most often without living long in between."""
        return max(self.children, key=lambda child: child.ends_in_a_row)

    def stop(self, drain_seconds: float) -> bool:
        """Ask all to finish, wait that long, then kill. Returns whether all finished by themselves."""
        living = [child.process for child in self.children if child.process is not None and child.running]
        for process in living:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + drain_seconds
        while any(process.poll() is None for process in living) and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.kill() == 0

    def kill(self) -> int:
        """End all at once. Returns how many still ran."""
        late = [child for child in self.children if child.process is not None and child.running]
        for child in late:
            log.warning("child_killed", child=child.name)
            if child.process is not None:
                child.process.kill()
                child.process.wait()
        return len(late)

    def _start(self, child: Child, now: float) -> None:
        argv = [sys.executable, "-P", "-m", *child.argv]
        log_file = self._logs / f"{child.name}.log" if self._logs else None
        child.process = spawn(argv, death_signal=signal.SIGKILL, env=self._env, log=log_file)
        child.started_at = now
        log.info("child_started", child=child.name, pid=child.process.pid)

    def _note_end(self, child: Child, process: Process, now: float) -> None:
        if now - child.started_at > _SOUND_SECONDS:
            child.ends_in_a_row = 0
        pause = min(_FIRST_PAUSE_SECONDS * 2**child.ends_in_a_row, _LONGEST_PAUSE_SECONDS)
        child.ends_in_a_row += 1
        child.due_at = now + pause
        child.process = None
        log.warning("child_ended", child=child.name, code=process.returncode, starts_again_in_seconds=pause)
