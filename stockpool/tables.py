"""The tables of the stock pool.

Invariants kept here by PostgreSQL itself: on_hand >= 0; 0 <= reserved <= on_hand + backorder_allowed; a reservation
ends at most once (resolution's primary key); moves, reservations and resolutions are append-only (triggers in the
migration).
`dirty` and `listing` are work lists: what is behind there is driven until it is done.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Sequence,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hub.core.db import Instant, UnitAmount, metadata

sku = Table(
    "sku",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("barcode", Text),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("length(code) BETWEEN 1 AND 200", name="code_length"),
)

warehouse = Table(
    "warehouse",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("kind IN ('storage', 'supplier', 'customer', 'adjustment', 'transit', 'quality')", name="kind"),
)

stock_level = Table(
    "stock_level",
    metadata,
    Column("sku_id", BigInteger, ForeignKey("sku.id"), primary_key=True),
    Column("warehouse_id", BigInteger, ForeignKey("warehouse.id"), primary_key=True),
    Column("on_hand", BigInteger, nullable=False, server_default=text("0")),
    Column("reserved", BigInteger, nullable=False, server_default=text("0")),
    Column("backorder_allowed", BigInteger, nullable=False, server_default=text("0")),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("frozen", Boolean, nullable=False, server_default=text("false")),
    Column("changed_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("on_hand >= 0", name="on_hand"),
    CheckConstraint("reserved >= 0 AND reserved <= on_hand + backorder_allowed", name="reserved"),
    CheckConstraint("backorder_allowed >= 0", name="backorder_allowed"),
)

stock_move = Table(
    "stock_move",
    metadata,
    Column("id", Uuid, primary_key=True),  # derived from the cause, so a second booking meets the first
    Column("sku_id", BigInteger, ForeignKey("sku.id"), nullable=False),
    Column("from_id", BigInteger, ForeignKey("warehouse.id"), nullable=False),
    Column("to_id", BigInteger, ForeignKey("warehouse.id"), nullable=False),
    Column("qty", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),  # receive | ship | adjust | ...
    Column("reference", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("unit_cost", UnitAmount),  # of a receipt, in the book currency
    Column("reservation_id", Uuid, ForeignKey("reservation.id")),
    Column("at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("qty > 0", name="qty"),
    CheckConstraint("from_id <> to_id", name="places"),
    Index("ix_stock_move_sku", "sku_id", "at"),
    Index(
        "uq_stock_move_reservation", "reservation_id", unique=True, postgresql_where=text("reservation_id IS NOT NULL")
    ),
)

reservation = Table(
    "reservation",
    metadata,
    Column("id", Uuid, primary_key=True),  # derive(owner key, line, attempt)
    Column("key", Text, nullable=False),  # who claims: "order:<uuid>", "hold:<text>"
    Column("line", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("sku_id", BigInteger, nullable=False),
    Column("warehouse_id", BigInteger, nullable=False),
    Column("qty", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("expires_at", Instant),
    Column("opened_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("qty > 0", name="qty"),
    CheckConstraint("kind IN ('hold', 'claim')", name="kind"),
    CheckConstraint("(kind = 'hold') = (expires_at IS NOT NULL) OR kind = 'claim'", name="expiry"),
    Index("ix_reservation_key", "key"),
    Index("ix_reservation_sku", "sku_id", "warehouse_id", "opened_at"),
    Index("ix_reservation_expiry", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
)

resolution = Table(
    "resolution",
    metadata,
    Column("reservation_id", Uuid, ForeignKey("reservation.id"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("kind IN ('post', 'void', 'expire')", name="kind"),
)

gate = Table(
    "gate",
    metadata,
    Column("bucket", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("identity", Text, nullable=False),
    Column("bumped_at", Instant, nullable=False, server_default=func.now()),
    Column("bumps", Integer, nullable=False, server_default=text("0")),
)

# A number never comes twice, so "delete where n is unchanged" cannot meet a row that was deleted and marked again.
dirty_number = Sequence("dirty_number", metadata=metadata, data_type=BigInteger)

dirty = Table(
    "dirty",
    metadata,
    Column("sku_id", BigInteger, ForeignKey("sku.id"), primary_key=True),
    Column("n", BigInteger, nullable=False, server_default=dirty_number.next_value()),
    Column("since", Instant, nullable=False, server_default=func.now()),
    # shops that have changed their own number since: they are told again, even what they were told last
    Column("moved_shops", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")),
)

listing = Table(
    "listing",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("shop_id", BigInteger, ForeignKey("shop.id"), nullable=False),
    Column("external_id", Text, nullable=False),
    Column("channel_sku", Text),  # the seller's code as the channel shows it
    Column("title", Text, nullable=False, server_default=text("''")),
    Column("keys", JSONB, nullable=False, server_default=text("'{}'")),
    Column("sku_id", BigInteger, ForeignKey("sku.id")),  # NULL = quarantined: not published
    Column("publish", Boolean, nullable=False, server_default=text("true")),
    Column("want_qty", BigInteger),
    Column("want_version", BigInteger, nullable=False, server_default=text("0")),
    Column("want_at", Instant),
    Column("raise_at", Instant),  # when the wanted number last rose: a raise waits for the feed up to here
    Column("sent_qty", BigInteger),
    Column("sent_version", BigInteger, nullable=False, server_default=text("0")),
    Column("sent_at", Instant),
    Column("push_lease_until", Instant),  # one push in flight per listing
    Column("push_version", BigInteger),  # what is in flight
    Column("push_wanted_at", Instant),
    Column("next_push_at", Instant, nullable=False, server_default=func.now()),
    Column("push_failures", Integer, nullable=False, server_default=text("0")),
    Column("push_handle", Text),
    Column("last_error", Text),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    CheckConstraint("want_qty >= 0 AND sent_qty >= 0 AND sent_version <= want_version", name="quantities"),
    Index("uq_listing_external", "shop_id", "external_id", unique=True),
    Index("ix_listing_sku", "sku_id"),
    Index("ix_listing_behind", "shop_id", "want_at", postgresql_where=text("sent_version < want_version AND publish")),
)


push_log = Table(
    "push_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("listing_id", BigInteger, ForeignKey("listing.id"), nullable=False),
    Column("shop_id", BigInteger, nullable=False),
    Column("sku_id", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("quantity_before", BigInteger),  # last number sent before
    Column("wanted_at", Instant, nullable=False),  # when the number was computed
    Column("answered_at", Instant, nullable=False, server_default=func.now()),
    Column("outcome", Text, nullable=False),  # applied | accepted | rejected
    Column("code", Text, nullable=False, server_default=text("''")),
    Column("message", Text, nullable=False, server_default=text("''")),
    Index("ix_push_log_listing", "listing_id", "id"),
    Index("ix_push_log_sku", "sku_id", "answered_at"),
    Index("ix_push_log_answered", "answered_at"),
)
