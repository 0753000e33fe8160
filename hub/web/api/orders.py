"""Orders for programs: list, one, cancel, hold, unhold. Shipping is in shipments.py.

Invariant: the verbs, filters and permissions of the console; buyer data never leaves here.
"""

from typing import Any
from uuid import UUID

from hub.core import audit
from hub.web import forms
from hub.web.api.bodies import Cancel, Hold
from hub.web.api.edge import Call, limit_of, text_of
from hub.web.pages.orders import order_filter, read_position, write_position
from orders.sales.hold import hold, unhold
from orders.sales.queries import list_orders, order_detail, timeline
from orders.sales.resolve import cancel_here


def order_of(call: Call) -> UUID:
    """The order that the address names. Raises NotFound."""
    return forms.uuid(call.request.path_params["id"])


async def list_all(call: Call) -> Any:
    """A page, newest first."""
    after = read_position(text_of(call, "after"))
    found = await list_orders(call.session, order_filter(call), after=after, limit=limit_of(call))
    return {"orders": found.rows, "next": write_position(found.next) if found.next else None}


async def show(call: Call) -> Any:
    """One order with lines, shipments and diary."""
    detail = await order_detail(call.session, order_of(call))
    diary = await timeline(call.session, detail.order.id)
    return {"order": detail.order, "lines": detail.lines, "shipments": detail.shipments, "timeline": diary}


async def cancel(call: Call) -> Any:
    """Cancel here; twice is once."""
    order_id, body = order_of(call), call.body
    assert isinstance(body, Cancel)  # noqa: S101  # the table says so
    state = await cancel_here(call.session, order_id, call.person.name, body.reason)
    return {"order_id": order_id, "state": state}


async def hold_one(call: Call) -> Any:
    """Hold; twice is once."""
    order_id, body = order_of(call), call.body
    assert isinstance(body, Hold)  # noqa: S101  # the table says so
    name = call.person.name
    await hold(call.session, order_id, name, body.reason, keep_stock=body.keep_stock)
    facts = {"reason": body.reason, "keep_stock": body.keep_stock}
    await audit.record(call.session, name, "order.hold", f"order:{order_id}", **facts)
    return {"order_id": order_id, "state": "held"}


async def unhold_one(call: Call) -> Any:
    """End the hold."""
    order_id = order_of(call)
    state = await unhold(call.session, order_id, call.person.name)
    await audit.record(call.session, call.person.name, "order.unhold", f"order:{order_id}")
    return {"order_id": order_id, "state": state}
