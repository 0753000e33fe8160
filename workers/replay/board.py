"""What the operator sees while a replay runs: a bar on a terminal, a line now and then elsewhere.

Invariant: it writes to stderr only; stdout belongs to the summary.
"""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hub.core.clock import monotonic

_LINE_SECONDS = 10.0


class Board:
    """One bar at a time: each step of the replay has its own."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description:<18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
        )
        self._task: TaskID | None = None
        self._step = ""
        self._said_at = 0.0
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()

    def begin(self, step: str, total: int | None = None) -> None:
        """The next step; the bar of the one before ends full."""
        if self._task is not None:
            ended = self._bar.tasks[self._task]
            end = max(1, ended.completed, ended.total or 0)
            self._bar.update(self._task, completed=end, total=end)
            self._bar.stop_task(self._task)
        self._step, self._said_at = step, 0.0
        self._task = self._bar.add_task(step, total=total, facts="")
        if not self._live:
            self._say(f"{step} ...")

    def show(self, done: int, total: int | None = None, facts: str = "") -> None:
        """How far the step is."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total, facts=facts)
        if not self._live and (monotonic() - self._said_at > _LINE_SECONDS):
            self._said_at = monotonic()
            self._say(f"{self._step}: {done:,}{f' of {total:,}' if total else ''}  {facts}".rstrip())

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
