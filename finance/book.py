"""A book as a posting needs it: its accounts by role, its rules and tax rates by date, its days by its own clock.

Invariant: what a voucher looks like depends on the event's business date alone, not on the day on which it is posted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from finance.errors import Block, PostingBlocked
from finance.rules import RuleLine, read_lines
from finance.tables import account_role, book, posting_rule, tax_rate
from hub.core.errors import NotFound
from hub.core.ids import derive

MAIN = "MAIN"


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a posting rule. `rule_set` is the same for all its versions."""

    id: int
    rule_set: str
    version: int
    valid_from: date
    word: str
    summary: str
    lines: tuple[RuleLine, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Everything about one book that decides a posting. Sequences are newest first."""

    id: int
    currency: str
    zone: ZoneInfo
    roles: Mapping[str, int]
    rules: Mapping[str, Sequence[Rule]]
    rates: Mapping[str, Sequence[tuple[date, Decimal]]]

    def day_of(self, at: datetime) -> date:
        """The business date of an instant."""
        return at.astimezone(self.zone).date()

    def account(self, role: str) -> int:
        """The account of a role. Raises PostingBlocked."""
        if role not in self.roles:
            raise PostingBlocked(Block.NO_ACCOUNT, role=role)
        return self.roles[role]

    def rule(self, rule_set: str, day: date) -> Rule:
        """The version that is valid on that day. Raises PostingBlocked."""
        for rule in self.rules.get(rule_set, ()):
            if rule.valid_from <= day:
                return rule
        raise PostingBlocked(Block.NO_RULE, rule_set=rule_set, date=day.isoformat())

    def rate(self, tax_code: str, day: date) -> Decimal:
        """The tax rate that is valid on that day. Raises PostingBlocked."""
        for valid_from, rate in self.rates.get(tax_code, ()):
            if valid_from <= day:
                return rate
        raise PostingBlocked(Block.NO_TAX_RATE, tax_code=tax_code, date=day.isoformat())


def voucher_id(book_id: int, event_id: UUID, rule_set: str) -> UUID:
    """The id of the one voucher of (book, event, rule line set)."""
    return derive("voucher", book_id, event_id, rule_set)


async def load(session: AsyncSession, code: str = MAIN) -> Book:
    """The book with this code. Raises NotFound."""
    return await _load(session, book.c.code == code, code)


async def load_of(session: AsyncSession, book_id: int) -> Book:
    """The book with this id. Raises NotFound."""
    return await _load(session, book.c.id == book_id, book_id)


async def _load(session: AsyncSession, which: ColumnElement[bool], name: object) -> Book:
    head = (await session.execute(select(book).where(which))).one_or_none()
    if head is None:
        raise NotFound("There is no book %(code)s.", code=name)
    roles = await session.execute(
        select(account_role.c.role, account_role.c.account_id).where(account_role.c.book_id == head.id)
    )
    return Book(
        id=head.id,
        currency=head.currency,
        zone=ZoneInfo(head.timezone),
        roles={row.role: row.account_id for row in roles},
        rules=await _rules(session, head.id),
        rates=await _rates(session, head.id),
    )


async def _rules(session: AsyncSession, book_id: int) -> dict[str, list[Rule]]:
    newest_first = (posting_rule.c.valid_from.desc(), posting_rule.c.version.desc())
    rows = await session.execute(select(posting_rule).where(posting_rule.c.book_id == book_id).order_by(*newest_first))
    rules: dict[str, list[Rule]] = {}
    for row in rows:
        lines = read_lines(row.lines)
        rule = Rule(row.id, row.topic, row.version, row.valid_from, row.word, row.summary, lines)
        rules.setdefault(row.topic, []).append(rule)
    return rules


async def _rates(session: AsyncSession, book_id: int) -> dict[str, list[tuple[date, Decimal]]]:
    rows = await session.execute(
        select(tax_rate).where(tax_rate.c.book_id == book_id).order_by(tax_rate.c.valid_from.desc())
    )
    rates: dict[str, list[tuple[date, Decimal]]] = {}
    for row in rows:
        rates.setdefault(row.code, []).append((row.valid_from, row.rate))
    return rates
