"""A hot good sells out: 10,000 buyers want one piece each, 500 are there. One by one against batches of 200."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.goods import Goods
from benchmarks.ground import Ground, Plot, Transactions
from benchmarks.measure import Figure, figure, seconds
from benchmarks.reserve import BATCH, take
from hub.core.db import Database
from stockpool.claims.gate import Gate
from stockpool.claims.reserve import reserve
from stockpool.claims.rules import Ask, Line
from stockpool.errors import OutOfStock

UNITS = 500
BUYERS = 10_000
_CONNECTIONS = 16
_SLOW_ROUNDS = 1
"""of the ways that serve one buyer at a time: they take most of a minute"""


@dataclass(slots=True)
class Way:
    """One way to serve the crowd, and what it took per round."""

    name: str
    sell: Callable[[Plot, Goods, int, int], Awaitable[int]]
    rounds: int
    took: list[float] = field(default_factory=list)
    transactions: list[float] = field(default_factory=list)


async def run(ground: Ground) -> list[Figure]:
    """Seconds and PostgreSQL transactions until the last buyer knows."""
    rounds = ground.size.rounds
    ways = [
        Way("one by one, PostgreSQL alone", lambda *them: _one_by_one(them[0].bare, *them), _SLOW_ROUNDS),
        Way("one by one, behind the gate", lambda *them: _one_by_one(them[0].db, *them), _SLOW_ROUNDS),
        Way("batches of 200, PostgreSQL alone", lambda *them: _batched(them[0].bare, None, *them), rounds),
        Way("batches of 200, behind the gate", lambda *them: _batched(them[0].db, them[0].gate, *them), rounds),
    ]
    buyers, units = ground.size.of(BUYERS, 100), ground.size.of(UNITS, 10)
    async with ground.plot() as plot:
        goods = await Goods.stock(plot, rounds * len(ways), units)
        await goods.load_gate()
        for number in range(rounds):
            for way in ways:
                if number < way.rounds:
                    await _measure(plot, goods, way, buyers, units)
    return _figures(ways)


async def _measure(plot: Plot, goods: Goods, way: Way, buyers: int, units: int) -> None:
    sku_id = goods.skus.pop()
    sold: list[int] = []

    async def sell() -> None:
        sold.append(await way.sell(plot, goods, sku_id, buyers))

    with Transactions(plot.db, plot.bare) as transactions:
        way.took.append(await seconds(sell))
    way.transactions.append(transactions.count)
    if sold != [units]:
        raise AssertionError(f"{way.name}: {units} units were there, {sold} were sold")


def _figures(ways: list[Way]) -> list[Figure]:
    figures = []
    for way in ways:
        figures.append(figure(f"sell-out, {way.name}", "s", way.took))
        figures.append(figure(f"sell-out, {way.name}: transactions", "", way.transactions))
    slow, fast = figures[0], figures[-2]
    return [*figures, slow.over(fast, "sell-out, one by one on PostgreSQL / batches behind the gate")]


async def _one_by_one(db: Database, _plot: Plot, goods: Goods, sku_id: int, buyers: int) -> int:
    waiting = iter(range(buyers))

    async def serve() -> int:
        sold = 0
        for buyer in waiting:
            try:
                async with db.transaction() as session:
                    place = goods.warehouse_id
                    await reserve(session, {sku_id: 1}, f"hot:{sku_id}:{buyer}", warehouse_id=place)
            except OutOfStock:
                continue
            sold += 1
        return sold

    return sum(await asyncio.gather(*(serve() for _ in range(_CONNECTIONS))))


async def _batched(db: Database, gate: Gate | None, _plot: Plot, goods: Goods, sku_id: int, buyers: int) -> int:
    asks = [Ask(f"hot:{sku_id}:{n}", (Line("1", sku_id, 1),), goods.warehouse_id) for n in range(buyers)]
    return sum([await take(db, gate, asks[at : at + BATCH]) for at in range(0, buyers, BATCH)])
