"""Stock for programs: list, one Sku with its offers explained, add, receive, adjust.

Invariant: nobody sets a stock figure: receipts and adjustments carry a reference and are booked once; the waterfall
comes from the function that publishes.
"""

from typing import Any

from hub.core import audit
from hub.core.errors import NotFound
from hub.web.api.bodies import Adjustment, NewSku, Receipt
from hub.web.api.edge import Call, limit_of, text_of
from hub.web.pages.stock import stock_filter
from orders.sales.queries import in_flight
from stockpool.catalogue import add_sku
from stockpool.floor.adjust import adjust
from stockpool.floor.receive import receive
from stockpool.queries import SkuRow, find_sku, list_stock, sku_detail, waterfalls_of


async def list_all(call: Call) -> Any:
    """A page by code."""
    text_of(call, "q")
    limit = limit_of(call)
    rows = await list_stock(call.session, stock_filter(call), after=text_of(call, "after"), limit=limit)
    return {"stock": rows, "next": rows[-1].code if len(rows) == limit else None}


async def show(call: Call) -> Any:
    """One Sku: levels, and how each listing's number comes about."""
    found = await sku_of(call, call.request.path_params["code"])
    detail = await sku_detail(call.session, found.id)
    falls = await waterfalls_of(call.session, found.id, await in_flight(call.session, [found.id]))
    offers = [{"listing": one.listing, "steps": one.waterfall.steps, "offer": one.waterfall.offer} for one in falls]
    figures = {"on_hand": detail.on_hand, "reserved": detail.reserved, "free": detail.free}
    return {"sku": detail.sku, **figures, "levels": detail.levels, "offers": offers}


async def add(call: Call) -> Any:
    """Add a Sku, or find the one with this code."""
    body = call.body
    assert isinstance(body, NewSku)  # noqa: S101  # the table says so
    sku_id = await add_sku(call.session, body.code, body.name, body.barcode)
    await audit.record(call.session, call.person.name, "sku.add", f"sku:{sku_id}", code=body.code)
    return {"sku_id": sku_id, "code": body.code}


async def receive_goods(call: Call) -> Any:
    """Book goods that arrived."""
    body, name = call.body, call.person.name
    assert isinstance(body, Receipt)  # noqa: S101  # the table says so
    found = await sku_of(call, body.sku)
    move_id = await receive(
        call.session,
        sku_id=found.id,
        qty=body.qty,
        unit_cost=body.unit_cost,
        reference=body.reference,
        actor=name,
    )
    facts = {"qty": body.qty, "reference": body.reference}
    await audit.record(call.session, name, "stock.receive", f"sku:{found.id}", **facts)
    _after_change(call)
    return {"sku_id": found.id, "move_id": move_id}


async def adjust_stock(call: Call) -> Any:
    """Book a difference; the newest claims lose their units when fewer are left than promised."""
    body, name = call.body, call.person.name
    assert isinstance(body, Adjustment)  # noqa: S101  # the table says so
    found = await sku_of(call, body.sku)
    result = await adjust(
        call.session,
        sku_id=found.id,
        qty_delta=body.qty_delta,
        reason=body.reason,
        reference=body.reference,
        actor=name,
    )
    facts = {"qty_delta": body.qty_delta, "reason": body.reason}
    await audit.record(call.session, name, "stock.adjust", f"sku:{found.id}", **facts)
    _after_change(call)
    return {"sku_id": found.id, "move_id": result.move_id, "voided": result.voided}


async def sku_of(call: Call, code: str) -> SkuRow:
    """The Sku with this code. Raises NotFound."""
    found = await find_sku(call.session, code) if code.isprintable() and len(code) <= 200 else None
    if found is None:
        raise NotFound("There is no Sku with the code %(code)s.", code=code[:200])
    return found


def _after_change(call: Call) -> None:
    call.wake("relay")
    call.wake("handle_events")
