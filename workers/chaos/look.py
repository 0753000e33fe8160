"""Reads both memories: the simulated shops' from their own file, the hub's through its queries.

Invariant: reads only, and not through the adapters: an order that the hub never heard of is seen all the same.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

from channels.sim.quirks.protocol import Quirks
from channels.sim.quirks.shopify import Shopify
from channels.sim.quirks.tmall import Tmall
from channels.sim.sell import remaining
from channels.sim.store import Sale, Shop, Store
from finance.queries import list_vouchers
from finance.rows import VoucherFilter
from hub.core.cases import CaseKind
from hub.core.db import Session
from hub.core.queries import list_cases
from orders.sales.census import Counted, count_orders
from orders.sales.queries import in_flight
from stockpool.queries import moves_of, waterfalls_of
from workers.chaos.compare import Hubs, Shown, Sold
from workers.context import Hub

_QUIRKS: Mapping[str, Quirks] = {one.kind: one for one in (Shopify(), Tmall())}
_END_OF_TIME_MS = 1 << 60
_PAGE = 1_000
_MOST_PAGES = 100


def look_at_shops(path: Path, shop_ids: Mapping[str, int]) -> tuple[list[Sold], dict[tuple[int, str], int]]:
    """Every order that the shops know, and what they show: (hub's shop id, listing) -> units."""
    sold: list[Sold] = []
    shown: dict[tuple[int, str], int] = {}
    with closing(Store(str(path))) as store:
        for shop in store.shops():
            quirks, shop_id = _QUIRKS[shop.kind], shop_ids[shop.id]
            sold += [_sold(store, quirks, shop, shop_id, sale) for sale in _sales(store, shop)]
            for listing in store.listings(shop.id, 0, _PAGE):
                shown[shop_id, quirks.listing_ref(listing)] = listing.qty
    return sold, shown


def _sales(store: Store, shop: Shop) -> list[Sale]:
    found: list[Sale] = []
    for _ in range(_MOST_PAGES):
        after = (found[-1].modified_ms, found[-1].id) if found else (0, 0)
        page = store.sales_after(shop.id, 0, _END_OF_TIME_MS, after, _PAGE)
        if not page:
            break
        found += page
    return found


def _sold(store: Store, quirks: Quirks, shop: Shop, shop_id: int, sale: Sale) -> Sold:
    doc = sale.doc
    return Sold(
        shop_id=shop_id,
        external_id=quirks.order_ref(sale.id),
        lines={_ref(store, quirks, shop, line): _wanted(shop.kind, line) for line in doc["lines"]},
        paid=doc["paid_ms"] is not None,
        cancelled=doc["cancelled_ms"] is not None,
        waybills=[parcel["waybill"] for parcel in doc["parcels"]],
        unsent=sum(remaining(line) for line in doc["lines"]),
    )


def _ref(store: Store, quirks: Quirks, shop: Shop, line: Mapping[str, Any]) -> str:
    listing = store.listing(shop.id, line["listing"])
    return quirks.listing_ref(listing) if listing else ""


def _wanted(kind: str, line: Mapping[str, Any]) -> int:
    """TOP never lowers the pieces of a line: it closes the line or it does not."""
    return int(line["cur"]) if kind == "shopify" or not line["cur"] else int(line["qty"])


async def look_at_hub(hub: Hub, shop_ids: Sequence[int], sku_ids: Sequence[int]) -> Hubs:
    """Orders, shipments, vouchers and moves."""
    async with hub.db.transaction() as session:
        orders = [one for shop_id in shop_ids for one in await _all_orders(session, shop_id)]
        moves = {move_id for sku_id in sku_ids for move_id in await _all_moves(session, sku_id)}
        refused = await list_cases(session, kind=CaseKind.REJECTED_SHIPMENT, limit=_PAGE)
        vouchers = await _all_vouchers(session)
    return Hubs(orders, vouchers, moves, {str(case.facts["shipment_id"]) for case in refused})


async def _all_orders(session: Session, shop_id: int) -> list[Counted]:
    found: list[Counted] = []
    for _ in range(_MOST_PAGES):
        page = await count_orders(session, shop_id, found[-1].external_id if found else "", _PAGE)
        if not page:
            break
        found += page
    return found


async def _all_moves(session: Session, sku_id: int) -> list[UUID]:
    found: list[UUID] = []
    before = None
    for _ in range(_MOST_PAGES):
        page = await moves_of(session, sku_id, before=before, limit=_PAGE)
        if not page:
            break
        found += [move.id for move in page]
        before = page[-1].at, page[-1].id
    return found


async def _all_vouchers(session: Session) -> list[str]:
    """The shipment that each voucher about a shipment tells of."""
    found: list[str] = []
    after = None
    for _ in range(_MOST_PAGES * 10):
        page = await list_vouchers(session, VoucherFilter(source_type="shipment"), after=after, limit=_PAGE)
        if not page:
            break
        found += [voucher.source_id for voucher in page]
        after = page[-1].key
    return found


async def look_at_listings(hub: Hub, sku_ids: Sequence[int], shown: Mapping[tuple[int, str], int]) -> list[Shown]:
    """What every shop shows, should show, and could show by the stock as it is."""
    async with hub.db.transaction() as session:
        coming = await in_flight(session, sku_ids)
        found = [one for sku_id in sku_ids for one in await waterfalls_of(session, sku_id, coming)]
    return [
        Shown(
            row.shop_id,
            row.external_id,
            shown.get((row.shop_id, row.external_id)),
            row.want_qty,
            one.waterfall.offer,
            row.publish,
        )
        for one in found
        for row in [one.listing]
    ]
