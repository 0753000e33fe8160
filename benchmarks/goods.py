"""Goods with stock, and what buyers want of them: the same at every run."""

from itertools import islice
from random import Random

from benchmarks.ground import Plot
from stockpool.claims.levels import read_levels
from stockpool.claims.rules import Ask, Line

_LINES = (1, 1, 1, 1, 2, 2, 2, 3)
"""1.625 lines an order on average"""

_SKUS = """
INSERT INTO sku (code, name) SELECT 'B' || g, 'Good ' || g FROM generate_series(1, :count) AS g
"""
_MOVES = """
INSERT INTO stock_move (id, sku_id, from_id, to_id, qty, cause, reference, actor, unit_cost)
SELECT gen_random_uuid(), s.id, supplier.id, main.id, :units, 'receive', 'OPENING', 'bench', 10
FROM sku AS s, warehouse AS supplier, warehouse AS main WHERE supplier.code = 'SUPPLIER' AND main.code = 'MAIN'
"""
_LEVELS = """
INSERT INTO stock_level (sku_id, warehouse_id, on_hand, version)
SELECT s.id, w.id, :units, 1 FROM sku AS s, warehouse AS w WHERE w.code = 'MAIN'
"""


class Goods:
    """`count` goods in the main warehouse, `units` of each."""

    def __init__(self, plot: Plot, skus: list[int], warehouse_id: int) -> None:
        self._plot = plot
        self.skus = skus
        self.warehouse_id = warehouse_id
        self.wanted = skus
        """what the buyers choose from"""
        self._random = Random(1)
        self._orders = 0

    @classmethod
    async def stock(cls, plot: Plot, count: int, units: int) -> "Goods":
        """Put them there with plain SQL: this is not what is measured."""
        await plot.execute(_SKUS, count=count)
        await plot.execute(_MOVES, units=units)
        await plot.execute(_LEVELS, units=units)
        await plot.execute("ANALYZE")
        first = await plot.scalar("SELECT min(id) FROM sku")
        warehouse_id = await plot.scalar("SELECT id FROM warehouse WHERE code = 'MAIN'")
        return cls(plot, list(range(first, first + count)), warehouse_id)

    def asks(self, count: int) -> list[Ask]:
        """That many new orders of one to three different goods."""
        return [self._ask() for _ in range(count)]

    def batches(self, count: int, size: int) -> list[list[Ask]]:
        """New orders, `size` at a time."""
        asks = iter(self.asks(count))
        return [part for _ in range(count // size) if (part := list(islice(asks, size)))]

    def _ask(self) -> Ask:
        self._orders += 1
        chosen = self._random.sample(self.wanted, min(len(self.wanted), self._random.choice(_LINES)))
        lines = tuple(Line(str(at), sku_id, self._random.choice((1, 1, 1, 2))) for at, sku_id in enumerate(chosen))
        return Ask(f"bench:{self._orders}", lines, self.warehouse_id)

    async def load_gate(self) -> None:
        """Have the gate know all levels, as it does on a hub that runs."""
        async with self._plot.bare.transaction() as session:
            levels = await read_levels(session, [(sku_id, self.warehouse_id) for sku_id in self.skus])
        await self._plot.gate.push(list(levels.values()))
