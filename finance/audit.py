"""Checks of the books (audit.sql): each returns what is wrong, an empty list is health.

F1 every posted voucher balances, has two lines or more, and its total is right. F2 numbers run 1..n per (book, period,
word), and n is the counter. F3 every handled event is in the books, a waiting one is not. F4 debits = credits over each
book. F5 the sub-ledger adds up to the stock values, and these to the inventory account. F6 the receivables add up to
the platform account, shop by shop. F7 the units in the books are the units in the warehouses, once waiting events are
counted in.

Each check is one statement, so it sees one moment and may run beside live postings.
"""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stockpool.audit import Breach

_SQL = Path(__file__).with_suffix(".sql")
_MOST = 100


async def check(session: AsyncSession) -> list[Breach]:
    """All breaches of the books, at most 100 of each kind."""
    breaches: list[Breach] = []
    for invariant, query in _checks():
        bounded = f"SELECT subject, detail FROM ({query}) AS found LIMIT {_MOST}"  # noqa: S608 - both are our own text
        rows = await session.execute(text(bounded))
        breaches += [Breach(invariant, row.subject, row.detail) for row in rows]
    return breaches


def _checks() -> Iterator[tuple[str, str]]:
    """The statements of audit.sql: one per paragraph, named by the first word of its comment."""
    for paragraph in _SQL.read_text(encoding="utf-8").strip().split("\n\n"):
        title, _, query = paragraph.partition("\n")
        yield title.removeprefix("-- ").split()[0], query
