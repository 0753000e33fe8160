"""The one clock of the simulator: real time plus an offset that tests and faults may move."""

from datetime import UTC, datetime, timedelta

from hub.core.clock import utcnow


class SimClock:
    """Milliseconds since 1970, never two equal readings in a row, so that every change has its own instant."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self._offset = timedelta(seconds=offset_seconds)
        self._last_ms = 0

    def now(self) -> datetime:
        return utcnow() + self._offset

    def tick_ms(self) -> int:
        """The present instant for a change: strictly greater than the one before."""
        self._last_ms = max(self._last_ms + 1, int(self.now().timestamp() * 1000))
        return self._last_ms

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)


def instant(ms: int) -> datetime:
    """The aware UTC instant of a stored millisecond."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
