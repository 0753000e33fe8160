"""Posting shipments to the books: 200 events in one transaction against one event per transaction."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count
from random import Random

from benchmarks.goods import Goods
from benchmarks.ground import Ground, Plot
from benchmarks.measure import Figure, figure, seconds
from finance.post import post_batch
from hub.core.clock import utcnow
from hub.core.events import Event
from hub.core.ids import derive

BATCH = 200
_AMOUNT = Decimal("22.60")


async def run(ground: Ground) -> list[Figure]:
    """Shipments per second: receivable, revenue, output VAT, cost, one balanced voucher each."""
    size = ground.size
    together: list[float] = []
    apart: list[float] = []
    async with ground.plot() as plot:
        goods = await Goods.stock(plot, size.of(1_000, 20), 1_000_000)
        shop_id = await plot.scalar(
            "INSERT INTO shop (kind, name, base_url, credentials) VALUES ('tmall', 'bench', '', '\\x00') RETURNING id"
        )
        events = Shipments(goods, shop_id)
        await _post(plot, events.opening())
        many, few, batch = size.of(2_000, 20), size.of(200, 10), size.of(BATCH, 10)
        for _ in range(size.rounds):
            together.append(await _rate(plot, events.some(many), batch))
            apart.append(await _rate(plot, events.some(few), 1))
        posted = await plot.scalar("SELECT count(*) FROM voucher WHERE source_type = 'shipment' AND state = 'posted'")
    if posted != size.rounds * (many + few):
        raise AssertionError(f"{posted} vouchers were posted")
    by_batch = figure("200 shipments per transaction", "shipments/s", together)
    by_one = figure("one shipment per transaction", "shipments/s", apart)
    return [by_batch, by_one, by_batch.over(by_one, "200 per transaction / one per transaction")]


async def _rate(plot: Plot, events: Sequence[Event], batch: int) -> float:
    async def post_all() -> None:
        for at in range(0, len(events), batch):
            await _post(plot, events[at : at + batch])

    return len(events) / await seconds(post_all)


async def _post(plot: Plot, events: Sequence[Event]) -> None:
    async with plot.bare.transaction() as session:
        failures = await post_batch(session, events)
    if failures:
        raise AssertionError(f"not posted: {failures[0][1]}")


class Shipments:
    """Events as the orders room tells them."""

    def __init__(self, goods: Goods, shop_id: int) -> None:
        self._goods = goods
        self._shop_id = shop_id
        self._random = Random(1)
        self._numbers = count(1)

    def opening(self) -> list[Event]:
        """The receipts that give every good its cost."""
        at = utcnow()
        return [self._received(sku_id, at) for sku_id in self._goods.skus]

    def some(self, events: int) -> list[Event]:
        """New shipments of one to three goods."""
        at = utcnow()
        return [self._fulfilled(next(self._numbers), at) for _ in range(events)]

    def _received(self, sku_id: int, at: datetime) -> Event:
        payload = {
            "move_id": str(derive("bench", "receipt", sku_id)),
            "sku_id": sku_id,
            "warehouse_id": self._goods.warehouse_id,
            "qty": 1_000_000,
            "unit_cost": "10.00",
            "reference": "OPENING",
            "at": at.isoformat(),
        }
        return Event(derive("bench", "received", sku_id), "stock.received", payload, at)

    def _fulfilled(self, number: int, at: datetime) -> Event:
        chosen = self._random.sample(self._goods.skus, self._random.choice((1, 1, 1, 1, 2, 2, 2, 3)))
        payload = {
            "order_id": str(derive("bench", "order", number)),
            "shipment_id": str(derive("bench", "shipment", number)),
            "shop_id": self._shop_id,
            "external_id": str(number),
            "number": str(number),
            "currency": "CNY",
            "shipped_at": at.isoformat(),
            "paid_at": at.isoformat(),
            "lines": [
                {
                    "line_id": str(derive("bench", "line", number, at_line)),
                    "sku_id": sku_id,
                    "qty": 1,
                    "amount": str(_AMOUNT),
                    "move_id": str(derive("bench", "move", number, at_line)),
                    "warehouse_id": self._goods.warehouse_id,
                    "title": f"Good {sku_id}",
                }
                for at_line, sku_id in enumerate(chosen)
            ],
        }
        return Event(derive("bench", "fulfilled", number), "order.fulfilled", payload, at)
