"""From our rows to JSON values, and from a page's end to text and back.

Invariant: money is decimal text, instants are ISO 8601 in UTC, ids are exact; no number passes through float.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from finance.rows import Key
from hub.core.errors import NotFound


def plain(value: Any) -> Any:
    """The value as JSON knows it; a row becomes an object of its fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return _single(value)


def _single(value: Any) -> Any:
    if isinstance(value, datetime):  # before date: every datetime is one
        return instant(value)
    for kind, write in _WRITTEN:
        if isinstance(value, kind):
            return write(value)
    return value


_WRITTEN: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (Decimal, lambda value: format(value, "f")),
    (date, lambda value: str(value.isoformat())),
    (UUID, str),
)


def instant(value: datetime) -> str:
    """2026-11-23T08:00:00.000000Z"""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def write_key(key: Key) -> str:
    """Where a page of vouchers ended, as text for an address."""
    return f"{key[0]}_{key[1]}_{key[2]}"


def read_key(text: str) -> Key | None:
    """The other way round, None for ''. Raises NotFound."""
    if not text:
        return None
    period, _, rest = text.partition("_")
    number, _, voucher_id = rest.partition("_")
    try:
        if not number.isdecimal() or len(number) > 9 or len(period) > 7:
            raise ValueError("no such number")
        return period, int(number), UUID(voucher_id)
    except ValueError as error:
        raise NotFound("This address leads nowhere.") from error
