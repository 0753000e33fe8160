"""Lists as CSV files: streamed page by page, safe to open in a spreadsheet.

Invariant: memory does not grow with the list; each page is its own short transaction; a cell that a spreadsheet would
run as a formula is quoted.
"""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.responses import Response, StreamingResponse

from finance.queries import list_vouchers
from hub.core import audit
from hub.core.db import Session
from hub.core.queries import page_cases
from hub.web.api.cases import case_filter
from hub.web.ask import Ask
from hub.web.formats import ZONE
from hub.web.pages.orders import order_filter
from hub.web.pages.stock import stock_filter
from hub.web.pages.vouchers import voucher_filter
from orders.sales.queries import list_orders
from stockpool.queries import list_stock

PAGE_ROWS = 200
MAX_ROWS = 500_000
_BOM = "﻿"
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")
_EXACT_DIGITS = 15  # a spreadsheet rounds longer numbers

Cells = Sequence[object]
Page = Callable[[Session, Any], Awaitable[tuple[list[Cells], Any]]]
"""(session, where the page before ended or None) -> (rows, where this one ends or None after the last)"""


async def orders(ask: Ask) -> Response:
    """The orders that the filter in the address shows."""
    wanted = order_filter(ask)

    async def read(session: Session, after: Any) -> tuple[list[Cells], Any]:
        found = await list_orders(session, wanted, after=after, limit=PAGE_ROWS)
        rows: list[Cells] = [
            (row.number, row.external_id, row.shop_name, row.state, row.units, row.total, row.currency, row.placed_at,
             row.shipped_at)
            for row in found.rows
        ]  # fmt: skip
        return rows, found.next

    names = ("number", "channel order", "shop", "state", "units", "amount", "currency", "placed", "shipped")
    return await _file(ask, "orders", names, read)


async def stock(ask: Ask) -> Response:
    """The stock that the filter in the address shows."""
    wanted = stock_filter(ask)

    async def read(session: Session, after: Any) -> tuple[list[Cells], Any]:
        found = await list_stock(session, wanted, after=after or "", limit=PAGE_ROWS)
        rows: list[Cells] = [(row.code, row.name, row.on_hand, row.reserved, row.free, row.listings) for row in found]
        return rows, found[-1].code if len(found) == PAGE_ROWS else None

    return await _file(ask, "stock", ("sku", "name", "on hand", "reserved", "free", "listings"), read)


async def vouchers(ask: Ask) -> Response:
    """The vouchers that the filter in the address shows."""
    wanted = voucher_filter(ask)

    async def read(session: Session, after: Any) -> tuple[list[Cells], Any]:
        found = await list_vouchers(session, wanted, after=after, limit=PAGE_ROWS)
        rows: list[Cells] = [
            (row.period, row.word, row.number, row.date, row.summary, row.source_type, row.shop_name, row.total)
            for row in found
        ]
        return rows, found[-1].key if len(found) == PAGE_ROWS else None

    names = ("period", "word", "number", "date", "summary", "source", "shop", "amount")
    return await _file(ask, "vouchers", names, read)


async def cases(ask: Ask) -> Response:
    """The cases that the filter in the address shows, oldest first."""
    kind, state, shop_id = case_filter(ask)

    async def read(session: Session, after: Any) -> tuple[list[Cells], Any]:
        found = await page_cases(session, kind=kind, state=state, shop_id=shop_id, after=after or 0, limit=PAGE_ROWS)
        rows: list[Cells] = [
            (row.id, row.kind.value, row.state, row.subject, row.shop_id, row.cost_at_risk, row.seen, row.owner,
             row.opened_at, row.due_at, row.closed_at, row.closed_by, row.resolution)
            for row in found
        ]  # fmt: skip
        return rows, found[-1].id if len(found) == PAGE_ROWS else None

    names = ("case", "kind", "state", "subject", "shop", "at risk", "seen", "owner", "opened", "due", "closed",
             "closed by", "resolution")  # fmt: skip
    return await _file(ask, "cases", names, read)


async def _file(ask: Ask, name: str, names: Sequence[str], read: Page) -> Response:
    await audit.record(ask.session, ask.person.name, "list.export", name, query=ask.request.url.query[:300])
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    lines = _lines(ask, names, read)
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(ask: Ask, names: Sequence[str], read: Page) -> AsyncIterator[str]:
    db = ask.doors.db
    yield _BOM + _line(names)
    place, written = None, 0
    while written < MAX_ROWS:
        async with db.transaction() as session:
            rows, place = await read(session, place)
        written += len(rows)
        yield "".join(_line(row) for row in rows)
        if place is None:
            return


def _line(cells: Cells) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([cell(value) for value in cells])
    return out.getvalue()


def cell(value: object) -> str:
    """One value as text; text that begins like a formula gets an apostrophe before it, numbers do not."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
    text = str(value)
    if isinstance(value, int | Decimal):
        return text
    if text.isdecimal() and len(text) > _EXACT_DIGITS:
        return f"{text}\t"  # stays text, with every digit
    return f"'{text}" if text.startswith(_RISKY) else text
