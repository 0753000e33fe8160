"""The play itself: build the world, open the shops, let people buy, wait until the hub has come to rest.

Invariant: nobody buys before every listing shows its first number; the play ends only at rest, or says what is not.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.core.clock import monotonic, utcnow
from orders.sales.outcome import road, unfinished
from stockpool.outcome import waiting
from workers.context import Hub
from workers.replay.baskets import Basket
from workers.replay.board import Board
from workers.replay.caller import Caller
from workers.replay.drive import Buyers, Hand, Tally, watch
from workers.replay.goods import Demanded, Good
from workers.replay.pace import DataClock, KeepingUp
from workers.replay.together import Stuck, with_background
from workers.replay.world import (
    Stillness,
    answers,
    connect,
    first_publish,
    hire,
    import_catalogues,
    open_shops,
    stock_up,
)

Speed = float | None
"""factor on the data's clock; None = as fast as the hub keeps up"""
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Played:
    """What the people on the stage know; the rest is in the database."""

    tally: Tally
    goods: int
    listings: int
    first_sale_at: datetime
    setup_seconds: float
    publish_seconds: float
    sell_seconds: float
    settle_seconds: float
    external_oversell: int
    unrest: str


class Play:
    """One performance on an open hub whose processes run."""

    def __init__(self, hub: Hub, board: Board, goods: Sequence[Good], shops: int, speed: Speed) -> None:
        self._hub = hub
        self._board = board
        self._goods = goods
        self._shops = shops
        self._speed = speed
        self._sim = Caller(hub.settings.sim_url)
        self._tally = Tally()

    async def run(self, baskets: Iterator[Basket], demanded: Demanded) -> Played:
        """From the empty hub to rest. Raises Stuck, CallFailed."""
        began = monotonic()
        names, listings = await self._build()
        built = monotonic()
        self._board.begin("First publish")
        await first_publish(self._hub, listings, self._board.show)
        published, first_sale_at = monotonic(), utcnow()
        sold, unrest = await self._trade(names, baskets, demanded)
        stats = await self._sim.get("/_sim/stats")
        return Played(
            tally=self._tally,
            goods=len(self._goods),
            listings=listings,
            first_sale_at=first_sale_at,
            setup_seconds=published - began,
            publish_seconds=published - built,
            sell_seconds=sold - published,
            settle_seconds=monotonic() - sold,
            external_oversell=int(stats["goods"]["oversold_units"]),
            unrest=unrest,
        )

    async def _build(self) -> tuple[list[str], int]:
        """Returns the names of the shops and how many listings they have together."""
        show = self._board.show
        self._board.begin("Starting")
        await answers(self._sim, "/_sim/stats")
        await answers(Caller(self._hub.settings.console_url), "/healthz")
        self._board.begin("Opening stock")
        await stock_up(self._hub, self._goods, show)
        self._board.begin("Opening shops")
        made = await open_shops(self._sim, self._goods, self._shops, show)
        shop_ids = await connect(self._hub, self._sim, made)
        self._board.begin("Importing listings")
        await import_catalogues(self._hub, shop_ids, show)
        return [shop["id"] for shop in made], len(made) * len(self._goods)

    async def _trade(self, names: Sequence[str], baskets: Iterator[Basket], demanded: Demanded) -> tuple[float, str]:
        """Sell, ship, wait for rest. Returns when the last basket was bought (monotonic) and what is not at rest."""
        pace = DataClock(self._speed, demanded.first_at, monotonic()) if self._speed else KeepingUp()
        api = Caller(self._hub.settings.console_url, key=await hire(self._hub))
        self._board.begin("Selling", demanded.baskets)

        async def sell_and_settle() -> tuple[float, str]:
            await Buyers(self._sim, names, baskets, pace, self._tally).run()
            sold = monotonic()
            self._board.begin("Coming to rest", self._tally.orders)
            return sold, await self._rest()

        return await with_background(
            sell_and_settle(),
            watch(self._hub, pace, self._tally),
            Hand(self._hub, api, self._tally).run(),
            self._show(demanded.baskets),
        )

    async def _show(self, baskets: int) -> None:
        began = monotonic()
        while True:
            tally = self._tally
            facts = (
                f"{tally.decided / max(1.0, monotonic() - began):.1f} orders/s  backlog {tally.backlog}"
                f" ({tally.oldest_seconds:.1f} s)  lost {tally.units_lost} units  shipped {tally.shipped}"
            )
            selling = tally.baskets < baskets
            self._board.show(tally.baskets if selling else tally.shipped, None, facts)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _rest(self) -> str:
        """Wait until nothing is left to do. Returns what is, when it stays as it is."""
        still = Stillness()
        while True:
            async with self._hub.db.transaction() as session:
                orders, numbers, far = await unfinished(session), await waiting(session), await road(session)
            left = {
                "orders not received or not decided": max(0, self._tally.orders - far.decided),
                "orders not shipped": orders.reserved,
                "shipments not told": orders.untold,
                "events not handled": orders.events,
                "goods not refreshed": numbers.dirty,
                "listings not pushed": numbers.behind,
            }
            words = ", ".join(f"{count} {name}" for name, count in left.items() if count)
            if not words:
                return ""
            try:
                still.note(words, words)
            except Stuck:
                return words
            await asyncio.sleep(_LOOK_SECONDS)
