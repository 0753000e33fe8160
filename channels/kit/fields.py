"""Reading single values out of an answer: strict about types, kind about neighbours, bounded in length.

Invariant: whatever a field holds, reading it gives a value of the named type or raises Malformed with the field's name
and never its content (it may be a buyer's). One order that cannot be read is refused alone (`read_each`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from channels.kit.text import storable
from channels.kit.types import ChannelOrder
from hub.core.money import parse_money

MAX_ID_CHARS = 100
MAX_SKU_CHARS = 200
MAX_TITLE_CHARS = 500
_MAX_RAW_CHARS = 10_000
_MAX_RAW_ITEMS = 5_000
_MAX_RAW_DEPTH = 30
_MAX_UNITS = 1_000_000
_MAX_AMOUNT = Decimal(10) ** 15
_MAX_EXPONENT = 30
_MAX_SHOWN = 10**12


class Malformed(Exception):
    """One value is not what the protocol says."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The orders of an answer, and those that could not be read: (external id or '', reason)."""

    orders: tuple[ChannelOrder, ...]
    refused: tuple[tuple[str, str], ...]


def read_each(
    nodes: Iterable[object], read: Callable[[Mapping[str, Any]], ChannelOrder], name: Callable[[Mapping[str, Any]], str]
) -> Reading:
    """Read every order; a malformed one is refused and the others stay."""
    orders: list[ChannelOrder] = []
    refused: list[tuple[str, str]] = []
    for node in nodes:
        if not isinstance(node, Mapping):
            refused.append(("", "the order is not an object"))
            continue
        try:
            orders.append(read(node))
        except Malformed as error:
            refused.append((_name_of(node, name), str(error)))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            refused.append((_name_of(node, name), f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))
    return Reading(tuple(orders), tuple(refused))


def _name_of(node: Mapping[str, Any], name: Callable[[Mapping[str, Any]], str]) -> str:
    try:
        return name(node)
    except Malformed:
        return ""


def mapping(node: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """An object; absent or null reads as empty."""
    value = node.get(field)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Malformed(f"{field}: not an object")
    return value


def rows(value: object, field: str) -> list[Any]:
    """A list; absent or null reads as empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed(f"{field}: not a list")
    return value


def ident(value: object, field: str, limit: int = MAX_ID_CHARS) -> str:
    """An id as text: a whole number or a text, never a float (it may have been rounded)."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Malformed(f"{field}: {'missing' if value is None else 'not an id'}")
    text = str(value).strip()
    if not text or len(text) > limit:
        raise Malformed(f"{field}: {'empty' if not text else f'longer than {limit} characters'}")
    if text != storable(text):
        raise Malformed(f"{field}: holds characters that no text may hold")
    return text


def code(value: object, field: str) -> str | None:
    """A seller's code; None when it is absent or blank. Too long is malformed: a cut code would name another good."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return ident(value, field, MAX_SKU_CHARS)


def words(value: object, limit: int = MAX_TITLE_CHARS) -> str:
    """A text for people, cut to `limit`; anything that is not text or a number reads as empty."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return ""
    text = value if isinstance(value, str) else str(value)
    text = storable(text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def money(value: object, field: str, default: Decimal | None = None) -> Decimal:
    """An amount. A float (somebody else decoded the body) is read by its shortest text, never by its binary value."""
    if (value is None or value == "") and default is not None:
        return default
    try:
        amount = parse_money(repr(value) if isinstance(value, float) else value)
    except ValueError as error:
        raise Malformed(f"{field}: {'missing' if value is None else 'not an amount'}") from error
    exponent = amount.as_tuple().exponent  # looked at before any arithmetic: 1e1000000 would overflow it
    if not isinstance(exponent, int) or not -_MAX_EXPONENT <= exponent <= _MAX_EXPONENT or abs(amount) > _MAX_AMOUNT:
        raise Malformed(f"{field}: too large or too fine")
    return amount


def currency(value: object, field: str) -> str:
    """An ISO 4217 code."""
    if not isinstance(value, str) or not (len(value) == 3 and value.isascii() and value.isalpha()):
        raise Malformed(f"{field}: {'missing' if value is None else 'not a currency'}")
    return value.upper()


def units(value: object, field: str, default: int | None = None) -> int:
    """A count of units, 0 to a million; a whole Decimal or digits as text will do."""
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal | float):
        raise Malformed(f"{field}: {'missing' if value is None else 'not a count'}")
    try:
        number = parse_money(repr(value) if isinstance(value, float) else value)
    except ValueError as error:
        raise Malformed(f"{field}: not a count") from error
    if not 0 <= number <= _MAX_UNITS or number != int(number):
        raise Malformed(f"{field}: not a count between 0 and {_MAX_UNITS}")
    return int(number)


def shown_units(value: object) -> int | None:
    """What a channel shows for sale, 0 when it is below; None when that is not a plausible count. It is for showing and
    comparing only, so a wrong one is left out rather than refused."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_SHOWN:
        return None
    return max(0, value)


def instant(value: object, field: str, zone: tzinfo | None = None) -> datetime:
    """An aware UTC instant. Without `zone` the text must name its own offset; with it the text must be naive."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and len(value) < 50 else None
        if moment is not None and zone is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        utc = moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError) as error:
        raise Malformed(f"{field}: not a time") from error
    if utc is None:
        raise Malformed(f"{field}: {'missing' if value is None else 'not a time with a zone'}")
    return utc


def maybe_instant(value: object, field: str, zone: tzinfo | None = None) -> datetime | None:
    """An instant, or None when absent or empty."""
    return None if value is None or value == "" else instant(value, field, zone)


def clip(value: Any, depth: int = 0) -> Any:
    """A copy of an answer's part that is safe to keep: long texts cut with a note, lists and depth bounded, JSON types
    only (Decimal as text, because a JSON column must not turn money into floats)."""
    if isinstance(value, str):
        return _clip_text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if not isinstance(value, Mapping | Sequence):
        return storable(str(value)[:_MAX_RAW_CHARS])
    if depth >= _MAX_RAW_DEPTH:
        return "[cut: nested too deep]"
    if isinstance(value, Mapping):
        return {
            storable(str(name)[:200]): clip(inner, depth + 1) for name, inner in list(value.items())[:_MAX_RAW_ITEMS]
        }
    return [clip(inner, depth + 1) for inner in value[:_MAX_RAW_ITEMS]]


def _clip_text(text: str) -> str:
    kept = text if len(text) <= _MAX_RAW_CHARS else f"{text[:_MAX_RAW_CHARS]}… [cut, {len(text)} characters]"
    return storable(kept)
