"""Orders: the list that says what to do next, one order with everything about it, and what a person may do to it.

Invariant: each change runs the ordinary verb with cause and actor; buyer data is opened only for roles that may see it,
and the look is noted in the audit trail.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from finance.queries import vouchers_of_order
from hub.core import audit
from hub.core.errors import Invalid, NotFound
from hub.core.queries import cases_of_order
from hub.core.shops import list_shops
from hub.web import forms
from hub.web.ask import Ask
from hub.web.render import page
from orders.sales.hold import hold, unhold
from orders.sales.lifecycle import State
from orders.sales.queries import (
    LineRow,
    OrderDetail,
    OrderFilter,
    Position,
    counts,
    list_orders,
    open_private,
    order_detail,
    timeline,
)
from orders.sales.resolve import cancel_here, retry_backorder, tell_again
from orders.sales.ship import ship

PAGE_ROWS = 50
CHIPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("to_ship", ("reserved",)),
    ("waiting", ("pending", "unmapped", "new")),
    ("backordered", ("backordered",)),
    ("held", ("held",)),
    ("gone", ("shipped", "completed")),
    ("cancelled", ("cancelled",)),
)


async def show_list(ask: Ask) -> Response:
    """The list, newest first, filtered by what the address says."""
    query = ask.request.query_params
    wanted = order_filter(ask)
    found = await list_orders(ask.session, wanted, after=read_position(query.get("after")), limit=PAGE_ROWS)
    kept = {name: query[name] for name in ("q", "state", "shop") if query.get(name)}
    older = f"?{urlencode(kept | {'after': write_position(found.next)})}" if found.next else ""
    states = await counts(ask.session)
    chips = [(name, sum(states.get(State(one), 0) for one in group)) for name, group in CHIPS]
    return page(
        ask,
        "orders.html",
        rows=found.rows,
        older=older,
        kept=kept,
        chips=chips,
        total=sum(states.values()),
        shops=await list_shops(ask.session),
        first=query.get("after") is None,
        link=lambda **changed: _link(kept, changed),
    )


async def show_one(ask: Ask) -> Response:
    """One order."""
    order_id = forms.uuid(ask.request.path_params["id"])
    detail = await order_detail(ask.session, order_id)
    may_vouch = ask.may("voucher.see")
    return page(
        ask,
        "order.html",
        detail=detail,
        order=detail.order,
        track=status_track(detail),
        left=[line for line in detail.lines if units_left(line)],
        diary=await timeline(ask.session, order_id),
        cases=await cases_of_order(ask.session, order_id),
        vouchers=await vouchers_of_order(ask.session, order_id) if may_vouch else [],
        buyer=None,
    )


async def show_buyer(ask: Ask) -> Response:
    """Buyer and address, opened on request; the look goes into the audit trail."""
    order_id = forms.uuid(ask.request.path_params["id"])
    private = await open_private(ask.session, ask.doors.seal, order_id)
    await audit.record(ask.session, ask.person.name, "buyer.look", f"order:{order_id}")
    return page(ask, "_buyer.html", buyer=flat(private))


async def do_ship(ask: Ask) -> Response:
    """Ship all that is left, or the units typed per line."""
    order_id = forms.uuid(ask.request.path_params["id"])
    await ship(
        ask.session,
        order_id,
        carrier=forms.text(ask.form, "carrier", most=100),
        waybill=forms.text(ask.form, "waybill", most=100),
        actor=ask.person.name,
        key=forms.text(ask.form, "key", most=100),
        quantities=_quantities(ask),
    )
    await audit.record(ask.session, ask.person.name, "order.ship", f"order:{order_id}")
    ask.wake("handle_events")
    return ask.go(f"/orders/{order_id}", "Shipped. The channel is being told and the voucher is being written.")


async def do_cancel(ask: Ask) -> Response:
    """Cancel here; the units go back to the pool."""
    order_id = forms.uuid(ask.request.path_params["id"])
    await cancel_here(ask.session, order_id, ask.person.name, forms.text(ask.form, "reason", most=200))
    return ask.go(f"/orders/{order_id}", "Cancelled. Its units are free again.")


async def do_hold(ask: Ask) -> Response:
    """Hold the order, keeping or freeing its units."""
    order_id = forms.uuid(ask.request.path_params["id"])
    keep = ask.form.get("stock", "keep") == "keep"
    reason = forms.text(ask.form, "reason", most=200)
    await hold(ask.session, order_id, ask.person.name, reason, keep_stock=keep)
    await audit.record(ask.session, ask.person.name, "order.hold", f"order:{order_id}", reason=reason, keep_stock=keep)
    return ask.go(f"/orders/{order_id}", "Held. Nothing leaves until the hold is ended.")


async def do_unhold(ask: Ask) -> Response:
    """End the hold."""
    order_id = forms.uuid(ask.request.path_params["id"])
    await unhold(ask.session, order_id, ask.person.name)
    await audit.record(ask.session, ask.person.name, "order.unhold", f"order:{order_id}")
    return ask.go(f"/orders/{order_id}", "The order goes on.")


async def do_retry(ask: Ask) -> Response:
    """Try to reserve a backorder now."""
    order_id = forms.uuid(ask.request.path_params["id"])
    await retry_backorder(ask.session, order_id, ask.person.name)
    return ask.go(f"/orders/{order_id}", "Trying again. The state changes within a second or two.")


async def do_tell(ask: Ask) -> Response:
    """Tell the channel about a shipment once more."""
    order_id = forms.uuid(ask.request.path_params["id"])
    await tell_again(ask.session, forms.uuid(forms.text(ask.form, "shipment")), ask.person.name)
    ask.wake("tell_shipments")
    return ask.go(f"/orders/{order_id}", "The channel is being told again.")


def order_filter(ask: Ask) -> OrderFilter:
    """The filter in the address: q, state (a chip's name or a state), shop."""
    query = ask.request.query_params
    state = query.get("state", "")
    group = dict(CHIPS).get(state, (state,) if state in set(State) else ())
    if state and not group:
        raise NotFound("This address leads nowhere.")
    shop = query.get("shop", "")
    return OrderFilter(states=group, shop_id=forms.row_id(shop) if shop else None, text=query.get("q", ""))


def write_position(position: Position) -> str:
    """A page's end as text for an address."""
    return f"{position[0].isoformat()}_{position[1]}"


def read_position(text: str | None) -> Position | None:
    """The other way round. Raises NotFound."""
    if not text:
        return None
    at, _, order_id = text.replace(" ", "+").partition("_")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), UUID(order_id)
    except (ValueError, OverflowError) as error:
        raise NotFound("This address leads nowhere.") from error


def status_track(detail: OrderDetail) -> list[tuple[str, str, datetime | None]]:
    """The steps of the road as (step, done | now | stop | '', when)."""
    order = detail.order
    told = [one.told_at for one in detail.shipments]
    steps: list[tuple[str, datetime | None]] = [
        ("placed", order.placed_at),
        ("recorded", order.recorded_at),
        ("reserved", order.decided_at if order.claimed or order.shipped_at else None),
        ("shipped", order.shipped_at),
        ("told", max(filter(None, told), default=None) if told and all(told) and order.shipped_at else None),
    ]
    stopped = order.state in {State.CANCELLED, State.BACKORDERED, State.HELD, State.UNMAPPED}
    track: list[tuple[str, str, datetime | None]] = []
    reached = True
    for name, at in steps:
        mark = "done" if at is not None and reached else ("stop" if stopped else "now") if reached else ""
        reached = reached and at is not None
        track.append((name, mark, at if mark == "done" else None))
    return track


def units_left(line: LineRow) -> int:
    """Units of the line that have not left."""
    return max(0, line.qty - line.qty_shipped)


def flat(private: dict[str, Any]) -> list[tuple[str, str]]:
    """Buyer data as (label, text) rows, nested values joined."""
    rows = []
    for group, value in private.items():
        pairs = value.items() if isinstance(value, dict) else [(group, value)]
        rows += [(str(name), str(text)) for name, text in pairs if text not in (None, "", {}, [])]
    return rows


def _quantities(ask: Ask) -> dict[UUID, int] | None:
    typed = {name.removeprefix("line-"): value.strip() for name, value in ask.form.items() if name.startswith("line-")}
    if not typed:
        return None
    try:
        units = {UUID(line): int(value or 0) for line, value in typed.items()}
    except ValueError as error:
        raise Invalid("The field %(field)s needs a whole number.", field="qty") from error
    return {line: n for line, n in units.items() if n != 0}


def _link(kept: dict[str, str], changed: dict[str, str]) -> str:
    query = {name: value for name, value in (kept | changed).items() if value}
    return f"/orders?{urlencode(query)}" if query else "/orders"
