"""Vouchers for programs: list and one. Reads only."""

from typing import Any

from finance.queries import list_vouchers, voucher_detail
from hub.web import forms
from hub.web.api.edge import Call, limit_of, text_of
from hub.web.api.shape import read_key, write_key
from hub.web.pages.vouchers import voucher_filter


async def list_all(call: Call) -> Any:
    """A page, newest number first."""
    for name in ("q", "period"):
        text_of(call, name)
    limit, after = limit_of(call), read_key(text_of(call, "after"))
    rows = await list_vouchers(call.session, voucher_filter(call), after=after, limit=limit)
    return {"vouchers": rows, "next": write_key(rows[-1].key) if len(rows) == limit else None}


async def show(call: Call) -> Any:
    """One voucher with its entries and the rows that add up to them."""
    return await voucher_detail(call.session, forms.uuid(call.request.path_params["id"]))
