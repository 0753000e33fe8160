"""The buyers and the warehouse hand of a replay.

Invariant: a buyer asks the shop for a basket once and takes what is shown there at that moment; what he does not get is
a lost sale and is counted. The hand ships what is reserved, by the hub's API.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hub.core.clock import monotonic
from hub.core.log import get_logger
from orders.sales.outcome import road
from orders.sales.queries import ready_to_ship
from stockpool.outcome import waiting
from workers.context import Hub
from workers.replay.baskets import Basket
from workers.replay.caller import Caller, CallFailed
from workers.replay.goods import code_of, shop_of
from workers.replay.pace import DataClock, KeepingUp, Reading

log = get_logger(__name__)

_TICK_SECONDS = 0.05
_READ_SECONDS = 0.25
_BASKETS_PER_CALL = 100
_ORDERS_PER_CALL = 100
_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class Tally:
    """What the buyers did so far."""

    baskets: int = 0
    orders: int = 0
    lines: int = 0
    units_asked: int = 0
    units_sold: int = 0
    decided: int = 0
    shipped: int = 0
    oldest_seconds: float = 0.0

    @property
    def units_lost(self) -> int:
        """Units that a buyer wanted and his shop did not show."""
        return self.units_asked - self.units_sold

    @property
    def backlog(self) -> int:
        """Orders sold and not yet decided by the hub."""
        return max(0, self.orders - self.decided)


class Buyers:
    """Buy every basket in its turn."""

    def __init__(
        self, sim: Caller, shops: Sequence[str], baskets: Iterator[Basket], pace: KeepingUp | DataClock, tally: Tally
    ) -> None:
        self._sim = sim
        self._shops = shops
        self._baskets = baskets
        self._pace = pace
        self._tally = tally
        self._next: Basket | None = next(baskets, None)

    async def run(self) -> None:
        """Until the last basket is bought. Raises CallFailed."""
        while self._next is not None:
            if due := self._take():
                await self._buy(due)
            else:
                await asyncio.sleep(_TICK_SECONDS)

    def _take(self) -> list[Basket]:
        now = monotonic()
        room = self._pace.room(self._tally.orders, now) if isinstance(self._pace, KeepingUp) else _BASKETS_PER_CALL
        taken: list[Basket] = []
        while self._next is not None and len(taken) < min(room, _BASKETS_PER_CALL):
            if isinstance(self._pace, DataClock) and not self._pace.is_due(self._next.at, now):
                break
            taken.append(self._next)
            self._next = next(self._baskets, None)
        return taken

    async def _buy(self, due: Sequence[Basket]) -> None:
        asked = [_wish(basket, self._shops[shop_of(basket.store_id, len(self._shops))]) for basket in due]
        answer = await self._sim.post("/_sim/buys", {"baskets": asked})
        for basket, bought in zip(due, answer["baskets"], strict=True):
            self._tally.baskets += 1
            self._tally.orders += bought["order"] is not None
            self._tally.lines += sum(line["sold"] > 0 for line in bought["lines"])
            self._tally.units_asked += basket.units
            self._tally.units_sold += sum(line["sold"] for line in bought["lines"])


def _wish(basket: Basket, shop: str) -> dict[str, Any]:
    lines = [{"sku": code_of(line.product_id), "qty": line.qty} for line in basket.lines]
    return {"shop": shop, "lines": lines, "buyer": f"buyer-{basket.basket_id}"}


async def watch(hub: Hub, pace: KeepingUp | DataClock, tally: Tally) -> None:
    """Read how far the hub is, again and again, until cancelled; never more than a tenth of the time."""
    while True:
        began = monotonic()
        async with hub.db.transaction() as session:
            orders, numbers = await road(session), await waiting(session)
        tally.decided = orders.decided
        tally.oldest_seconds = max(orders.oldest_seconds, numbers.lag_seconds)
        now = monotonic()
        if isinstance(pace, KeepingUp):
            pace.note(Reading(now, orders.decided, tally.oldest_seconds))
        await asyncio.sleep(max(_READ_SECONDS, 9 * (now - began)))


class Hand:
    """Ships whatever is reserved, up to a hundred orders in one call."""

    def __init__(self, hub: Hub, api: Caller, tally: Tally) -> None:
        self._hub = hub
        self._api = api
        self._tally = tally
        self._refused: set[str] = set()

    async def run(self) -> None:
        """Until cancelled. An order that the hub refuses to ship is logged and left to the people."""
        while True:
            async with self._hub.db.transaction() as session:
                ready = await ready_to_ship(session, older_than_seconds=0, limit=_ORDERS_PER_CALL + len(self._refused))
            todo = [order_id for order_id in ready if str(order_id) not in self._refused][:_ORDERS_PER_CALL]
            if not todo:
                await asyncio.sleep(_READ_SECONDS)
                continue
            try:
                await self._ship(todo)
            except CallFailed as error:  # shipping the same parcel again is harmless
                log.warning("replay_not_shipped", orders=len(todo), detail=str(error)[:300])
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _ship(self, todo: Sequence[UUID]) -> None:
        parcels = [
            {"order_id": str(order_id), "carrier": "SF", "waybill": f"SF{order_id.int % 10**12:012d}"}
            for order_id in todo
        ]
        answer = await self._api.post("/api/shipments", {"shipments": parcels})
        self._tally.shipped += answer["shipped"]
        for result in answer["results"]:
            if result["error"] is not None:
                log.warning("replay_not_shipped", order=result["order_id"], error=result["error"]["code"])
                if result["error"]["code"] != "try_again":
                    self._refused.add(result["order_id"])
