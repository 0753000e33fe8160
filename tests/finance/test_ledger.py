"""The ledger: numbers without gaps, one voucher per cause, nothing posted ever changes."""

import asyncio
from datetime import date
from decimal import Decimal
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from finance.book import load
from finance.errors import Unbalanced
from finance.ledger import Draft, post
from finance.post import post_batch
from finance.rules import DraftEntry
from finance.tables import entry, voucher, voucher_counter
from hub.core.db import Database
from hub.core.errors import TryAgain
from tests.finance.given import World, fulfilled, received, vouchers

ZERO = Decimal("0.00")


async def a_draft(db: Database, day: date = date(2026, 11, 2)) -> Draft:
    async with db.transaction() as session:
        book = await load(session)
    return Draft(
        book_id=book.id,
        currency="CNY",
        event_id=uuid4(),
        rule_set="manual",
        rule_id=None,
        word="记",
        business_date=day,
        summary="test",
        source_type="voucher",
        source_id="1",
        entries=(
            DraftEntry(book.account("bank"), Decimal("10.00"), ZERO),
            DraftEntry(book.account("capital"), ZERO, Decimal("10.00")),
        ),
    )


async def post_it(db: Database, draft: Draft) -> UUID:
    async with db.transaction() as session:
        return await post(session, draft)


async def test_a_draft_posted_again_is_the_same_voucher(db: Database, world: World) -> None:
    draft = await a_draft(db)
    assert await post_it(db, draft) == await post_it(db, draft)
    assert [row.number for row in await vouchers(db)] == [1]


async def test_sixteen_posters_at_once_leave_no_gap(db: Database, world: World) -> None:
    drafts = [await a_draft(db) for _ in range(64)]
    await asyncio.gather(*(post_it(db, draft) for draft in drafts[:16]))
    await asyncio.gather(*(post_it(db, draft) for draft in drafts[16:]))
    assert [row.number for row in await vouchers(db)] == list(range(1, 65))


async def test_sixteen_posters_of_the_same_draft_post_it_once(db: Database, world: World) -> None:
    draft = await a_draft(db)
    assert set(await asyncio.gather(*(post_it(db, draft) for _ in range(16)))) == {draft.id}
    assert [row.number for row in await vouchers(db)] == [1]


async def test_sixteen_batches_on_the_same_goods_neither_wait_for_each_other_nor_lose_a_cent(
    db: Database, world: World
) -> None:
    async with db.transaction() as session:
        await post_batch(session, [received(world, 500, "33.33", sku_id) for sku_id in world.skus])

    async def one_batch(number: int) -> None:
        skus = world.skus[number:] + world.skus[:number]  # each in another order
        sales = [fulfilled(world, [(one, 1, "113.00"), (two, 2, "7.01")]) for one, two in pairwise(skus)]
        async with db.transaction() as session:
            assert await post_batch(session, sales) == []

    await asyncio.gather(*(one_batch(number) for number in range(16)))
    assert [row.number for row in await vouchers(db)] == list(range(1, 20 + 16 * 19 + 1))


async def test_a_posting_that_falls_back_gives_its_number_back(db: Database, world: World) -> None:
    async def post_and_fall_back() -> None:
        draft = await a_draft(db)
        async with db.transaction() as session:
            await post(session, draft)
            raise TryAgain("The database went away.")

    await post_it(db, await a_draft(db))
    with pytest.raises(TryAgain):
        await post_and_fall_back()
    await post_it(db, await a_draft(db))
    assert [row.number for row in await vouchers(db)] == [1, 2]
    async with db.transaction() as session:
        assert (await session.execute(select(voucher_counter.c.last))).scalar_one() == 2


async def test_each_period_has_its_own_numbers(db: Database, world: World) -> None:
    for day in (date(2026, 10, 31), date(2026, 11, 1), date(2026, 10, 1)):
        await post_it(db, await a_draft(db, day=day))
    assert [(row.period, row.number) for row in await vouchers(db)] == [("2026-10", 1), ("2026-10", 2), ("2026-11", 1)]


async def test_an_unbalanced_draft_is_refused_before_it_is_written(db: Database, world: World) -> None:
    draft = await a_draft(db)
    lopsided = Draft(**{name: getattr(draft, name) for name in draft.__slots__} | {"entries": draft.entries[:1]})
    with pytest.raises(Unbalanced):
        await post_it(db, lopsided)
    assert await vouchers(db) == []


async def test_the_database_refuses_an_unbalanced_voucher_at_commit(db: Database, world: World) -> None:
    async def write_lopsided() -> None:
        draft = await a_draft(db)
        async with db.transaction() as session:
            await session.execute(insert(voucher).values(**_raw(draft)))
            await session.execute(insert(entry).values(**_line(draft, debit=Decimal(1))))
            await session.execute(insert(entry).values(**_line(draft, line=2, credit=Decimal(2))))

    with pytest.raises(IntegrityError, match="does not balance"):
        await write_lopsided()


async def test_the_database_refuses_an_empty_voucher_at_commit(db: Database, world: World) -> None:
    async def write_empty() -> None:
        draft = await a_draft(db)
        async with db.transaction() as session:
            await session.execute(insert(voucher).values(**_raw(draft)))

    with pytest.raises(IntegrityError, match="does not balance"):
        await write_empty()


async def test_a_posted_voucher_never_changes(db: Database, world: World) -> None:
    draft = await a_draft(db)
    await post_it(db, draft)
    for statement in (
        update(voucher).values(summary="other"),
        update(voucher).values(state="draft", number=None, posted_at=None),
        delete(voucher),
        update(entry).values(debit=Decimal(1)),
        delete(entry),
        insert(entry).values(**_line(draft, line=3, debit=Decimal(1))),
        insert(entry).values(**_line(draft, line=3)),
    ):
        await _refused(db, statement)
    async with db.transaction() as session:
        assert (await session.execute(select(func.count()).select_from(entry))).scalar_one() == 2


async def test_an_entry_has_one_side(db: Database, world: World) -> None:
    async def write_both_sides() -> None:
        draft = await a_draft(db)
        async with db.transaction() as session:
            await session.execute(insert(voucher).values(**_raw(draft)))
            await session.execute(insert(entry).values(**_line(draft, debit=Decimal(1), credit=Decimal(1))))

    with pytest.raises(IntegrityError, match="one_side"):
        await write_both_sides()


async def test_a_number_is_given_once(db: Database, world: World) -> None:
    async def write_with_number_one() -> None:
        draft = await a_draft(db)
        async with db.transaction() as session:
            await session.execute(
                insert(voucher).values(**_raw(draft) | {"state": "posted", "number": 1, "posted_at": func.now()})
            )

    await post_it(db, await a_draft(db))
    with pytest.raises(IntegrityError, match="uq_voucher_number"):
        await write_with_number_one()


async def _refused(db: Database, statement: object) -> None:
    async def run() -> None:
        async with db.transaction() as session:
            await session.execute(statement)  # type: ignore[call-overload]  # any statement

    with pytest.raises(IntegrityError, match="posted"):
        await run()


def _raw(draft: Draft) -> dict[str, object]:
    return {
        "id": draft.id,
        "book_id": draft.book_id,
        "event_id": draft.event_id,
        "rule_set": draft.rule_set,
        "period": "2026-11",
        "word": draft.word,
        "date": draft.business_date,
        "business_date": draft.business_date,
        "summary": draft.summary,
        "total": Decimal(1),
        "source_type": draft.source_type,
        "source_id": draft.source_id,
        "made_by": "test",
    }


def _line(draft: Draft, *, line: int = 1, debit: Decimal = ZERO, credit: Decimal = ZERO) -> dict[str, object]:
    return {
        "voucher_id": draft.id,
        "line": line,
        "account_id": draft.entries[0].account_id,
        "summary": "test",
        "debit": debit,
        "credit": credit,
        "currency": "CNY",
    }
