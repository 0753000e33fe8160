"""What a reader of the books gets: one type per list, amounts are Decimal in the book's currency.

Invariant: plain values only; nothing here knows SQL or the web.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

Key = tuple[str, int, UUID]
ItemKey = tuple[dt.datetime, UUID]


@dataclass(frozen=True, slots=True)
class VoucherFilter:
    """Which vouchers; everything that is given must hold. `text` is a number, or part of the summary."""

    period: str | None = None
    shop_id: int | None = None
    order_id: UUID | None = None
    rule_set: str | None = None
    source_type: str | None = None
    account_id: int | None = None
    date_from: dt.date | None = None
    date_to: dt.date | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class VoucherRow:
    """One voucher in a list. `key` starts the page after it. `reversed_by`, `reversal_of`: its red or black twin."""

    id: UUID
    period: str
    word: str
    number: int
    date: dt.date
    business_date: dt.date
    summary: str
    total: Decimal
    rule_set: str
    source_type: str
    source_id: str
    shop_id: int | None
    shop_name: str | None
    order_id: UUID | None
    reversal_of: UUID | None
    reversed_by: UUID | None
    made_by: str
    posted_by: str
    posted_at: dt.datetime

    @property
    def key(self) -> Key:
        """Where the list goes on after this row."""
        return (self.period, self.number, self.id)


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One line of a voucher."""

    line: int
    account_id: int
    account_code: str
    account_name: str
    summary: str
    debit: Decimal
    credit: Decimal
    currency: str
    shop_id: int | None
    shop_name: str | None
    warehouse_id: int | None
    warehouse_code: str | None


@dataclass(frozen=True, slots=True)
class DetailRow:
    """One sub-ledger row: the move and the order line behind a voucher. `qty` and `cost` from the stock's side."""

    id: UUID
    kind: str
    at: dt.datetime
    sku_id: int
    sku_code: str | None
    sku_name: str | None
    warehouse_code: str | None
    move_id: UUID | None
    order_id: UUID | None
    order_line_id: UUID | None
    shop_id: int | None
    qty: int
    gross: Decimal
    net: Decimal
    vat: Decimal
    cost: Decimal
    voucher_id: UUID | None


@dataclass(frozen=True, slots=True)
class VoucherDetail:
    """A voucher opened: entries, the rows that add up to them, and the ways back to its cause."""

    voucher: VoucherRow
    entries: list[EntryRow]
    details: list[DetailRow]
    order_number: str | None
    order_external_id: str | None
    shipment_id: UUID | None


@dataclass(frozen=True, slots=True)
class ReceivableRow:
    """What a platform owes for one shipment of an order; a reversal is a negative row that settles its twin."""

    id: UUID
    shop_id: int
    shop_name: str
    order_id: UUID
    order_number: str | None
    event_id: UUID
    kind: str
    currency: str
    amount: Decimal
    settled: Decimal
    opened_at: dt.datetime
    closed: bool

    @property
    def open_amount(self) -> Decimal:
        """Still owed."""
        return self.amount - self.settled

    @property
    def key(self) -> ItemKey:
        """Where the list goes on after this row."""
        return (self.opened_at, self.id)


@dataclass(frozen=True, slots=True)
class ShopReceivables:
    """The receivables of one shop in one currency."""

    shop_id: int
    shop_name: str
    currency: str
    items: int
    items_open: int
    amount: Decimal
    settled: Decimal
    open_amount: Decimal


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One account of a trial balance; `balance` is debit minus credit."""

    account_id: int
    code: str
    name: str
    kind: str
    debit: Decimal
    credit: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole book in four figures."""

    vouchers: int
    entries: int
    debit: Decimal
    credit: Decimal


@dataclass(frozen=True, slots=True)
class BookTotals(Totals):
    """The whole book and its goods, all of one moment."""

    stock_value: Decimal
    inventory_balance: Decimal


@dataclass(frozen=True, slots=True)
class StockAgainstLedger:
    """The value of the units in the books against the balance of the inventory account; equal or something is wrong."""

    units: int
    stock_value: Decimal
    ledger_balance: Decimal

    @property
    def difference(self) -> Decimal:
        """Stock value minus ledger balance: 0.00."""
        return self.stock_value - self.ledger_balance


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One SKU as the books hold it."""

    sku_id: int
    sku_code: str | None
    sku_name: str | None
    qty: int
    value: Decimal
    unit_cost: Decimal


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """One accounting period."""

    code: str
    state: str
    vouchers: int
