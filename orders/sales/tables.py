"""The tables of sales orders.

Invariants: one order per (shop, external id) and one line per (order, external line id), under derived ids; every
answer of a channel is kept raw and sealed before anything acts on it; state changes follow lifecycle.TRANSITIONS only.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hub.core.db import Amount, Instant, UnitAmount, metadata

raw_answer = Table(
    "raw_answer",
    metadata,
    Column("shop_id", BigInteger, ForeignKey("shop.id"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),  # sha256 of the body: a page read twice is kept once
    Column("source", Text, nullable=False),  # pull | webhook
    Column("event_id", Text),  # the channel's id of a webhook
    Column("body", LargeBinary, nullable=False),  # sealed
    Column("received_at", Instant, nullable=False, server_default=func.now()),
    Index("ix_raw_answer_received", "received_at"),
    Index("uq_raw_answer_event", "shop_id", "event_id", unique=True, postgresql_where=text("event_id IS NOT NULL")),
)

sales_order = Table(
    "sales_order",
    metadata,
    Column("id", Uuid, primary_key=True),  # derive('order', shop_id, external_id)
    Column("shop_id", BigInteger, ForeignKey("shop.id"), nullable=False),
    Column("external_id", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    Column("channel_status", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("1")),
    Column("cancel", Boolean, nullable=False, server_default=text("false")),
    Column("claimed", Boolean, nullable=False, server_default=text("false")),  # its open units are reserved in the pool
    Column("currency", Text, nullable=False),
    Column("total", Amount),
    Column("shipping", Amount, nullable=False, server_default=text("0")),
    Column("units", BigInteger, nullable=False, server_default=text("0")),
    Column("body_hash", LargeBinary, nullable=False),
    Column("private", LargeBinary),  # sealed JSON: buyer and address
    Column("placed_at", Instant, nullable=False),
    Column("paid_at", Instant),
    Column("modified_at", Instant, nullable=False),  # the version of the channel's truth
    Column("recorded_at", Instant, nullable=False, server_default=func.now()),
    Column("decided_at", Instant),  # reserved, backordered
    Column("shipped_at", Instant),
    Column("lease_until", Instant, nullable=False, server_default=text("'-infinity'")),  # a worker is reserving it
    CheckConstraint(
        "state IN ('pending', 'unmapped', 'new', 'reserved', 'backordered', 'held', 'shipped', 'completed', "
        "'cancelled')",
        name="state",
    ),
    Index("uq_sales_order_external", "shop_id", "external_id", unique=True),
    Index("ix_sales_order_new", "recorded_at", postgresql_where=text("state = 'new'")),
    Index("ix_sales_order_backordered", "placed_at", postgresql_where=text("state = 'backordered'")),
    Index("ix_sales_order_list", "placed_at", "id"),
    Index("ix_sales_order_shop_list", "shop_id", "placed_at", "id"),
    Index("ix_sales_order_state_list", "state", "placed_at", "id"),
    Index("ix_sales_order_recorded", "recorded_at"),
    Index("ix_sales_order_number", "number"),
    Index("ix_sales_order_external_id", "external_id"),
)

order_line = Table(
    "order_line",
    metadata,
    Column("id", Uuid, primary_key=True),  # derive('line', order id, external line id)
    Column("order_id", Uuid, ForeignKey("sales_order.id"), nullable=False),
    Column("external_line_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("listing_id", BigInteger, ForeignKey("listing.id")),
    Column("sku_id", BigInteger, ForeignKey("sku.id")),  # NULL while the listing is not mapped
    Column("platform_sku", Text, nullable=False),
    Column("channel_sku", Text),
    Column("title", Text, nullable=False, server_default=text("''")),
    Column("qty", BigInteger, nullable=False),
    Column("qty_ordered", BigInteger, nullable=False),
    Column("qty_shipped", BigInteger, nullable=False, server_default=text("0")),
    Column("channel_shipped", BigInteger, nullable=False, server_default=text("0")),  # what the channel says has left
    Column("unit_price", UnitAmount, nullable=False),
    Column("discount", Amount, nullable=False),
    Column("tax", Amount, nullable=False),
    Column("shipping_share", Amount, nullable=False),
    Column("amount", Amount, nullable=False),  # what the buyer pays for the line, VAT and shipping share included
    CheckConstraint("qty >= 0 AND qty_shipped >= 0", name="qty"),
    Index("ix_order_line_order", "order_id", "position"),
    Index("ix_order_line_sku", "sku_id"),
    Index("ix_order_line_listing", "listing_id", postgresql_where=text("sku_id IS NULL")),
)

shipment = Table(
    "shipment",
    metadata,
    Column("id", Uuid, primary_key=True),  # derive('shipment', order id, attempt or idempotency key)
    Column("order_id", Uuid, ForeignKey("sales_order.id"), nullable=False),
    Column("shop_id", BigInteger, ForeignKey("shop.id"), nullable=False),
    Column("carrier", Text, nullable=False),
    Column("waybill", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("shipped_at", Instant, nullable=False, server_default=func.now()),
    Column("lines", JSONB, nullable=False),  # [{line_id, external_line_id, platform_sku, sku_id, qty, amount}]
    Column("told_at", Instant),  # the channel knows
    Column("tell_attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_tell_at", Instant, nullable=False, server_default=func.now()),
    Column("tell_error", Text),
    Index("ix_shipment_order", "order_id"),
    Index("ix_shipment_waybill", "waybill"),
    Index("ix_shipment_untold", "next_tell_at", postgresql_where=text("told_at IS NULL")),
)

order_event = Table(
    "order_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("order_id", Uuid, ForeignKey("sales_order.id"), nullable=False),
    Column("at", Instant, nullable=False, server_default=func.now()),
    Column("kind", Text, nullable=False),  # recorded | reserved | backordered | shipped | told | cancelled | ...
    Column("actor", Text, nullable=False, server_default=text("'hub'")),
    Column("facts", JSONB, nullable=False, server_default=text("'{}'")),
    Index("ix_order_event_order", "order_id", "id"),
)
