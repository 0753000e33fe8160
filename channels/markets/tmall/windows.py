"""How the trade feed is cut into windows and pages: pure.

Invariant: windows are whole seconds, at most a day wide, together they cover [since, until]; pages are read from the
last to the first, because a trade that is modified while we read leaves the window and pulls the later pages forward.
Source: channel facts, section 2.2.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

WINDOW = timedelta(days=1)
MAX_PAGES_PER_WINDOW = 500
_SECOND = timedelta(seconds=1)


def windows(since: datetime, until: datetime, widest: timedelta = WINDOW) -> Iterator[tuple[datetime, datetime]]:
    """(start, end) pairs, oldest first; both ends belong to the window, the next one begins where the last ended."""
    start, last = since.replace(microsecond=0), until.replace(microsecond=0)
    while True:
        end = min(last, start + widest)
        yield start, max(start, end)
        if end >= last:
            return
        start = end


def halves(start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]] | None:
    """Two windows for one that holds too many trades; None when it cannot be cut further."""
    middle = (start + (end - start) / 2).replace(microsecond=0)
    if end - start <= 2 * _SECOND:
        return None
    return (start, middle), (middle, end)


def pages_backwards(total: int, size: int) -> range:
    """Page numbers from the last to the first."""
    return range(-(-total // size), 0, -1)
