"""Nothing slows down as the hub fills: the same work on a small hub and on one that holds a hundred times as much."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from benchmarks.goods import Goods
from benchmarks.ground import Ground, Plot
from benchmarks.measure import Figure, fastest_ms, figure
from benchmarks.reserve import BATCH, take
from orders.sales.queries import OrderFilter, list_orders

_PAGE_ROWS = 10
_DEEP_PAGE = 1000
_SHOP = """
INSERT INTO shop (kind, name, base_url, credentials) VALUES ('tmall', 'bench', 'http://127.0.0.1', '\\x00')
"""
_ORDERS = """
INSERT INTO sales_order (id, shop_id, external_id, number, state, channel_status, claimed, currency, units, body_hash,
                         placed_at, modified_at, total)
SELECT md5('order' || g)::uuid, (SELECT min(id) FROM shop), g, g, 'reserved', 'to_ship', true, 'CNY', 1, '\\x00',
       now() - g * interval '1 minute', now(), 10
FROM generate_series(1, :orders) AS g
"""
_LINES = """
INSERT INTO order_line (id, order_id, external_line_id, position, sku_id, platform_sku, qty, qty_ordered, unit_price,
                        discount, tax, shipping_share, amount)
SELECT md5('line' || g)::uuid, md5('order' || g)::uuid, '1', 0, (SELECT min(id) FROM sku) + g % :skus, 'x', 1, 1, 10,
       0, 0, 0, 10
FROM generate_series(1, :orders) AS g
"""
_CLAIMS = """
INSERT INTO reservation (id, key, line, attempt, sku_id, warehouse_id, qty, kind)
SELECT md5('claim' || g)::uuid, 'order:' || md5('order' || g)::uuid, md5('line' || g)::uuid, 1,
       (SELECT min(id) FROM sku) + g % :skus, (SELECT id FROM warehouse WHERE code = 'MAIN'), 1, 'claim'
FROM generate_series(1, :orders) AS g
"""
_RESERVED = """
UPDATE stock_level AS l SET reserved = r.units
FROM (SELECT sku_id, sum(qty) AS units FROM reservation GROUP BY 1) AS r WHERE r.sku_id = l.sku_id
"""
_ROW = "SELECT placed_at, id FROM sales_order ORDER BY placed_at DESC, id DESC OFFSET :at LIMIT 1"


@dataclass(slots=True)
class Times:
    """Milliseconds per round on one hub."""

    skus: int
    orders: int
    reserve: list[float] = field(default_factory=list)
    first_page: list[float] = field(default_factory=list)
    deep_page: list[float] = field(default_factory=list)


async def run(ground: Ground) -> list[Figure]:
    """Each thing on both hubs, and how much longer it takes on the full one."""
    size = ground.size
    small = Times(size.of(1_000, 10), size.of(10_000, 60))
    full = Times(size.of(100_000, 50), size.of(200_000, 240))
    async with ground.plot() as one, ground.plot() as other:
        plots = [
            (small, one, await _fill(one, small, small.skus)),
            (full, other, await _fill(other, full, small.skus)),
        ]
        deep = _PAGE_ROWS * (_DEEP_PAGE - 1) if not size.tiny else 2 * _PAGE_ROWS
        for _ in range(size.rounds):
            for times, plot, goods in plots:
                await _measure(times, plot, goods, deep)
    return _figures(small, full)


async def _fill(plot: Plot, times: Times, wanted: int) -> Goods:
    """`wanted`: the buyers of both hubs choose from equally many goods, so that an order is the same work on both."""
    goods = await Goods.stock(plot, times.skus, 1_000_000)
    await plot.execute(_SHOP)
    await plot.execute(_ORDERS, orders=times.orders)
    await plot.execute(_LINES, orders=times.orders, skus=times.skus)
    await plot.execute(_CLAIMS, orders=times.orders, skus=times.skus)
    await plot.execute(_RESERVED)
    await plot.execute("ANALYZE")
    await goods.load_gate()
    goods.wanted = goods.skus[:: len(goods.skus) // wanted]
    await take(plot.db, plot.gate, goods.asks(BATCH))  # the first batch pays for plans and caches
    return goods


async def _measure(times: Times, plot: Plot, goods: Goods, deep: int) -> None:
    batches = iter(goods.batches(3 * BATCH, BATCH))
    times.reserve.append(await fastest_ms(lambda: take(plot.db, plot.gate, next(batches))))
    times.first_page.append(await fastest_ms(lambda: _page(plot, None)))
    async with plot.bare.transaction() as session:
        row = (await session.execute(text(_ROW), {"at": deep - 1})).one()
    times.deep_page.append(await fastest_ms(lambda: _page(plot, (row.placed_at, row.id))))


async def _page(plot: Plot, after: tuple[datetime, UUID] | None) -> None:
    async with plot.bare.transaction() as session:
        page = await list_orders(session, OrderFilter(), after, _PAGE_ROWS)
    if len(page.rows) != _PAGE_ROWS:
        raise AssertionError(f"a page of {len(page.rows)} orders")


def _figures(small: Times, full: Times) -> list[Figure]:
    found = []
    for words, name in {
        "reserve": f"reserve {BATCH} orders",
        "first_page": "orders, first page",
        "deep_page": f"orders, page {_DEEP_PAGE:,}",
    }.items():
        sizes = [f"{times.skus:,} goods, {times.orders:,} orders" for times in (small, full)]
        before = figure(f"{name} ({sizes[0]})", "ms", getattr(small, words))
        after = figure(f"{name} ({sizes[1]})", "ms", getattr(full, words))
        found += [before, after, after.over(before, f"{name}: full / small")]
    return found
