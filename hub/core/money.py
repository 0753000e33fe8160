"""Money is Decimal; this module holds the few operations that every domain needs on it.

Invariant: no float ever enters; amounts are rounded half-up to the currency's smallest unit.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal("0.00")
_MINOR_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "BHD": 3, "KWD": 3, "TND": 3}


def minor_digits(currency: str) -> int:
    """How many decimals the currency's smallest unit has (ISO 4217)."""
    return _MINOR_DIGITS.get(currency, 2)


def quantum(currency: str) -> Decimal:
    """The smallest unit of the currency, e.g. Decimal('0.01')."""
    return Decimal(1).scaleb(-minor_digits(currency))


def round_money(amount: Decimal, currency: str = "CNY") -> Decimal:
    """The amount rounded half-up to the currency's smallest unit."""
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_UP)


def parse_money(value: object) -> Decimal:
    """A Decimal from an int, Decimal or decimal text. Raises ValueError on anything else, NaN and floats included."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError(f"not an amount: {type(value).__name__}")
    try:
        amount = Decimal(value)
    except ArithmeticError as error:
        raise ValueError(f"not an amount: {str(value)[:40]!r}") from error
    if not amount.is_finite():
        raise ValueError(f"not a finite amount: {str(value)[:40]!r}")
    return amount


def allocate(total: Decimal, weights: Sequence[Decimal], currency: str = "CNY") -> list[Decimal]:
    """Split `total` in proportion to `weights`; the parts add up exactly, the remainder goes to the largest weight."""
    if not weights:
        return []
    base = sum(weights, Decimal(0))
    if base == 0:
        weights, base = [Decimal(1)] * len(weights), Decimal(len(weights))
    parts = [round_money(total * weight / base, currency) for weight in weights]
    largest = max(range(len(weights)), key=lambda index: abs(weights[index]))
    parts[largest] += total - add(parts)
    return parts


def add(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, starting from 0.00."""
    return sum(amounts, ZERO)
