"""What a fault run is told as: a table for eyes, one object for programs.

Invariant: a run is good only when nothing is wrong, nothing was promised twice at any moment and the audit is clean.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

_EVENTS = {
    "gate_closed": "times the gate was found closed (bypass)",
    "gate_epoch": "epoch changes seen by processes",
    "late_no": "late noes",
    "job_put_off": "jobs put off",
    "job_failed": "jobs failed",
    "event_failed": "events failed",
    "event_batch_failed": "event batches failed",
    "sweep_failed": "sweeps failed",
    "pull_failed": "pulls failed",
    "push_failed": "pushes failed",
    "tell_failed": "tellings failed",
    "after_commit_failed": "settles or rings lost",
    "child_ended": "process ends",
}

UNFORESEEN = ("jobs failed", "events failed", "event batches failed", "sweeps failed")
"""what no fault of a run excuses: each fault is passing trouble, and is put off as such"""


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a run found out."""

    seed: int
    seconds: float
    faults: Mapping[str, int]
    figures: Mapping[str, int | float]
    states: Mapping[str, int]
    noticed: Mapping[str, int]
    wrong: Sequence[str]

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not self.wrong

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "verdict": "good" if self.good else "failed",
            "seed": self.seed,
            "seconds": self.seconds,
            "faults": dict(self.faults),
            "figures": dict(self.figures),
            "states": dict(self.states),
            "noticed": dict(self.noticed),
            "wrong": list(self.wrong)[:100],
            "wrong_count": len(self.wrong),
        }

    def as_table(self) -> Table:
        """For a terminal."""
        table = Table(title=f"Fault run, seed {self.seed}, {self.seconds:g} s", title_justify="left")
        table.add_column("what", overflow="fold")
        table.add_column("count", justify="right")
        for part in (self.faults, self.figures, self.states, self.noticed):
            for name, value in part.items():
                table.add_row(name, f"{value:,}" if isinstance(value, int) else f"{value:,.1f}")
            table.add_section()
        return table


def read_logs(folder: Path) -> dict[str, int]:
    """How often the hub's processes told of trouble; lines that a kill cut off are left out."""
    seen: Counter[str] = Counter()
    for path in sorted(folder.glob("*.log")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            seen.update(event for line in lines if (event := _event(line)) in _EVENTS)
    return {words: seen[event] for event, words in _EVENTS.items() if seen[event]}


def _event(line: str) -> str:
    try:
        found = json.loads(line) if line.startswith("{") else {}
    except ValueError:
        return ""
    return str(found.get("event", ""))
