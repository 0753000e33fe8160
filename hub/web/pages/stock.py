"""Stock: the list, and one Sku with the answer to "why is this number this number?".

Invariant: nobody types a stock figure: receipts and adjustments are verbs with a cause, a reference and an actor; the
waterfall comes from the function that publishes.
"""

import secrets
from typing import Any
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, Response

from finance.queries import stock_values
from hub.core import audit
from hub.core.errors import Invalid
from hub.web import forms
from hub.web.ask import Ask
from hub.web.render import page
from hub.web.words import _
from orders.sales.queries import in_flight
from stockpool import queries
from stockpool.catalogue import add_sku
from stockpool.floor.adjust import adjust
from stockpool.floor.receive import receive
from stockpool.offers.listings import push_again, set_publish

PAGE_ROWS = 50
ONLY = ("all", "in_stock", "out_of_stock", "reserved", "frozen")
REASONS = ("count", "damaged", "lost", "found", "sample", "other")


async def show_list(ask: Ask) -> Response:
    """The list by code, searched and filtered by what the address says."""
    query = ask.request.query_params
    wanted = stock_filter(ask)
    rows = await queries.list_stock(ask.session, wanted, after=query.get("after", "")[:200], limit=PAGE_ROWS + 1)
    shown = rows[:PAGE_ROWS]
    kept = {name: query[name] for name in ("q", "only") if query.get(name)}
    more = f"?{urlencode(kept | {'after': shown[-1].code})}" if len(rows) > PAGE_ROWS else ""
    totals = await queries.stock_totals(ask.session)
    return page(
        ask,
        "stock.html",
        rows=shown,
        more=more,
        kept=kept,
        totals=totals,
        link=lambda **changed: _link(kept, changed),
    )


async def show_one(ask: Ask) -> Response:
    """One Sku: how each published number comes about, and the rows behind it."""
    sku_id = forms.row_id(ask.request.path_params["id"])
    detail = await queries.sku_detail(ask.session, sku_id)
    flying = await in_flight(ask.session, [sku_id])
    falls = await queries.waterfalls_of(ask.session, sku_id, flying)
    values = await stock_values(ask.session, [sku_id]) if ask.may("cost.see") else {}
    return page(
        ask,
        "sku.html",
        detail=detail,
        falls=falls,
        chart=waterfall_chart(ask, detail, falls),
        reservations=await queries.reservations_of(ask.session, sku_id),
        moves=await queries.moves_of(ask.session, sku_id, limit=PAGE_ROWS),
        value=values.get(sku_id),
        nonce=secrets.token_hex(6),
        reasons=REASONS,
    )


async def show_effect(ask: Ask) -> Response:
    """What an adjustment would change, in words, before it is done."""
    detail = await queries.sku_detail(ask.session, forms.row_id(ask.request.path_params["id"]))
    try:
        delta = int(ask.request.query_params.get("qty", "").replace("−", "-"))
    except ValueError:
        return HTMLResponse("")
    after = detail.on_hand + delta
    say = ask.words.say
    if delta == 0 or abs(delta) > forms.MAX_UNITS:
        return HTMLResponse("")
    if after < 0:
        return HTMLResponse(say("Only %(n)s units are on hand.", n=detail.on_hand))
    told = say("On hand %(before)s → %(after)s.", before=detail.on_hand, after=after)
    taken = max(0, detail.reserved - after)
    if taken:
        told += " " + say("%(n)s reserved units lose their goods; the newest orders wait again.", n=taken)
    return HTMLResponse(told)


async def do_add(ask: Ask) -> Response:
    """Add a Sku."""
    code = forms.text(ask.form, "code", most=200)
    barcode = forms.text(ask.form, "barcode", most=100, required=False) or None
    sku_id = await add_sku(ask.session, code, forms.text(ask.form, "name"), barcode)
    await audit.record(ask.session, ask.person.name, "sku.add", f"sku:{sku_id}", code=code)
    return ask.go(f"/stock/{sku_id}", "The Sku is there. Receive goods to sell it.")


async def do_receive(ask: Ask) -> Response:
    """Book goods that arrived."""
    sku_id = forms.row_id(ask.request.path_params["id"])
    qty, reference = forms.whole(ask.form, "qty"), forms.text(ask.form, "reference", most=150)
    cost = forms.amount(ask.form, "unit_cost")
    name = ask.person.name
    await receive(ask.session, sku_id=sku_id, qty=qty, unit_cost=cost, reference=reference, actor=name)
    await audit.record(ask.session, name, "stock.receive", f"sku:{sku_id}", qty=qty, reference=reference)
    _after_change(ask)
    return ask.go(f"/stock/{sku_id}", "%(qty)s units received. Waiting orders are served first.", qty=qty)


async def do_adjust(ask: Ask) -> Response:
    """Book a difference, with its reason."""
    sku_id = forms.row_id(ask.request.path_params["id"])
    delta = forms.whole(ask.form, "qty", least=-forms.MAX_UNITS)
    reason = ask.form.get("reason", "")
    if reason not in REASONS:
        raise Invalid("This choice does not exist.")
    note = forms.text(ask.form, "note", most=200, required=False)
    reference = f"console:{forms.text(ask.form, 'nonce', most=40)}"
    told = f"{reason}: {note}" if note else reason
    name = ask.person.name
    result = await adjust(ask.session, sku_id=sku_id, qty_delta=delta, reason=told, reference=reference, actor=name)
    await audit.record(ask.session, name, "stock.adjust", f"sku:{sku_id}", qty_delta=delta, reason=told)
    _after_change(ask)
    if result.voided:
        said = _("Adjusted. %(n)s orders lost their units and wait again.")
        return ask.go(f"/stock/{sku_id}", said, n=len(result.voided))
    return ask.go(f"/stock/{sku_id}", "Adjusted. The shops are being told.")


async def do_publish(ask: Ask) -> Response:
    """Start or stop publishing a listing, or send its number again."""
    listing_id = forms.row_id(ask.request.path_params["id"])
    row = await queries.listing_detail(ask.session, listing_id)
    want = ask.form.get("do", "")
    if want == "again":
        await push_again(ask.session, listing_id, ask.person.name)
    else:
        await set_publish(ask.session, listing_id, want == "start", ask.person.name)
    ask.wake("relay")
    ask.wake("push_offers", row.shop_id)
    address = f"/stock/{row.sku_id}" if row.sku_id else f"/shops/{row.shop_id}"
    said = _("This listing is not published any more.") if want == "stop" else _("The number is being sent.")
    return ask.go(address, said)


def stock_filter(ask: Ask) -> queries.StockFilter:
    """The filter in the address."""
    query = ask.request.query_params
    only = query.get("only", "all")
    return queries.StockFilter(search=query.get("q", "")[:100], only=only if only in ONLY else "all")


def waterfall_chart(ask: Ask, detail: queries.SkuDetail, falls: list[queries.ListingWaterfall]) -> list[dict[str, Any]]:
    """Bars from on hand to each shop's number: label, from, to, and what kind of bar it is."""
    gettext = ask.words.gettext
    bars: list[dict[str, Any]] = [_bar(gettext("on hand"), 0, detail.on_hand, "sum")]
    bars.append(_bar(gettext("reserved"), detail.on_hand, detail.on_hand - detail.reserved, "less"))
    bars.append(_bar(gettext("free"), 0, detail.free, "sum"))
    bars += [_bar(fall.listing.shop, 0, fall.waterfall.offer, "shop") for fall in falls]
    return bars


def _bar(name: str, start: int, end: int, kind: str) -> dict[str, Any]:
    return {"name": name, "from": min(start, end), "to": max(start, end), "value": end - start, "kind": kind}


def _after_change(ask: Ask) -> None:
    ask.wake("relay")
    ask.wake("handle_events")


def _link(kept: dict[str, str], changed: dict[str, str]) -> str:
    query = {name: value for name, value in (kept | changed).items() if value}
    return f"/stock?{urlencode(query)}" if query else "/stock"
