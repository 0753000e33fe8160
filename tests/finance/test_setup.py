"""The book as it is opened, and the charts that it may be opened with."""

import asyncio
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select, update

from finance import charts
from finance.book import load, load_of
from finance.errors import Block, PostingBlocked
from finance.setup import ensure_book
from finance.tables import account, account_role, book, posting_rule, tax_rate
from hub.core.db import Database
from hub.core.errors import NotFound

RULE_SETS = {
    "order.fulfilled",
    "stock.received",
    "stock.adjusted.loss",
    "stock.adjusted.gain",
    "adjustment.approved.loss",
    "adjustment.approved.gain",
}


async def counts(db: Database) -> list[int]:
    tables = (book, account, account_role, posting_rule, tax_rate)
    async with db.transaction() as session:
        return [(await session.execute(select(func.count()).select_from(table))).scalar_one() for table in tables]


async def open_book(db: Database) -> int:
    async with db.transaction() as session:
        return await ensure_book(session)


async def test_opening_the_book_twice_or_by_many_at_once_opens_one(db: Database) -> None:
    assert len(set(await asyncio.gather(*(open_book(db) for _ in range(4))))) == 1
    before = await counts(db)
    assert await open_book(db) == (await one_book(db))
    assert await counts(db) == before


async def one_book(db: Database) -> int:
    async with db.transaction() as session:
        return (await load(session)).id


async def test_what_an_accountant_changed_stays(db: Database) -> None:
    await open_book(db)
    async with db.transaction() as session:
        await session.execute(update(account).where(account.c.code == "1122").values(name="应收平台款", code="1122.01"))
    before = await counts(db)
    await open_book(db)
    assert await counts(db) == before


async def test_the_main_book_has_its_rules_rates_and_roles(db: Database) -> None:
    book_id = await open_book(db)
    async with db.transaction() as session:
        made = await load(session)
        assert (await load_of(session, book_id)).roles == made.roles
    assert set(made.rules) == RULE_SETS
    assert made.rate("goods", date(2026, 1, 1)) == Decimal("0.13")
    assert made.rate("goods", date(2019, 3, 31)) == Decimal("0.16")
    assert made.currency == "CNY"
    for rules in made.rules.values():
        for line in rules[0].lines:
            assert made.account(line.role)


async def test_what_the_book_lacks_blocks_a_posting_by_name(db: Database) -> None:
    await open_book(db)
    async with db.transaction() as session:
        made = await load(session)
    for ask, reason in (
        (lambda: made.account("nobody"), Block.NO_ACCOUNT),
        (lambda: made.rule("nothing", date(2026, 1, 1)), Block.NO_RULE),
        (lambda: made.rate("goods", date(1990, 1, 1)), Block.NO_TAX_RATE),
    ):
        with pytest.raises(PostingBlocked) as caught:
            ask()
        assert caught.value.reason == reason


async def test_there_is_no_book_before_it_is_opened(db: Database) -> None:
    async with db.transaction() as session:
        with pytest.raises(NotFound):
            await load(session)


@pytest.mark.parametrize("name", charts.names())
def test_a_chart_names_each_code_and_each_role_once(name: str) -> None:
    chart = charts.read(name)
    codes = [row.code for row in chart.accounts]
    roles = [role for row in chart.accounts for role in row.roles]
    assert len(set(codes)) == len(codes)
    assert len(set(roles)) == len(roles)
    assert not any(other.startswith(f"{code}.") for code in codes for other in codes), "only leaves are posted to"


@pytest.mark.parametrize("name", charts.names())
async def test_a_book_opens_with_any_chart(db: Database, name: str) -> None:
    async with db.transaction() as session:
        await ensure_book(session, chart=name)
        made = await load(session)
    for rules in made.rules.values():
        assert all(made.account(line.role) for line in rules[0].lines)


def test_the_national_codes_are_as_the_standard_has_them() -> None:
    cas, small = charts.read("cas").code_of, charts.read("small_business").code_of
    assert (cas["ar_platform"], cas["revenue"], cas["cogs"], cas["adj_clearing"]) == ("1122", "6001", "6401", "1901")
    assert (small["revenue"], small["cogs"], small["capital"], small["contract_liab"]) == (
        "5001",
        "5401",
        "3001",
        "2203",
    )
    assert "impairment" not in small
    with pytest.raises(NotFound):
        charts.read("../cas")
