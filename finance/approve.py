"""Ends what lies in 待处理财产损溢: a person approves a stocktake difference as normal loss or gain.

Invariant: an adjustment is approved once; its amount leaves the clearing account whole.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from finance.book import load_of, voucher_id
from finance.ledger import Draft, post
from finance.posting import GAIN, LOSS
from finance.rules import Part, compose, summarise
from finance.tables import voucher
from hub.core import audit
from hub.core.clock import utcnow
from hub.core.errors import NotFound, Refused
from hub.core.ids import derive

_APPROVAL_OF = {LOSS: "adjustment.approved.loss", GAIN: "adjustment.approved.gain"}


def approval_id(book_id: int, adjustment_id: UUID, rule_set: str) -> UUID | None:
    """The id that the approval of this voucher has or would have; None when it is no adjustment."""
    if rule_set not in _APPROVAL_OF:
        return None
    return voucher_id(book_id, derive("approve", adjustment_id), _APPROVAL_OF[rule_set])


async def approve(session: AsyncSession, adjustment_id: UUID, actor: str) -> UUID:
    """Post P14b or P15b for an adjustment's voucher. Returns the approval's voucher, old or new. Raises Refused."""
    row = (await session.execute(select(voucher).where(voucher.c.id == adjustment_id).with_for_update())).one_or_none()
    if row is None:
        raise NotFound("There is no voucher %(voucher_id)s.", voucher_id=str(adjustment_id))
    target = approval_id(row.book_id, row.id, row.rule_set)
    if target is None:
        raise Refused("This voucher is not a stock adjustment.")
    reversed_ids = select(voucher.c.id).where(voucher.c.reversal_of.in_([row.id, target]))
    if (await session.execute(reversed_ids)).first() is not None:
        raise Refused("The adjustment or its approval has been reversed.")
    book = await load_of(session, row.book_id)
    day = book.day_of(utcnow())
    rule = book.rule(_APPROVAL_OF[row.rule_set], day)
    draft = Draft(
        book_id=book.id,
        currency=book.currency,
        event_id=derive("approve", row.id),
        rule_set=rule.rule_set,
        rule_id=rule.id,
        word=rule.word,
        business_date=day,
        summary=summarise(rule.summary, reference=f"{row.word}-{row.number} ({row.period})"),
        source_type="voucher",
        source_id=str(row.id),
        entries=compose(rule.lines, [Part({"cost": row.total})], book.account),
        made_by=actor,
    )
    posted = await post(session, draft)
    await audit.record(session, actor, "voucher.approved", f"voucher:{row.id}", approval=str(posted))
    return posted
