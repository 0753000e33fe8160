"""The gate: one script call per batch against a call per order in one pipeline; how long it takes to fill it anew."""

from collections.abc import Sequence

from benchmarks.goods import Goods
from benchmarks.ground import Ground, Plot
from benchmarks.measure import Figure, figure, seconds
from benchmarks.reserve import BATCH
from stockpool.claims.fence import Fence, put_up_fence
from stockpool.claims.rebuild import rebuild
from stockpool.claims.rules import Ask, gate_key

_BATCHES = 20
_PENDING_MS = 10_000
_TTL_SECONDS = 86_400


async def run(ground: Ground) -> list[Figure]:
    """Microseconds per order at the gate alone."""
    size = ground.size
    together: list[float] = []
    apart: list[float] = []
    async with ground.plot() as plot:
        goods = await Goods.stock(plot, size.of(10_000, 100), 1_000_000)
        await goods.load_gate()
        fence = await put_up_fence(plot.redis, plot.bare)
        count = size.of(_BATCHES, 2)
        for _ in range(size.rounds):
            together.append(await _each(plot, goods.batches(count * BATCH, BATCH), None))
            apart.append(await _each(plot, goods.batches(count * BATCH, BATCH), fence))
    one = figure("one script call per 200 orders", "us/order", together)
    many = figure("200 pipelined calls, one per order", "us/order", apart)
    return [one, many, many.over(one, "pipelined calls / one call")]


async def refill(ground: Ground) -> list[Figure]:
    """Seconds from an empty Valkey to a gate that knows every level."""
    size = ground.size
    count = size.of(10_000, 100)
    took: list[float] = []
    async with ground.plot() as plot:
        await Goods.stock(plot, count, 100)
        for _ in range(size.rounds):
            await plot.redis.flushall()
            await plot.redis.script_flush()
            took.append(await seconds(lambda: _rebuild(plot, count)))
    return [figure(f"empty gate refilled with {count:,} goods", "s", took)]


async def _rebuild(plot: Plot, count: int) -> None:
    await plot.gate.fence()
    async with plot.bare.transaction() as session:
        told = await rebuild(session, plot.gate)
    if told != count:
        raise AssertionError(f"{told} of {count} levels were told")


async def _each(plot: Plot, batches: Sequence[Sequence[Ask]], fence: Fence | None) -> float:
    """Admit all batches; microseconds per order. With `fence`: by single calls in a pipeline per batch."""

    async def admit() -> None:
        for asks in batches:
            if fence is None:
                answers = await plot.gate.admit(asks)
                admitted = sum(not answer.refused for answer in answers)
            else:
                admitted = await _pipelined(plot, fence, asks)
            if admitted != len(asks):
                raise AssertionError("the gate refused an order that it has units for")

    took = await seconds(admit)
    for asks in batches:
        await plot.gate.settle([ask.ticket for ask in asks], ())
    return took / sum(map(len, batches)) * 1e6


async def _pipelined(plot: Plot, fence: Fence, asks: Sequence[Ask]) -> int:
    """The same script with the same words as Gate.admit uses, but one call for each order."""
    async with plot.redis.pipeline(transaction=False) as pipe:
        for ask in asks:
            demand = ask.demand
            keys = [fence.pendings, fence.deadlines, *(fence.stock_prefix + gate_key(place) for place in demand)]
            pairs = [word for at, qty in enumerate(demand.values()) for word in (at, qty)]
            words = ["admit", fence.stock_prefix, _TTL_SECONDS, _PENDING_MS, 1, ask.ticket, len(demand), *pairs]
            pipe.evalsha(fence.sha, len(keys), *keys, *map(str, words))
        return sum(reply == ["done", "ok"] for reply in await pipe.execute())
