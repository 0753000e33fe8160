"""Opens the main book: chart of accounts, roles, posting rules, tax rates. Safe to run at every start.

Invariant: what is there already is never changed by a start, so an accountant's own names, roles and rules stay.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from finance.book import MAIN
from finance.charts import Chart, read
from finance.tables import account, account_role, book, posting_rule, tax_rate

_RULES_V1 = Path(__file__).parent / "rules_v1.toml"
_RULES_SINCE = date(1994, 1, 1)
GOODS_RATES = (  # the standard VAT rate on goods; the first day of each
    (date(1994, 1, 1), Decimal("0.17")),
    (date(2018, 5, 1), Decimal("0.16")),
    (date(2019, 4, 1), Decimal("0.13")),
)


async def ensure_book(
    session: AsyncSession, *, code: str = MAIN, name: str = "Main", currency: str = "CNY", chart: str = "cas"
) -> int:
    """Make the book if it is missing, and fill in what it lacks. Returns its id. Raises NotFound (chart)."""
    await _add(session, book, [{"code": code, "name": name, "currency": currency}])
    book_id: int = (await session.execute(select(book.c.id).where(book.c.code == code))).scalar_one()
    await _add_accounts(session, book_id, read(chart))
    rules = tomllib.loads(_RULES_V1.read_text(encoding="utf-8"))["rule"]
    await _add(session, posting_rule, [_rule_row(book_id, rule) for rule in rules])
    rates = [{"book_id": book_id, "code": "goods", "valid_from": day, "rate": rate} for day, rate in GOODS_RATES]
    await _add(session, tax_rate, rates)
    return book_id


async def _add_accounts(session: AsyncSession, book_id: int, chart: Chart) -> None:
    """A book that has accounts keeps them: a chart is a beginning, not a standard to go back to."""
    known = await session.execute(select(account.c.id).where(account.c.book_id == book_id).limit(1))
    if known.scalar() is not None:
        return
    rows = [{"book_id": book_id, "code": row.code, "name": row.name, "kind": row.kind} for row in chart.accounts]
    await _add(session, account, rows)
    found = await session.execute(select(account.c.code, account.c.id).where(account.c.book_id == book_id))
    ids = {row.code: row.id for row in found}
    roles = [{"book_id": book_id, "role": role, "account_id": ids[code]} for role, code in chart.code_of.items()]
    await _add(session, account_role, roles)


async def _add(session: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    await session.execute(insert(table).on_conflict_do_nothing(), rows)


def _rule_row(book_id: int, rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "book_id": book_id,
        "topic": rule["topic"],
        "version": 1,
        "valid_from": _RULES_SINCE,
        "summary": rule["summary"],
        "lines": rule["lines"],
    }
