"""The search box: one field for orders, Skus, barcodes and waybills; a single sure hit opens at once.

Invariant: reads only, bounded; buyer data is not searched, because it is sealed.
"""

from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from hub.web.ask import Ask
from hub.web.render import page
from orders.sales.queries import OrderFilter, OrderRow, list_orders, orders_of_waybill
from stockpool.queries import StockFilter, StockRow, list_stock

MAX_ROWS = 20


async def show(ask: Ask) -> Response:
    """What matches the text."""
    wanted = ask.request.query_params.get("q", "").strip()[:100]
    if not wanted:
        return page(ask, "search.html", wanted="", orders=[], skus=[])
    orders = await _orders(ask, wanted)
    skus = await list_stock(ask.session, StockFilter(search=wanted), limit=MAX_ROWS)
    if (address := _sure_hit(wanted, orders, skus)) is not None:
        return RedirectResponse(address, status_code=303)
    return page(ask, "search.html", wanted=wanted, orders=orders, skus=skus, more=f"/orders?q={quote(wanted)}")


async def _orders(ask: Ask, wanted: str) -> list[OrderRow]:
    found = list((await list_orders(ask.session, OrderFilter(text=wanted), limit=MAX_ROWS)).rows)
    seen = {row.id for row in found}
    return found + [row for row in await orders_of_waybill(ask.session, wanted) if row.id not in seen]


def _sure_hit(wanted: str, orders: list[OrderRow], skus: list[StockRow]) -> str | None:
    if len(orders) == 1 and not skus:
        return f"/orders/{orders[0].id}"
    exact = [row for row in skus if row.code.lower() == wanted.lower()]
    if len(exact) == 1:
        return f"/stock/{exact[0].sku_id}"
    return f"/stock/{skus[0].sku_id}" if len(skus) == 1 and not orders else None
