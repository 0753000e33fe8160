"""The adapter's reading of a marketplace: immutable, validated, and not our own order.

Money is Decimal in the order's currency; instants are aware UTC; ids are text so that nothing beyond 2^53 is rounded.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from channels.kit.text import storable

PlatformWords = Annotated[str, AfterValidator(storable)]
"""what a platform says: it goes into the log and the database"""


class OrderStatus(StrEnum):
    """The common statuses of channels.md section 0."""

    PENDING = "pending"
    TO_SHIP = "to_ship"
    PART_SHIPPED = "part_shipped"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    HOLD = "hold"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelLine(_Frozen):
    """One line of a marketplace order."""

    line_id: str = Field(min_length=1, max_length=100)
    sku: str | None = Field(default=None, max_length=200)
    """the seller's own code, None or empty when the listing carries none"""
    platform_sku: str = Field(default="", max_length=200)
    """the channel's id of what was bought; meets Listing.external_id"""
    title: str = Field(default="", max_length=500)
    qty: int = Field(ge=0, le=1_000_000)
    """current quantity, after edits and removals"""
    qty_ordered: int = Field(ge=0, le=1_000_000)
    qty_shipped: int = Field(default=0, ge=0)
    unit_price: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    """all discounts of the line, positive, order-level share included"""
    tax: Decimal = Decimal(0)
    shipping_share: Decimal = Decimal(0)
    cancel_requested: bool = False


class ChannelOrder(_Frozen):
    """One marketplace order as its adapter understood it."""

    external_id: str = Field(min_length=1, max_length=100)
    number: str = Field(default="", max_length=100)
    """what the buyer sees; may be empty"""
    status: OrderStatus
    currency: str = Field(min_length=3, max_length=3)
    total: Decimal | None
    """what the buyer pays, shipping and tax included; None when the channel does not say"""
    shipping: Decimal = Decimal(0)
    tax_included: bool = True
    """whether unit prices already contain the tax of the lines (False: tax comes on top)"""
    lines: tuple[ChannelLine, ...] = Field(max_length=2000)
    cancel_requested: bool = False
    placed_at: AwareDatetime
    paid_at: AwareDatetime | None = None
    modified_at: AwareDatetime
    buyer: Mapping[str, Any] = Field(default_factory=dict)
    ship_to: Mapping[str, Any] = Field(default_factory=dict)
    raw: Mapping[str, Any] = Field(default_factory=dict, repr=False)


class OrderPage(_Frozen):
    """A page of orders. `raw` is the answer as received; `complete_to` is set on the last page only: the instant up to
    which the feed has now been read without a gap (the next cursor). `refused` tells of orders in the page that could
    not be understood: (external id or '', reason)."""

    orders: tuple[ChannelOrder, ...]
    raw: bytes = Field(repr=False)
    complete_to: datetime | None = None
    refused: tuple[tuple[str, str], ...] = ()


class ChannelListing(_Frozen):
    """One sellable item of the channel, as its catalogue shows it."""

    external_id: str = Field(min_length=1, max_length=200)
    """equals ChannelLine.platform_sku of orders for it"""
    sku: str | None = Field(default=None, max_length=200)
    title: str = Field(default="", max_length=500)
    qty: int | None = None
    """what the channel shows for sale now"""
    keys: Mapping[str, str] = Field(default_factory=dict)
    """the further ids a push needs: {"num_iid", "sku_id"} or {"inventory_item_id", "location_id"}"""


class PushItem(_Frozen):
    """Set one listing to an absolute quantity."""

    listing_id: int
    external_id: str
    keys: Mapping[str, str] = Field(default_factory=dict)
    quantity: int = Field(ge=0)
    version: int
    """grows with each wanted change; with listing_id it is the idempotency key"""
    expected: int | None = None
    """what the channel should show before, for compare-and-set; None = do not compare"""


class PushOutcome(StrEnum):
    APPLIED = "applied"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class FailureClass(StrEnum):
    """What to do about a rejected item (channels.md section 0)."""

    RETRY = "retry"
    RETRY_AFTER = "retry_after"
    REAUTHORISE = "reauthorise"
    STOP = "stop"
    GIVE_UP = "give_up"


class PushResult(_Frozen):
    """What became of one PushItem."""

    listing_id: int
    outcome: PushOutcome
    handle: str = ""
    """for ACCEPTED: what to poll"""
    code: PlatformWords = ""
    message: PlatformWords = ""
    failure: FailureClass | None = None
    """for REJECTED"""
    wait_seconds: float | None = None
    """for RETRY_AFTER: what the platform named"""
    quantity_after: int | None = None
    """what the channel says it shows now, when it says so"""


class ShipmentLine(_Frozen):
    line_id: str
    platform_sku: str = ""
    quantity: int = Field(gt=0)


class ShipmentNotice(_Frozen):
    """Tell the channel that goods of one order have left."""

    order_id: str
    """external id"""
    shipment_key: str
    """our id of the shipment: idempotency key"""
    carrier: str
    """the channel's carrier code"""
    waybill: str
    lines: tuple[ShipmentLine, ...]
    shipped_at: AwareDatetime
