"""Simulated buyers who keep buying, so that a fresh hub has something to show.

Invariant: seeded; they buy only what a shop shows; they never restock.
"""

import asyncio
import random
from collections.abc import Callable

from channels.sim.quirks.protocol import World
from channels.sim.sell import Bought, Wish
from channels.sim.store import Shop

_NAMES = ("小林", "王芳", "李强", "Alex", "陈晨", "Mia", "赵敏", "Noah", "周杰", "Emma", "吴桐", "Leo")
_MAX_PER_MINUTE = 60_000
_LOOK_AT = 500


class Buyers:
    """A crowd with one rate for all shops together."""

    def __init__(self, world: World, bought: Callable[[Shop, Bought], None], per_minute: float, seed: int) -> None:
        self._world = world
        self._bought = bought
        self._changed = asyncio.Event()
        self.set_rate(per_minute, seed)

    def set_rate(self, per_minute: float, seed: int) -> None:
        """Purchases per minute, Poisson; 0 = nobody buys. Raises ValueError out of bounds."""
        if not 0 <= per_minute <= _MAX_PER_MINUTE:
            raise ValueError(f"per_minute must be between 0 and {_MAX_PER_MINUTE}")
        self.per_minute = per_minute
        self._random = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self._changed.set()

    async def run(self) -> None:
        """Buy until cancelled."""
        while True:
            self._changed.clear()
            pause = self._random.expovariate(self.per_minute / 60) if self.per_minute else None
            try:
                await asyncio.wait_for(self._changed.wait(), pause)
            except TimeoutError:
                self.buy_once()

    def buy_once(self) -> None:
        """One basket in one shop: mostly one good, mostly one piece."""
        shops = self._world.store.shops()
        if not shops:
            return
        shop = self._random.choice(shops)
        shown = [one for one in self._world.store.listings(shop.id, 0, _LOOK_AT) if one.qty > 0]
        if not shown:
            return
        chosen = self._random.sample(shown, min(len(shown), self._random.choices((1, 2, 3), (70, 22, 8))[0]))
        wishes = [Wish(one, self._random.choices((1, 2, 3), (80, 15, 5))[0]) for one in chosen]
        self._bought(shop, self._world.till.buy(shop, wishes, buyer=self._random.choice(_NAMES)))
