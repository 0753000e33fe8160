"""JSON as marketplaces write it: ids beyond 2^53, money as numbers, sometimes half an answer.

Invariant: no number passes through float; size and depth are bounded; NaN and Infinity are refused. A number that is
beyond all use stays the text that it came as, so that only its own field is refused, not the page that it stands in.
Amounts are written back as decimal text.
"""

import json
from decimal import Decimal
from typing import Any

from channels.kit.errors import BadAnswer

MAX_BYTES = 20_000_000
MAX_DEPTH = 64
_MAX_NUMBER_CHARS = 60
_MAX_EXPONENT = 30


def decode(data: bytes | str) -> Any:
    """The decoded value, integers exact, other numbers as Decimal. Raises BadAnswer (with `raw`) on damage."""
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        raise BadAnswer(f"the answer has {len(raw)} bytes, more than {MAX_BYTES}", code="too-large")
    try:
        value = json.loads(raw, parse_float=_number, parse_int=_integer, parse_constant=_refuse)
        _check_depth(value)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"the answer is not complete JSON: {_cause(error)}", code="not-json", raw=raw) from error
    return value


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON; Decimal becomes its exact text. Raises ValueError for NaN and TypeError for other types."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_exact).encode()


def _exact(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _number(text: str) -> Decimal | str:
    try:
        number = Decimal(text) if len(text) <= _MAX_NUMBER_CHARS else None
    except ArithmeticError:
        number = None
    return text if number is None or abs(number.adjusted()) > _MAX_EXPONENT else number


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _MAX_NUMBER_CHARS else text


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")


def _check_depth(value: object) -> None:
    level = [value]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]


def _inside(value: object) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _cause(error: Exception) -> str:
    """Position and reason, never a piece of the text: it may hold buyer data."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at {error.pos}"
    return "nested too deep" if isinstance(error, RecursionError) else type(error).__name__ + ": " + str(error)[:80]
