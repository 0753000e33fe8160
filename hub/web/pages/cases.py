"""Cases: the queue on the left, the case on the right, the moves with their effect; after a move the next one opens.

Invariant: a case is ended only by a move of its kind or by its own cause; every move goes through hub.web.moves.
"""

from collections.abc import Sequence

from starlette.responses import Response

from hub.core import audit
from hub.core.cases import CaseKind
from hub.core.errors import Invalid
from hub.core.queries import Case, count_cases, get_case, list_cases, own_case
from hub.core.shops import list_shops
from hub.web import forms
from hub.web.ask import Ask
from hub.web.moves import make, moves_of
from hub.web.render import page
from orders.sales.errors import NoSuchOrder
from orders.sales.queries import OrderDetail, order_detail
from stockpool import queries as stock


async def show_queue(ask: Ask) -> Response:
    """The queue with its first case open."""
    kind, state = _wanted(ask)
    queue = await list_cases(ask.session, kind=kind, state=state)
    first = queue[0] if queue else None
    return await _desk(ask, queue, first, chosen=False)


async def show_one(ask: Ask) -> Response:
    """One case beside the queue."""
    case = await get_case(ask.session, forms.row_id(ask.request.path_params["id"]))
    kind, state = _wanted(ask)
    queue = await list_cases(ask.session, kind=kind, state=state if case.state == "open" else case.state)
    return await _desk(ask, queue, case, chosen=True)


async def do_move(ask: Ask) -> Response:
    """Make a move; the next case opens."""
    case = await get_case(ask.session, forms.row_id(ask.request.path_params["id"]))
    before = [one.id for one in await list_cases(ask.session)]
    await make(ask, case, ask.request.path_params["move"])
    left = {one.id for one in await list_cases(ask.session)}
    if case.id in left:
        return ask.go(f"/cases/{case.id}", "Done. The case stays open until its cause is gone.")
    after = before.index(case.id) + 1 if case.id in before else 0
    following = [one for one in before[after:] + before[:after] if one in left]
    if not following:
        return ask.go("/cases", "Done. No case is left.")
    return ask.go(f"/cases/{following[0]}", "Done. Here is the next case.")


async def do_own(ask: Ask) -> Response:
    """Take a case, or give it back."""
    case_id = forms.row_id(ask.request.path_params["id"])
    mine = ask.form.get("take") == "yes"
    await own_case(ask.session, case_id, ask.person.name if mine else None)
    await audit.record(ask.session, ask.person.name, "case.own", f"case:{case_id}", taken=mine)
    return ask.go(f"/cases/{case_id}")


def _wanted(ask: Ask) -> tuple[CaseKind | None, str]:
    kind, state = ask.request.query_params.get("kind", ""), ask.request.query_params.get("state", "open")
    if (kind and kind not in set(CaseKind)) or state not in {"open", "closed"}:
        raise Invalid("This choice does not exist.")
    return (CaseKind(kind) if kind else None), state


async def _desk(ask: Ask, queue: Sequence[Case], case: Case | None, *, chosen: bool) -> Response:
    shops = {shop.id: shop for shop in await list_shops(ask.session)}
    kind, state = _wanted(ask)
    return page(
        ask,
        "cases.html",
        queue=queue,
        case=case,
        chosen=chosen,
        shops=shops,
        kind=kind,
        state=state,
        counts=await count_cases(ask.session),
        moves=[move for move in moves_of(case.kind) if ask.may(move.act)] if case and case.state == "open" else [],
        order=await _order(ask, case),
        sku=await _sku(ask, case),
        listing=await _listing(ask, case),
        pushes=await stock.pushes_of(ask.session, case.listing_id, 5) if case and case.listing_id else [],
    )


async def _order(ask: Ask, case: Case | None) -> OrderDetail | None:
    if case is None or case.order_id is None:
        return None
    try:
        return await order_detail(ask.session, case.order_id)
    except NoSuchOrder:
        return None


async def _sku(ask: Ask, case: Case | None) -> stock.SkuDetail | None:
    return await stock.sku_detail(ask.session, case.sku_id) if case and case.sku_id else None


async def _listing(ask: Ask, case: Case | None) -> stock.ListingRow | None:
    return await stock.listing_detail(ask.session, case.listing_id) if case and case.listing_id else None
