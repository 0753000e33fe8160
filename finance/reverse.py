"""Takes a posted voucher back by a red one (红字冲销): the same accounts and sides, negative amounts, both kept.

Invariants: a voucher is reversed at most once and a reversal never; the sub-ledger, the stock values and the receivable
are taken back with it, so that they go on agreeing with the ledger; the number of the original is never used again.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from finance import costing
from finance.approve import approval_id
from finance.book import Book, load_of, voucher_id
from finance.costing import Level, TooFewError
from finance.errors import NotReversible
from finance.ledger import Draft, post_many
from finance.posting import detail_id
from finance.rules import DraftEntry
from finance.tables import entry, receivable, subledger, voucher
from hub.core import audit
from hub.core.clock import utcnow
from hub.core.errors import NotFound
from hub.core.ids import derive

RULE_SET = "reversal"


def reversal_id(book_id: int, original_id: UUID) -> UUID:
    """The id that the reversal of this voucher has or would have."""
    return voucher_id(book_id, derive("reverse", original_id), RULE_SET)


async def reverse(session: AsyncSession, original_id: UUID, actor: str, reason: str) -> UUID:
    """Post the red copy of a voucher. Returns its id, old or new. Raises NotFound, NotReversible."""
    original = await _take(session, original_id)
    await _refuse_approved_or_red(session, original)
    book = await load_of(session, original.book_id)
    details = (await session.execute(_details_of(original.id))).all()
    levels = await costing.lock(session, book.id, sorted({row.sku_id for row in details}))
    draft = await _red_draft(session, book, original, actor, reason)
    if draft.id not in await post_many(session, [draft]):
        return draft.id
    await costing.save(session, book.id, _taken_back(levels, details))
    if details:
        rows = [_red_detail(row, draft, number) for number, row in enumerate(details)]
        await session.execute(insert(subledger), rows)
    await _take_items_back(session, original, draft.event_id)
    await audit.record(session, actor, "voucher.reversed", f"voucher:{original.id}", reason=reason, red=str(draft.id))
    return draft.id


async def _take(session: AsyncSession, original_id: UUID) -> Row[Any]:
    found = await session.execute(select(voucher).where(voucher.c.id == original_id).with_for_update())
    original = found.one_or_none()
    if original is None:
        raise NotFound("There is no voucher %(voucher_id)s.", voucher_id=str(original_id))
    return original


async def _refuse_approved_or_red(session: AsyncSession, original: Row[Any]) -> None:
    if original.reversal_of is not None:
        raise NotReversible("A reversal is not reversed: post the right voucher instead.")
    approved = approval_id(original.book_id, original.id, original.rule_set)
    if approved is None:
        return
    red = voucher.alias()
    standing = (
        select(voucher.c.id)
        .outerjoin(red, red.c.reversal_of == voucher.c.id)
        .where(voucher.c.id == approved, red.c.id.is_(None))
    )
    if (await session.execute(standing)).first() is not None:
        raise NotReversible("The adjustment has been approved: reverse the approval first.")


async def _red_draft(session: AsyncSession, book: Book, original: Row[Any], actor: str, reason: str) -> Draft:
    entries = await session.execute(select(entry).where(entry.c.voucher_id == original.id).order_by(entry.c.line))
    return Draft(
        book_id=book.id,
        currency=book.currency,
        event_id=derive("reverse", original.id),
        rule_set=RULE_SET,
        rule_id=original.rule_id,
        word=original.word,
        business_date=book.day_of(utcnow()),
        summary=f"冲销 {original.period} {original.word}-{original.number} {reason}"[:200],
        source_type="voucher",
        source_id=str(original.id),
        entries=tuple(
            DraftEntry(row.account_id, row.debit, row.credit, row.shop_id, row.warehouse_id).red() for row in entries
        ),
        shop_id=original.shop_id,
        order_id=original.order_id,
        reversal_of=original.id,
        made_by=actor,
    )


def _taken_back(levels: dict[int, Level], details: Sequence[Row[Any]]) -> dict[int, Level]:
    changed = dict(levels)
    try:
        for row in details:
            changed[row.sku_id] = costing.receive(changed[row.sku_id], -row.qty, -row.cost)
    except TooFewError:
        raise NotReversible("The units of this voucher have left the stock at another cost since.") from None
    return changed


def _details_of(voucher_id: UUID) -> Any:
    return select(subledger).where(subledger.c.voucher_id == voucher_id).order_by(subledger.c.id)


def _red_detail(row: Row[Any], draft: Draft, number: int) -> dict[str, Any]:
    amounts = {name: -row._mapping[name] for name in ("qty", "gross", "net", "vat", "cost")}
    return (
        dict(row._mapping)
        | amounts
        | {
            "id": detail_id(draft.book_id, draft.event_id, number),
            "event_id": draft.event_id,
            "voucher_id": draft.id,
            "kind": "reversal",
            "at": utcnow(),
            "move_id": None,
        }
    )


async def _take_items_back(session: AsyncSession, original: Row[Any], event_id: UUID) -> None:
    """The red item settles the black one: nothing stays open. Money that has come in must be dealt with first."""
    own = (receivable.c.book_id == original.book_id, receivable.c.event_id == original.event_id)
    for item in (await session.execute(select(receivable).where(*own).with_for_update())).all():
        if item.settled:
            raise NotReversible("Money has been settled against this receivable.")
        settled = update(receivable).where(receivable.c.id == item.id).values(settled=item.amount, closed=True)
        await session.execute(settled)
        red = {
            "id": derive("receivable", item.book_id, item.shop_id, item.order_id, item.kind, event_id),
            "event_id": event_id,
            "amount": -item.amount,
            "settled": -item.amount,
            "opened_at": utcnow(),
            "closed": True,
        }
        await session.execute(insert(receivable).values(**dict(item._mapping) | red))
