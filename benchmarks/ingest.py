"""Taking in what a channel sends: a page of 100 orders in one transaction against one order at a time."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import count
from random import Random

from benchmarks.goods import Goods
from benchmarks.ground import Ground, Plot
from benchmarks.measure import Figure, figure, seconds
from channels.kit.types import ChannelLine, ChannelOrder, OrderPage, OrderStatus
from hub.core.clock import utcnow
from hub.core.seal import Seal
from hub.core.shops import Shop, connect_shop, get_shop
from orders.sales.ingest import ingest_page
from stockpool.offers.listings import FoundListing, register

PAGE = 100
_PRICE = Decimal("19.90")


async def run(ground: Ground) -> list[Figure]:
    """Orders per second: raw answer sealed, orders, lines, diary, cursor's transaction."""
    size = ground.size
    paged: list[float] = []
    single: list[float] = []
    async with ground.plot() as plot:
        goods = await Goods.stock(plot, size.of(1_000, 20), 1_000_000)
        buyers = Buyers(plot, goods)
        shop = await buyers.open_shop()
        pages, few = size.of(10, 1), size.of(100, 5)
        for _ in range(size.rounds):
            paged.append(await _rate(buyers, shop, [buyers.page(PAGE) for _ in range(pages)]))
            single.append(await _rate(buyers, shop, [buyers.page(1) for _ in range(few)]))
        stored = await plot.scalar("SELECT count(*) FROM sales_order WHERE state = 'new'")
    if stored != size.rounds * (pages * PAGE + few):
        raise AssertionError(f"{stored} orders were stored")
    by_page, by_one = (
        figure(f"pages of {PAGE} orders", "orders/s", paged),
        figure("pages of 1 order", "orders/s", single),
    )
    return [by_page, by_one, by_page.over(by_one, f"pages of {PAGE} / pages of 1")]


async def _rate(buyers: "Buyers", shop: Shop, pages: Sequence[OrderPage]) -> float:
    async def take_in() -> None:
        for page in pages:
            await buyers.send(shop, page)

    return sum(len(page.orders) for page in pages) / await seconds(take_in)


class Buyers:
    """One shop and what is bought there."""

    def __init__(self, plot: Plot, goods: Goods) -> None:
        self._plot = plot
        self._goods = goods
        self._seal = Seal("a secret of the benchmarks, long enough")
        self._random = Random(1)
        self._numbers = count(1)

    async def open_shop(self) -> Shop:
        """Connected, all goods listed and mapped."""
        first = self._goods.skus[0]
        async with self._plot.bare.transaction() as session:
            shop_id = await connect_shop(
                session, self._seal, kind="tmall", name="bench", base_url="http://127.0.0.1", credentials={}
            )
            found = [FoundListing(f"L{sku}", f"B{sku - first + 1}", f"Good {sku}") for sku in self._goods.skus]
            await register(session, shop_id, found)
            return await get_shop(session, shop_id)

    async def send(self, shop: Shop, page: OrderPage) -> None:
        """One page, one transaction."""
        async with self._plot.bare.transaction() as session:
            await ingest_page(session, shop, page, self._seal)

    def page(self, orders: int) -> OrderPage:
        """New orders with one to three lines."""
        made = tuple(self._order(next(self._numbers)) for _ in range(orders))
        return OrderPage(orders=made, raw="".join(order.model_dump_json() for order in made).encode())

    def _order(self, number: int) -> ChannelOrder:
        chosen = self._random.sample(self._goods.skus, self._random.choice((1, 1, 1, 1, 2, 2, 2, 3)))
        now = utcnow() + timedelta(seconds=1)
        lines = tuple(
            ChannelLine(
                line_id=f"{number}-{at}",
                platform_sku=f"L{sku_id}",
                title=f"Good {sku_id}",
                qty=1,
                qty_ordered=1,
                unit_price=_PRICE,
            )
            for at, sku_id in enumerate(chosen)
        )
        return ChannelOrder(
            external_id=str(number),
            number=str(number),
            status=OrderStatus.TO_SHIP,
            currency="CNY",
            total=_PRICE * len(lines),
            lines=lines,
            placed_at=now,
            paid_at=now,
            modified_at=now,
            buyer={"name": f"Buyer {number}"},
            ship_to={"address": f"Road {number}, Hangzhou"},
        )
