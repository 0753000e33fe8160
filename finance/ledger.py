"""The general ledger: turns drafts into posted vouchers. Append-only; a correction is a reversal.

Invariants: a voucher balances; there is one per (book, event, rule line set), so posting a draft again answers with the
voucher that is there; numbers run 1, 2, 3 ... per (book, period, word) without gaps, because the counter row is locked
in the transaction that posts and falls back with it. Rows are taken in one order everywhere: stock values, periods,
vouchers by id, counters by key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from finance.book import voucher_id
from finance.periods import Place, place
from finance.rules import DraftEntry, total_of
from finance.tables import entry, voucher, voucher_counter

HUB = "hub"


@dataclass(frozen=True, slots=True)
class Draft:
    """A voucher to be posted. `source_type` and `source_id` lead back to what caused it."""

    book_id: int
    currency: str
    event_id: UUID
    rule_set: str
    rule_id: int | None
    word: str
    business_date: date
    summary: str
    source_type: str
    source_id: str
    entries: tuple[DraftEntry, ...]
    shop_id: int | None = None
    order_id: UUID | None = None
    reversal_of: UUID | None = None
    made_by: str = HUB

    @property
    def id(self) -> UUID:
        """The id that the voucher has or will have."""
        return voucher_id(self.book_id, self.event_id, self.rule_set)


async def post(session: AsyncSession, draft: Draft) -> UUID:
    """Post one draft. Returns the voucher's id, old or new. Raises Unbalanced."""
    await post_many(session, [draft])
    return draft.id


async def post_many(session: AsyncSession, drafts: Sequence[Draft]) -> list[UUID]:
    """Post drafts of one book, numbered in the order given, with a handful of statements. Returns the new ids."""
    if not drafts:
        return []
    totals = {draft.id: total_of(draft.entries) for draft in drafts}
    book_id = drafts[0].book_id
    places = await place(session, book_id, (draft.business_date for draft in drafts))
    rows = [_voucher_row(draft, places[draft.business_date], totals[draft.id]) for draft in drafts]
    inserted = await session.execute(
        insert(voucher).on_conflict_do_nothing().returning(voucher.c.id), sorted(rows, key=lambda row: row["id"].bytes)
    )
    new = set(inserted.scalars())
    fresh = [draft for draft in drafts if draft.id in new]
    if fresh:
        await session.execute(insert(entry), [row for draft in fresh for row in _entry_rows(draft)])
        await _number(session, fresh, places)
    return [draft.id for draft in fresh]


async def _number(session: AsyncSession, drafts: Sequence[Draft], places: dict[date, Place]) -> None:
    """Draft -> posted. The counters are taken last, so that posters queue here only for the rest of their commit."""
    series: dict[tuple[str, str], list[Draft]] = {}
    for draft in drafts:
        series.setdefault((places[draft.business_date].period, draft.word), []).append(draft)
    numbers: dict[UUID, int] = {}
    for (period, word), members in sorted(series.items()):
        first = await _take(session, drafts[0].book_id, period, word, len(members))
        numbers |= {draft.id: first + index for index, draft in enumerate(members)}
    posted_by = [draft.made_by for draft in drafts]
    ids = [draft.id for draft in drafts]
    await session.execute(_FLIP, {"ids": ids, "numbers": [numbers[id_] for id_ in ids], "posted_by": posted_by})


async def _take(session: AsyncSession, book_id: int, period: str, word: str, count: int) -> int:
    """Take `count` numbers of a series; returns the first."""
    statement = insert(voucher_counter).values(book_id=book_id, period=period, word=word, last=count)
    result = await session.execute(
        statement.on_conflict_do_update(
            index_elements=["book_id", "period", "word"],
            set_={"last": voucher_counter.c.last + statement.excluded.last},
        ).returning(voucher_counter.c.last)
    )
    return int(result.scalar_one()) - count + 1


_FLIP = text(
    "UPDATE voucher SET state = 'posted', number = new.number, posted_at = now(), posted_by = new.posted_by"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS integer[]), CAST(:posted_by AS text[])"
    ") AS new (id, number, posted_by) WHERE voucher.id = new.id"
)


def _voucher_row(draft: Draft, where: Place, total: Decimal) -> dict[str, Any]:
    return {
        "id": draft.id,
        "book_id": draft.book_id,
        "event_id": draft.event_id,
        "rule_set": draft.rule_set,
        "rule_id": draft.rule_id,
        "period": where.period,
        "word": draft.word,
        "date": where.date,
        "business_date": draft.business_date,
        "summary": draft.summary,
        "total": total,
        "source_type": draft.source_type,
        "source_id": draft.source_id,
        "shop_id": draft.shop_id,
        "order_id": draft.order_id,
        "reversal_of": draft.reversal_of,
        "made_by": draft.made_by,
    }


def _entry_rows(draft: Draft) -> list[dict[str, Any]]:
    return [
        {
            "voucher_id": draft.id,
            "line": line,
            "account_id": made.account_id,
            "summary": draft.summary,
            "debit": made.debit,
            "credit": made.credit,
            "currency": draft.currency,
            "shop_id": made.shop_id,
            "warehouse_id": made.warehouse_id,
        }
        for line, made in enumerate(draft.entries, start=1)
    ]
