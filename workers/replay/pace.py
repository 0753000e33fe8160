"""How fast the buyers come: at the data's own clock times a factor, or as fast as the hub keeps up.

Pure but for the readings handed in. Invariant: with `max` the buyers never run further ahead of the hub than what it
decides in two seconds; with a factor they never wait for it.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

_AHEAD_SECONDS = 2.0
_LEAST_AHEAD = 20
_MOST_AHEAD = 2_000
_RATE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What the hub's database says at `at` (monotonic seconds): orders decided so far, age of what waits longest."""

    at: float
    decided: int
    oldest_seconds: float


@dataclass(slots=True)
class KeepingUp:
    """`max`: sell only as much ahead as the hub decides in two seconds, and nothing while something waits for long."""

    patience_seconds: float = 5.0
    _readings: deque[Reading] = field(default_factory=deque)

    def note(self, reading: Reading) -> None:
        """Remember a reading; those older than four seconds no longer count."""
        self._readings.append(reading)
        while len(self._readings) > 2 and self._readings[0].at < reading.at - _RATE_SECONDS:
            self._readings.popleft()

    def room(self, sold: int, _now: float) -> int:
        """How many more orders may be sold now, when `sold` were sold so far."""
        if not self._readings:
            return _LEAST_AHEAD
        last = self._readings[-1]
        if last.oldest_seconds > self.patience_seconds:
            return 0
        return max(0, self._ahead() - (sold - last.decided))

    def _ahead(self) -> int:
        first, last = self._readings[0], self._readings[-1]
        rate = (last.decided - first.decided) / (last.at - first.at) if last.at > first.at else 0.0
        return round(min(max(_LEAST_AHEAD, rate * _AHEAD_SECONDS * 1.2), _MOST_AHEAD))


@dataclass(slots=True)
class DataClock:
    """`--speed N`: the data's clock, N times as fast."""

    factor: float
    first_at: datetime
    began: float

    def is_due(self, at: datetime, now: float) -> bool:
        """Whether a basket of that instant is to be bought by now (monotonic seconds)."""
        return (at - self.first_at).total_seconds() <= (now - self.began) * self.factor
