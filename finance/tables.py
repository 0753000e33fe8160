"""The tables of the books.

Invariants kept by PostgreSQL (triggers in the migration): a posted voucher and its entries never change; at commit the
debits of every voucher equal its credits; one voucher per (book, event, rule line set); a stock move has one sub-ledger
row; numbers are unique per (book, period, word) and given from a locked counter row, so there are no gaps.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hub.core.db import Amount, Instant, UnitAmount, metadata

AverageCost = Numeric(28, 12)
"""Carried from receipt to issue; twelve digits keep a million units of it exact to a hundredth of a cent."""

book = Table(
    "book",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False, server_default=text("'CNY'")),
    Column("timezone", Text, nullable=False, server_default=text("'Asia/Shanghai'")),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
)

account = Table(
    "account",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("book_id", BigInteger, ForeignKey("book.id"), nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    UniqueConstraint("book_id", "code", name="uq_account_code"),
    CheckConstraint("kind IN ('asset', 'liability', 'equity', 'income', 'expense')", name="kind"),
)

account_role = Table(
    "account_role",
    metadata,
    Column("book_id", BigInteger, ForeignKey("book.id"), primary_key=True),
    Column("role", Text, primary_key=True),  # finance record, section 2: bank, ar_platform, inventory, cogs, ...
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
)

posting_rule = Table(
    "posting_rule",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("book_id", BigInteger, ForeignKey("book.id"), nullable=False),
    Column("topic", Text, nullable=False),  # the event (or the side of it) that these lines answer: the rule line set
    Column("version", Integer, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("word", Text, nullable=False, server_default=text("'记'")),
    Column("summary", Text, nullable=False),  # 摘要 template: $number, $reference, $reason
    Column("lines", JSONB, nullable=False),  # [{side: debit|credit, role, amount: gross|net|vat|cost, dimensions}]
    UniqueConstraint("book_id", "topic", "version", name="uq_posting_rule_version"),
)

tax_rate = Table(
    "tax_rate",
    metadata,
    Column("book_id", BigInteger, ForeignKey("book.id"), primary_key=True),
    Column("code", Text, primary_key=True),  # 'goods'
    Column("valid_from", Date, primary_key=True),
    Column("rate", UnitAmount, nullable=False),  # 0.13
)

period = Table(
    "period",
    metadata,
    Column("book_id", BigInteger, ForeignKey("book.id"), primary_key=True),
    Column("code", Text, primary_key=True),  # '2026-11'
    Column("state", Text, nullable=False, server_default=text("'open'")),
    CheckConstraint("state IN ('open', 'closed', 'locked')", name="state"),
)

voucher_counter = Table(
    "voucher_counter",
    metadata,
    Column("book_id", BigInteger, ForeignKey("book.id"), primary_key=True),
    Column("period", Text, primary_key=True),
    Column("word", Text, primary_key=True),
    Column("last", Integer, nullable=False, server_default=text("0")),
)

voucher = Table(
    "voucher",
    metadata,
    Column("id", Uuid, primary_key=True),  # derive('voucher', book, event id, rule line set)
    Column("book_id", BigInteger, ForeignKey("book.id"), nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("rule_set", Text, nullable=False),  # posting_rule.topic whatever its version, or 'reversal'
    Column("rule_id", BigInteger, ForeignKey("posting_rule.id")),
    Column("state", Text, nullable=False, server_default=text("'draft'")),
    Column("period", Text, nullable=False),
    Column("word", Text, nullable=False),
    Column("number", Integer),
    Column("date", Date, nullable=False),  # accounting date
    Column("business_date", Date, nullable=False),
    Column("summary", Text, nullable=False),
    Column("total", Amount, nullable=False),
    Column("source_type", Text, nullable=False),  # shipment | receipt | adjustment | voucher
    Column("source_id", Text, nullable=False),
    Column("shop_id", BigInteger, ForeignKey("shop.id")),
    Column("order_id", Uuid),
    Column("reversal_of", Uuid, ForeignKey("voucher.id")),
    Column("made_by", Text, nullable=False),
    Column("posted_at", Instant),
    Column("posted_by", Text),
    CheckConstraint("state IN ('draft', 'posted')", name="state"),
    CheckConstraint("(state = 'posted') = (number IS NOT NULL AND posted_at IS NOT NULL)", name="posted"),
    Index("uq_voucher_number", "book_id", "period", "word", "number", unique=True),
    Index("uq_voucher_event", "event_id", "rule_set", "book_id", unique=True),
    Index("uq_voucher_reversal", "reversal_of", unique=True, postgresql_where=text("reversal_of IS NOT NULL")),
    Index("ix_voucher_order", "order_id"),
    Index("ix_voucher_list", "book_id", "period", "number", "id"),
)

entry = Table(
    "entry",
    metadata,
    Column("voucher_id", Uuid, ForeignKey("voucher.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("summary", Text, nullable=False),
    Column("debit", Amount, nullable=False),
    Column("credit", Amount, nullable=False),
    Column("currency", Text, nullable=False),
    Column("shop_id", BigInteger, ForeignKey("shop.id")),
    Column("warehouse_id", BigInteger),
    CheckConstraint("debit * credit = 0", name="one_side"),
    Index("ix_entry_account", "account_id", "voucher_id"),
)

subledger = Table(
    "subledger",
    metadata,
    Column("id", Uuid, primary_key=True),  # derive('subledger', book, event id, row)
    Column("book_id", BigInteger, ForeignKey("book.id"), nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("voucher_id", Uuid, ForeignKey("voucher.id")),  # NULL when nothing of the event had a value
    Column("kind", Text, nullable=False),  # sale | receipt | adjustment | reversal
    Column("at", Instant, nullable=False),
    Column("sku_id", BigInteger, nullable=False),
    Column("warehouse_id", BigInteger),
    Column("move_id", Uuid),  # NULL on a reversal: it moves money, not goods
    Column("order_id", Uuid),
    Column("order_line_id", Uuid),
    Column("shop_id", BigInteger),
    Column("qty", BigInteger, nullable=False),  # signed, from the stock's side
    Column("gross", Amount, nullable=False, server_default=text("0")),
    Column("net", Amount, nullable=False, server_default=text("0")),
    Column("vat", Amount, nullable=False, server_default=text("0")),
    Column("cost", Amount, nullable=False, server_default=text("0")),  # signed change of stock value
    Index("ix_subledger_voucher", "voucher_id"),
    Index("ix_subledger_sku", "sku_id", "at"),
    Index("ix_subledger_order", "order_id", postgresql_where=text("order_id IS NOT NULL")),
    Index("uq_subledger_move", "book_id", "move_id", unique=True, postgresql_where=text("move_id IS NOT NULL")),
)

stock_value = Table(
    "stock_value",
    metadata,
    Column("book_id", BigInteger, ForeignKey("book.id"), primary_key=True),
    Column("sku_id", BigInteger, primary_key=True),
    Column("qty", BigInteger, nullable=False, server_default=text("0")),
    Column("value", Amount, nullable=False, server_default=text("0")),
    Column("unit_cost", AverageCost, nullable=False, server_default=text("0")),  # set by receipts; kept at qty 0
    CheckConstraint("qty >= 0 AND value >= 0 AND (qty > 0 OR value = 0)", name="never_negative"),
)

receivable = Table(
    "receivable",
    metadata,
    Column("id", Uuid, primary_key=True),  # derive('receivable', book, shop, order, kind, event id)
    Column("book_id", BigInteger, ForeignKey("book.id"), nullable=False),
    Column("shop_id", BigInteger, ForeignKey("shop.id"), nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),  # sale
    Column("currency", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("settled", Amount, nullable=False, server_default=text("0")),
    Column("opened_at", Instant, nullable=False),
    Column("closed", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("closed = (settled = amount)", name="closed"),
    UniqueConstraint("book_id", "shop_id", "order_id", "kind", "event_id", name="uq_receivable_item"),
    Index("ix_receivable_open", "shop_id", "opened_at", postgresql_where=text("NOT closed")),
)
