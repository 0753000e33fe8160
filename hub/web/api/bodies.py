"""What programs may send, as models: they check the bodies and describe them in the OpenAPI document.

Invariant: unknown fields are refused, every text and list is bounded and free of control characters, money is decimal
text and never a JSON number.
"""

import re
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from hub.core.shops import MAX_BUFFER_UNITS, MAX_POLL_SECONDS
from hub.web.forms import MAX_AMOUNT, MAX_UNITS

MAX_SHIPMENTS = 100
MAX_LINES = 2_000
_DECIMAL = re.compile(r"^[0-9]+(\.[0-9]{1,6})?$")


def _printable(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError("it holds characters that cannot be shown")
    return text


def _as_text(value: object) -> object:
    if isinstance(value, str) and len(value) <= 30 and _DECIMAL.match(value):
        return value
    raise ValueError('money is decimal text, such as "12.50"')


def _words(most: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=most)


Words = Annotated[str, _words(200), AfterValidator(_printable)]
Short = Annotated[str, _words(100), AfterValidator(_printable)]
Reference = Annotated[str, _words(150), AfterValidator(_printable)]
Name = Annotated[str, _words(500), AfterValidator(_printable)]
Units = Annotated[int, Field(strict=True, ge=1, le=MAX_UNITS)]
Difference = Annotated[int, Field(strict=True, ge=-MAX_UNITS, le=MAX_UNITS)]
Amount = Annotated[
    Decimal,
    BeforeValidator(_as_text),
    Field(ge=0, le=MAX_AMOUNT, decimal_places=6),
    WithJsonSchema({"type": "string", "pattern": _DECIMAL.pattern, "examples": ["12.50"]}),
]


class Body(BaseModel):
    """Base of all: frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Body):
    """No fields; an empty body will do."""


class ShipLine(Body):
    """Units of one line that leave."""

    line_id: UUID
    qty: Units


class Ship(Body):
    """What leaves: all that is left of the order, or the named lines."""

    carrier: Short
    waybill: Short
    lines: Annotated[list[ShipLine], Field(min_length=1, max_length=MAX_LINES)] | None = None

    @model_validator(mode="after")
    def _each_line_once(self) -> "Ship":
        if self.lines is not None and len({one.line_id for one in self.lines}) < len(self.lines):
            raise ValueError("a line is named twice")
        return self

    @property
    def quantities(self) -> dict[UUID, int] | None:
        """Line id -> units, None = all that is left."""
        return None if self.lines is None else {one.line_id: one.qty for one in self.lines}


class Parcel(Ship):
    """One of many shipments; `key` is its idempotency key."""

    order_id: UUID
    key: Short | None = None


class Shipments(Body):
    """Shipments of many orders."""

    shipments: Annotated[list[Parcel], Field(min_length=1, max_length=MAX_SHIPMENTS)]


class Cancel(Body):
    """Why an order is cancelled."""

    reason: Words


class Hold(Body):
    """Why an order is held, and whether it keeps its units."""

    reason: Words
    keep_stock: Annotated[bool, Field(strict=True)] = True


class NewSku(Body):
    """A Sku to be added; one with this code stays as it is."""

    code: Words
    name: Name
    barcode: Short | None = None


class Receipt(Body):
    """Goods that arrived. The same reference for the same Sku is booked once."""

    sku: Words
    qty: Units
    unit_cost: Amount
    reference: Reference


class Adjustment(Body):
    """A difference found. The same reference for the same Sku is booked once."""

    sku: Words
    qty_delta: Difference
    reason: Words
    reference: Reference


class ShopChange(Body):
    """What changes at a shop; what is absent stays."""

    buffer_units: Annotated[int, Field(strict=True, ge=0, le=MAX_BUFFER_UNITS)] | None = None
    poll_seconds: Annotated[int, Field(strict=True, ge=1, le=MAX_POLL_SECONDS)] | None = None

    @model_validator(mode="after")
    def _something(self) -> "ShopChange":
        if self.buffer_units is None and self.poll_seconds is None:
            raise ValueError("name buffer_units, poll_seconds or both")
        return self


class Move(Body):
    """What a move of a case asks for."""

    note: Annotated[str, StringConstraints(max_length=400), AfterValidator(_printable)] | None = None
    sku: Words | None = None
