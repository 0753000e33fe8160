"""One fault run on an open hub: build the world, trade while things break, wait until all is at rest, compare.

Invariant: nothing is judged before the faults are over; the wait for rest is bounded, and what is not right by then is
told. Units are watched all the while: at no moment is more promised than came in.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from hub.core.clock import monotonic
from hub.core.db import is_connection_trouble
from hub.core.log import get_logger
from hub.processes import Processes
from orders.sales.figures import counts
from orders.sales.outcome import unfinished
from stockpool.outcome import oversold_units, waiting
from stockpool.queries import find_sku
from workers.chaos.break_things import Breaker
from workers.chaos.compare import compare_orders, compare_promises, compare_shops
from workers.chaos.look import look_at_hub, look_at_listings, look_at_shops
from workers.chaos.people import Buyers, Done, Warehouse
from workers.chaos.schedule import plan
from workers.context import Hub
from workers.replay.board import Board
from workers.replay.caller import Caller
from workers.replay.goods import Good
from workers.replay.stage import Stage
from workers.replay.together import with_background
from workers.replay.world import answers, connect, first_publish, import_catalogues, open_shops, stock_up

log = get_logger(__name__)

SHOPS = 3
GOODS = 30
BUYERS_PER_SECOND = 12.0
REST_SECONDS = 240.0
_LOOK_SECONDS = 1.0
_TEND_SECONDS = 0.1


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    done: Done
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    oversold_units: int = 0
    looks: int = 0
    """how often the promised units were added up while things broke"""
    rest_seconds: float = 0.0


class Trade:
    """One run."""

    def __init__(self, stage: Stage, hub: Hub, board: Board, seed: int, seconds: float) -> None:
        self._stage = stage
        self._hub = hub
        self._board = board
        self._seed = seed
        self._seconds = seconds
        self._sim = Caller(hub.settings.sim_url)
        self._goods = scarce_goods(seed)
        self._shop_ids: dict[str, int] = {}
        self._skus: list[int] = []
        self.outcome = Outcome(Done())

    async def run(self) -> Outcome:
        """From the empty hub to rest. Raises Stuck when the hub does not even start."""
        await self._build()
        breaker = Breaker(self._stage, self._hub, self._sim, list(self._shop_ids))
        self._board.begin("Trading", int(self._seconds))
        await with_background(self._break(breaker), *self._people(), self._watch(), self._show(breaker))
        self._board.begin("Coming to rest")
        await breaker.restore()
        self.outcome.faults = breaker.done
        began = monotonic()
        await self._rest()
        self.outcome.rest_seconds = monotonic() - began
        return self.outcome

    async def judge(self) -> None:
        """The last comparison, when the processes are stopped."""
        self.outcome.wrong = await self._compare()
        async with self._hub.db.transaction() as session:
            self.outcome.states = {str(state): number for state, number in (await counts(session)).items() if number}
        self._note_oversold(await self._oversold())

    async def _build(self) -> None:
        show = self._board.show
        self._board.begin("Starting")
        await answers(self._sim, "/_sim/stats")
        await stock_up(self._hub, self._goods, show)
        made = await open_shops(self._sim, self._goods, SHOPS, show)
        ids = await connect(self._hub, self._sim, made)
        self._shop_ids = {shop["id"]: shop_id for shop, shop_id in zip(made, ids, strict=True)}
        self._board.begin("Importing listings")
        await import_catalogues(self._hub, ids, show)
        self._board.begin("First publish")
        await first_publish(self._hub, SHOPS * GOODS, show)
        async with self._hub.db.transaction() as session:
            found = [await find_sku(session, good.code) for good in self._goods]
        self._skus = [row.id for row in found if row is not None]

    def _people(self) -> list[Coroutine[Any, Any, None]]:
        done, codes = self.outcome.done, [good.code for good in self._goods]
        warehouse = Warehouse(self._hub, self._skus, self._seed, done)
        buyers = Buyers(self._sim, list(self._shop_ids), codes, self._seed, done)
        return [buyers.run(BUYERS_PER_SECOND), warehouse.ship_some(), warehouse.receive_some()]

    async def _break(self, breaker: Breaker) -> None:
        began = monotonic()
        await breaker.run(plan(self._seed, self._seconds))
        await asyncio.sleep(max(0.0, began + self._seconds - monotonic()))

    async def _watch(self) -> None:
        """Add up what is promised, again and again."""
        while True:
            try:
                self._note_oversold(await self._oversold())
                self.outcome.looks += 1
            except Exception as error:
                if not is_connection_trouble(error):
                    raise
            await asyncio.sleep(_LOOK_SECONDS)

    async def _oversold(self) -> int:
        async with self._hub.db.transaction() as session:
            return await oversold_units(session)

    def _note_oversold(self, units: int) -> None:
        self.outcome.oversold_units = max(self.outcome.oversold_units, units)

    async def _show(self, breaker: Breaker) -> None:
        began = monotonic()
        while True:
            done = self.outcome.done
            facts = f"{done.bought} orders  {len(done.shipped)} shipped  {breaker.done.total()} faults"
            self._board.show(int(monotonic() - began), int(self._seconds), facts)
            await asyncio.sleep(0.5)

    async def _rest(self) -> None:
        """Until everything fits, at most for the bound; the judge tells what does not."""
        deadline = monotonic() + REST_SECONDS
        while monotonic() < deadline:
            wrong = await self._unfinished() or await self._compare()
            if not wrong:
                return
            self._board.show(0, None, f"{len(wrong)} things wait: {wrong[0]}"[:160])
            await asyncio.sleep(_LOOK_SECONDS)

    async def _unfinished(self) -> list[str]:
        async with self._hub.db.transaction() as session:
            orders, numbers = await unfinished(session), await waiting(session)
        left = {
            "orders to decide": orders.new,
            "events to handle": orders.events,
            "goods to refresh": numbers.dirty,
            "listings to push": numbers.behind,
        }
        return [f"{number} {what}" for what, number in left.items() if number]

    async def _compare(self) -> list[str]:
        sold, shown = look_at_shops(self._hub.settings.home / "simulator.db", self._shop_ids)
        ours = await look_at_hub(self._hub, list(self._shop_ids.values()), self._skus)
        listings = await look_at_listings(self._hub, self._skus, shown)
        done = self.outcome.done
        promised = {"shipped": done.shipped, "received": done.received, "counted": done.counted}
        return [*compare_orders(sold, ours), *compare_promises(promised, ours), *compare_shops(listings)]


def scarce_goods(seed: int) -> list[Good]:
    """Thirty goods of which there is soon too little."""
    random = Random(f"goods {seed}")  # noqa: S311  # repeatable on purpose
    return [
        Good(f"G{number:02d}", f"Good {number}", Decimal("19.90"), Decimal("10.00"), 0, random.randint(3, 12))
        for number in range(1, GOODS + 1)
    ]


async def keep_alive(processes: Processes) -> None:
    """Start again what ends, soon: here it ends because we kill it. Until cancelled."""
    while True:
        for child in processes.children:
            child.ends_in_a_row = min(child.ends_in_a_row, 1)
        processes.tend()
        await asyncio.sleep(_TEND_SECONDS)
