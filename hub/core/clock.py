"""The one door to the time of day: everything inside is aware UTC.

Rules (`rules.py`, `mapping.py`) never call this module; they receive the instant as an argument.
Deadlines that decide about stock use the clock of the store (PostgreSQL `now()`, Valkey `TIME`), never this one.
"""

import time
from datetime import UTC, datetime


def utcnow() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds on a clock that never steps back; only differences mean anything."""
    return time.monotonic()
