"""Vouchers: the list, one as the paper that an accountant knows, and whether books and goods agree.

Invariant: reads only; every amount leads to the rows behind it.
"""

from decimal import Decimal
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from finance import queries
from finance.rows import Key, VoucherFilter
from hub.core.errors import NotFound
from hub.core.shops import list_shops
from hub.web import forms
from hub.web.ask import Ask
from hub.web.render import page

PAGE_ROWS = 50


async def show_list(ask: Ask) -> Response:
    """The list, newest number first."""
    query = ask.request.query_params
    wanted = voucher_filter(ask)
    rows = await queries.list_vouchers(ask.session, wanted, after=_read_key(query.get("after")), limit=PAGE_ROWS + 1)
    shown = rows[:PAGE_ROWS]
    kept = {name: query[name] for name in ("q", "period", "shop") if query.get(name)}
    older = f"?{urlencode(kept | {'after': _write_key(shown[-1].key)})}" if len(rows) > PAGE_ROWS else ""
    return page(
        ask,
        "vouchers.html",
        rows=shown,
        older=older,
        kept=kept,
        periods=await queries.list_periods(ask.session),
        shops=await list_shops(ask.session),
        totals=await queries.totals(ask.session),
    )


async def show_one(ask: Ask) -> Response:
    """One voucher with the rows that add up to it."""
    detail = await queries.voucher_detail(ask.session, forms.uuid(ask.request.path_params["id"]))
    debit = sum((entry.debit for entry in detail.entries), Decimal(0))
    credit = sum((entry.credit for entry in detail.entries), Decimal(0))
    return page(ask, "voucher.html", detail=detail, voucher=detail.voucher, debit=debit, credit=credit)


async def show_balance(ask: Ask) -> Response:
    """Do books and goods agree: trial balance, stock value against the ledger, what platforms owe."""
    return page(
        ask,
        "balance.html",
        balance=await queries.trial_balance(ask.session),
        stock=await queries.stock_against_ledger(ask.session),
        owed=await queries.receivables_per_shop(ask.session),
        totals=await queries.totals(ask.session),
    )


def voucher_filter(ask: Ask) -> VoucherFilter:
    """The filter in the address."""
    query = ask.request.query_params
    shop = query.get("shop", "")
    return VoucherFilter(
        period=query.get("period", "")[:7] or None,
        shop_id=forms.row_id(shop) if shop else None,
        text=query.get("q", "").strip()[:100] or None,
    )


def _write_key(key: Key) -> str:
    return f"{key[0]}_{key[1]}_{key[2]}"


def _read_key(text: str | None) -> Key | None:
    if not text:
        return None
    period, _, rest = text.partition("_")
    number, _, voucher_id = rest.partition("_")
    try:
        return (period[:7], int(number), UUID(voucher_id))
    except ValueError as error:
        raise NotFound("This address leads nowhere.") from error
