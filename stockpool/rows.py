"""The rows that the stock pool's queries return: plain, typed, frozen. Units are base units, instants are UTC.

Invariant: no row knows the database; what can be derived from its fields is a property of the row.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from stockpool.offers.rules import Waterfall


@dataclass(frozen=True, slots=True)
class StockFilter:
    """`search` matches code, name or barcode; `only` is 'all', 'in_stock', 'out_of_stock', 'reserved' or 'frozen'."""

    search: str = ""
    only: str = "all"


@dataclass(frozen=True, slots=True)
class StockRow:
    """One sku over all storage warehouses."""

    sku_id: int
    code: str
    name: str
    on_hand: int
    reserved: int
    free: int
    frozen: bool
    listings: int
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class LowRow:
    """A level that runs low; `version` tells one state of it from the next."""

    sku_id: int
    code: str
    warehouse_id: int
    free: int
    version: int


@dataclass(frozen=True, slots=True)
class SkuRow:
    """A sku of the catalogue."""

    id: int
    code: str
    name: str
    barcode: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LevelRow:
    """What one warehouse holds of a sku."""

    warehouse_id: int
    warehouse: str
    warehouse_name: str
    on_hand: int
    reserved: int
    free: int
    version: int
    frozen: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class SkuDetail:
    """A sku with its levels and sums."""

    sku: SkuRow
    levels: list[LevelRow]
    on_hand: int
    reserved: int
    free: int


@dataclass(frozen=True, slots=True)
class MoveRow:
    """A stock move; `delta` is signed as seen from storage (+ came in, - went out, 0 between warehouses)."""

    id: UUID
    at: datetime
    cause: str
    qty: int
    delta: int
    from_code: str
    to_code: str
    reference: str
    actor: str
    unit_cost: Decimal | None
    key: str | None


@dataclass(frozen=True, slots=True)
class ReservationRow:
    """A reservation; `ended` is None while it is open, else post, void or expire."""

    id: UUID
    key: str
    line: str
    attempt: int
    warehouse: str
    qty: int
    kind: str
    opened_at: datetime
    expires_at: datetime | None
    ended: str | None
    ended_at: datetime | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class ListingRow:
    """A listing with what it should show and what it was told."""

    id: int
    shop_id: int
    shop: str
    external_id: str
    channel_sku: str | None
    title: str
    sku_id: int | None
    publish: bool
    want_qty: int | None
    want_version: int
    want_at: datetime | None
    sent_qty: int | None
    sent_version: int
    sent_at: datetime | None
    last_error: str | None
    buffer_units: int

    @property
    def behind(self) -> bool:
        """Whether the channel shows an old number."""
        return self.publish and self.sku_id is not None and self.sent_version < self.want_version


@dataclass(frozen=True, slots=True)
class PushLogRow:
    """One answer of a channel to a pushed number."""

    id: int
    listing_id: int
    shop_id: int
    version: int
    quantity: int
    quantity_before: int | None
    wanted_at: datetime
    answered_at: datetime
    outcome: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ListingWaterfall:
    """Why a listing shows its number."""

    listing: ListingRow
    waterfall: Waterfall


@dataclass(frozen=True, slots=True)
class StockTotals:
    """The pool at a glance."""

    skus: int
    on_hand: int
    reserved: int
    free: int
    out_of_stock: int
    frozen: int
    unmapped_listings: int
    listings_behind: int
    dirty: int


@dataclass(frozen=True, slots=True)
class ShopPushes:
    """The listings of one shop. `behind` show an old number; `oldest_seconds`: for how long the oldest of them."""

    shop_id: int
    listings: int
    unmapped: int
    behind: int
    oldest_seconds: float | None
