"""What one event does to the books: a voucher draft, its sub-ledger rows, a receivable, new stock values. Pure.

Invariants: every stock move of an event gets exactly one sub-ledger row; the entries are composed from those rows, so
the voucher expands back to them; an event is decided as a whole or blocked as a whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from finance import costing
from finance.book import Book, Rule
from finance.costing import Level, TooFewError
from finance.errors import Block, PostingBlocked
from finance.events import ADJUSTED, FULFILLED, RECEIVED, Adjusted, Fact, Fulfilled, Received, SoldLine
from finance.ledger import Draft
from finance.rules import Part, Taxed, compose, split_vat, summarise
from hub.core.ids import derive
from hub.core.money import ZERO, add, round_money

GOODS = "goods"
LOSS = f"{ADJUSTED}.loss"
GAIN = f"{ADJUSTED}.gain"


@dataclass(frozen=True, slots=True)
class Detail:
    """One sub-ledger row to be. `qty` and `cost` are signed from the stock's side."""

    id: UUID
    kind: str
    at: datetime
    sku_id: int
    warehouse_id: int | None
    move_id: UUID | None
    qty: int
    cost: Decimal
    gross: Decimal = ZERO
    net: Decimal = ZERO
    vat: Decimal = ZERO
    shop_id: int | None = None
    order_id: UUID | None = None
    order_line_id: UUID | None = None

    def part(self) -> Part:
        """The row as rules see it: amounts without sign, the rule's side says which way they go."""
        amounts = {"gross": self.gross, "net": self.net, "vat": self.vat, "cost": abs(self.cost)}
        return Part(amounts, self.shop_id, self.warehouse_id)


@dataclass(frozen=True, slots=True)
class Item:
    """A receivable to be opened: what a platform owes for one shipment of an order."""

    shop_id: int
    order_id: UUID
    kind: str
    currency: str
    amount: Decimal
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Posting:
    """All rows of one event. `draft` is None when nothing of it had a value."""

    event_id: UUID
    draft: Draft | None
    details: tuple[Detail, ...]
    item: Item | None
    levels: Mapping[int, Level]


def decide(book: Book, fact: Fact, levels: Mapping[int, Level]) -> Posting:
    """The postings of an event, given the stock values before it. Raises PostingBlocked."""
    if isinstance(fact, Fulfilled):
        return _decide_fulfilled(book, fact, levels)
    if isinstance(fact, Received):
        return _decide_received(book, fact, levels)
    return _decide_adjusted(book, fact, levels)


def detail_id(book_id: int, event_id: UUID, row: int) -> UUID:
    """The id of an event's n-th sub-ledger row."""
    return derive("subledger", book_id, event_id, row)


def _decide_fulfilled(book: Book, fact: Fulfilled, levels: Mapping[int, Level]) -> Posting:
    if fact.currency != book.currency:
        raise PostingBlocked(
            Block.CURRENCY, currency=fact.currency, book_currency=book.currency, number=fact.number, **_order(fact)
        )
    day = book.day_of(fact.at)
    rule, rate = book.rule(FULFILLED, day), book.rate(GOODS, day)
    taxed = split_vat([round_money(line.amount, book.currency) for line in fact.lines], rate, book.currency)
    changed: dict[int, Level] = {}
    details = []
    for row, (line, amounts) in enumerate(zip(fact.lines, taxed, strict=True)):
        level = changed.get(line.sku_id, levels.get(line.sku_id, Level()))
        cost, changed[line.sku_id] = _issue(book, level, line.sku_id, line.qty, **_order(fact))
        details.append(_sale(fact, line, amounts, row_id=detail_id(book.id, fact.event_id, row), cost=cost))
    draft = _draft(book, fact, rule, details, source=("shipment", fact.shipment_id), words={"number": fact.number})
    gross = add(detail.gross for detail in details)
    item = Item(fact.shop_id, fact.order_id, "sale", fact.currency, gross, fact.at) if gross else None
    return Posting(fact.event_id, draft, tuple(details), item, changed)


def _decide_received(book: Book, fact: Received, levels: Mapping[int, Level]) -> Posting:
    rule = book.rule(RECEIVED, book.day_of(fact.at))
    value = round_money(fact.unit_cost * fact.qty, book.currency)
    level = costing.receive(levels.get(fact.sku_id, Level()), fact.qty, value)
    detail = _moved(book, fact, "receipt", fact.qty, value)
    draft = _draft(book, fact, rule, [detail], source=("receipt", fact.move_id), words={"reference": fact.reference})
    return Posting(fact.event_id, draft, (detail,), None, {fact.sku_id: level})


def _decide_adjusted(book: Book, fact: Adjusted, levels: Mapping[int, Level]) -> Posting:
    level = levels.get(fact.sku_id, Level())
    if fact.qty_delta < 0:
        cost, level = _issue(book, level, fact.sku_id, -fact.qty_delta)
        rule_set, change = LOSS, -cost
    else:
        change = _found_value(book, fact, level)
        rule_set, level = GAIN, costing.receive(level, fact.qty_delta, change)
    rule = book.rule(rule_set, book.day_of(fact.at))
    detail = _moved(book, fact, "adjustment", fact.qty_delta, change)
    draft = _draft(book, fact, rule, [detail], source=("adjustment", fact.move_id), words={"reason": fact.reason})
    return Posting(fact.event_id, draft, (detail,), None, {fact.sku_id: level})


def _found_value(book: Book, fact: Adjusted, level: Level) -> Decimal:
    """Found units come in at the cost that was told, else at the average, so that the average stays."""
    unit_cost = level.unit_cost if fact.unit_cost is None else fact.unit_cost
    if fact.unit_cost is None and level == Level():
        raise PostingBlocked(Block.NO_COST, sku_id=fact.sku_id, qty=fact.qty_delta)
    return round_money(unit_cost * fact.qty_delta, book.currency)


def _issue(book: Book, level: Level, sku_id: int, qty: int, **about: object) -> tuple[Decimal, Level]:
    try:
        return costing.issue(level, qty, book.currency)
    except TooFewError:
        raise PostingBlocked(Block.NO_STOCK_VALUE, sku_id=sku_id, qty=qty, qty_in_books=level.qty, **about) from None


def _sale(fact: Fulfilled, line: SoldLine, amounts: Taxed, *, row_id: UUID, cost: Decimal) -> Detail:
    return Detail(
        id=row_id,
        kind="sale",
        at=fact.at,
        sku_id=line.sku_id,
        warehouse_id=line.warehouse_id,
        move_id=line.move_id,
        qty=-line.qty,
        cost=-cost,
        gross=amounts.gross,
        net=amounts.net,
        vat=amounts.vat,
        shop_id=fact.shop_id,
        order_id=fact.order_id,
        order_line_id=line.line_id,
    )


def _moved(book: Book, fact: Received | Adjusted, kind: str, qty: int, cost: Decimal) -> Detail:
    return Detail(
        id=detail_id(book.id, fact.event_id, 0),
        kind=kind,
        at=fact.at,
        sku_id=fact.sku_id,
        warehouse_id=fact.warehouse_id,
        move_id=fact.move_id,
        qty=qty,
        cost=cost,
    )


def _draft(
    book: Book,
    fact: Fact,
    rule: Rule,
    details: Sequence[Detail],
    *,
    source: tuple[str, UUID],
    words: Mapping[str, str],
) -> Draft | None:
    entries = compose(rule.lines, [detail.part() for detail in details], book.account)
    if not entries:
        return None
    sold = fact if isinstance(fact, Fulfilled) else None
    return Draft(
        book_id=book.id,
        currency=book.currency,
        event_id=fact.event_id,
        rule_set=rule.rule_set,
        rule_id=rule.id,
        word=rule.word,
        business_date=book.day_of(fact.at),
        summary=summarise(rule.summary, **words),
        source_type=source[0],
        source_id=str(source[1]),
        entries=entries,
        shop_id=sold.shop_id if sold else None,
        order_id=sold.order_id if sold else None,
    )


def _order(fact: Fulfilled) -> dict[str, object]:
    return {"order_id": str(fact.order_id), "shop_id": fact.shop_id}
