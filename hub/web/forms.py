"""What a person typed, read and bounded: each reader returns a clean value or raises Invalid with the field's name.

Invariant: no form value reaches a verb unread; text is cut by refusal, never silently.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from uuid import UUID

from hub.core.errors import Invalid, NotFound

MAX_FIELDS = 200
MAX_TEXT_CHARS = 500
MAX_UNITS = 10_000_000
MAX_AMOUNT = Decimal("999999999999")

Form = Mapping[str, str]


def text(form: Form, name: str, *, most: int = MAX_TEXT_CHARS, required: bool = True) -> str:
    """Trimmed text without control characters."""
    value = form.get(name, "").strip()
    if required and not value:
        raise Invalid("Fill in the field %(field)s.", field=name)
    if len(value) > most:
        raise Invalid("The field %(field)s is too long: at most %(most)s characters.", field=name, most=most)
    if any(ord(char) < 32 for char in value):
        raise Invalid("The field %(field)s holds characters that cannot be shown.", field=name)
    return value


def whole(form: Form, name: str, *, least: int = 1, most: int = MAX_UNITS) -> int:
    """A whole number within bounds."""
    value = text(form, name, most=20)
    try:
        number = int(value)
    except ValueError as error:
        raise Invalid("The field %(field)s needs a whole number.", field=name) from error
    if not least <= number <= most:
        raise Invalid(
            "The field %(field)s must lie between %(least)s and %(most)s.", field=name, least=least, most=most
        )
    return number


def amount(form: Form, name: str) -> Decimal:
    """A non-negative amount of money with at most six decimals."""
    value = text(form, name, most=30)
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise Invalid("The field %(field)s needs an amount, such as 12.50.", field=name) from error
    exponent = number.as_tuple().exponent
    fits = isinstance(exponent, int) and -6 <= exponent <= 12  # 0e999999 is a number, but none that can be stored
    if not fits or not 0 <= number <= MAX_AMOUNT:
        raise Invalid("The field %(field)s needs an amount, such as 12.50.", field=name)
    return number


def uuid(value: str) -> UUID:
    """An id out of an address. Raises NotFound."""
    try:
        return UUID(value)
    except ValueError as error:
        raise NotFound("This address leads nowhere.") from error


def row_id(value: str) -> int:
    """A row's number out of an address. Raises NotFound."""
    if not value.isdecimal() or len(value) > 18:
        raise NotFound("This address leads nowhere.")
    return int(value)
