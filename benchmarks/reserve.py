"""Reserving: a group commit of 200 orders against one order per transaction, with the gate and without it."""

import asyncio
from collections.abc import Sequence

from benchmarks.goods import Goods
from benchmarks.ground import Ground, Plot
from benchmarks.measure import Figure, figure, seconds
from hub.core.db import Database
from stockpool.claims.gate import Gate
from stockpool.claims.grant import Granted, grant
from stockpool.claims.rules import Ask

BATCH = 200
_CONNECTIONS = 8


async def run(ground: Ground) -> list[Figure]:
    """Orders per second of the four ways, and their ratios."""
    size = ground.size
    grouped: list[float] = []
    single: list[float] = []
    gated: list[float] = []
    async with ground.plot() as plot:
        goods = await Goods.stock(plot, size.of(10_000, 100), 1_000_000)
        await goods.load_gate()
        batch, many, few = size.of(BATCH, 20), size.of(4_000, 40), size.of(800, 16)
        for _ in range(size.rounds):
            grouped.append(await _rate(plot.bare, None, goods.batches(many, batch), 1))
            gated.append(await _rate(plot.db, plot.gate, goods.batches(many, batch), 1))
            single.append(await _rate(plot.bare, None, goods.batches(few, 1), _CONNECTIONS))
        await _check(plot, size.rounds * (2 * many + few))
    by_group = figure("group commit of 200 orders", "orders/s", grouped)
    by_one = figure(f"one order per transaction, {_CONNECTIONS} connections", "orders/s", single)
    with_gate = figure("group commit of 200 orders behind the gate", "orders/s", gated)
    return [
        by_group,
        by_one,
        by_group.over(by_one, "group commit / one order per transaction"),
        with_gate,
        with_gate.over(by_group, "with the gate / without it"),
    ]


async def _rate(db: Database, gate: Gate | None, batches: Sequence[Sequence[Ask]], connections: int) -> float:
    waiting = iter(batches)

    async def work() -> None:
        for asks in waiting:
            await take(db, gate, asks)

    async def all_connections() -> None:
        await asyncio.gather(*(work() for _ in range(connections)))

    return sum(map(len, batches)) / await seconds(all_connections)


async def take(db: Database, gate: Gate | None, asks: Sequence[Ask]) -> int:
    """The road of a batch: gate (if any), grant, commit, settle. Returns how many were granted."""
    if gate is not None:
        refused = {answer.key for answer in await gate.admit(asks) if answer.refused}
        asks = [ask for ask in asks if ask.key not in refused]
    if not asks:
        return 0
    async with db.transaction() as session:
        answers = await grant(session, asks)
    return sum(isinstance(answer, Granted) for answer in answers.values())


async def _check(plot: Plot, orders: int) -> None:
    granted = await plot.scalar("SELECT count(DISTINCT key) FROM reservation")
    if granted != orders:
        raise AssertionError(f"{orders} orders were asked for, {granted} hold their units")
