"""The people of a fault run: buyers, a warehouse hand, a supplier. Seeded, and as impatient as people are.

Invariant: what the hub has acknowledged is remembered and must be found at the end; an answer that did not come is
asked for again with the same words (same reference, same waybill), so that it can be done at most once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from hub.core.db import Session, is_connection_trouble
from hub.core.errors import HubError
from hub.core.log import get_logger
from hub.core.redis import RedisError
from orders.sales.queries import ready_to_ship
from orders.sales.ship import ship
from stockpool.floor.adjust import adjust
from stockpool.floor.receive import receive
from workers.context import Hub
from workers.replay.caller import Caller, CallFailed

log = get_logger(__name__)

ACTOR = "fault run"
_TRIES = 40
_TRY_AGAIN_SECONDS = 0.25
_SHIP_AFTER_SECONDS = 1.0
_COST = Decimal("10.00")


@dataclass(slots=True)
class Order:
    """An order as its buyer remembers it."""

    shop: str
    number: str
    paid: bool
    cancelled: bool = False


@dataclass(slots=True)
class Done:
    """What the people did, and what the hub told them that it has done."""

    bought: int = 0
    edited: int = 0
    cancelled: int = 0
    shipped: set[UUID] = field(default_factory=set)
    received: set[UUID] = field(default_factory=set)
    counted: set[UUID] = field(default_factory=set)


class Buyers:
    """They buy in all shops, pay late, change their minds."""

    def __init__(self, sim: Caller, shops: Sequence[str], codes: Sequence[str], seed: int, done: Done) -> None:
        self._sim = sim
        self._shops = shops
        self._codes = codes
        self._random = Random(f"buyers {seed}")  # noqa: S311  # repeatable on purpose
        self._done = done
        self._orders: list[Order] = []

    async def run(self, per_second: float) -> None:
        """Until cancelled. A shop that does not answer has lost a buyer."""
        while True:
            try:
                await (self._buy() if self._random.random() < 0.85 or not self._orders else self._edit())
            except CallFailed as error:
                log.info("buyer_lost", detail=str(error)[:200])
            await asyncio.sleep(self._random.expovariate(per_second))

    async def _buy(self) -> None:
        shop = self._random.choice(self._shops)
        chosen = self._random.sample(self._codes, self._random.choices((1, 2, 3), (6, 3, 1))[0])
        lines = [{"code": code, "qty": self._random.choices((1, 2, 3), (7, 2, 1))[0]} for code in chosen]
        paid = self._random.random() < 0.95
        bought = await self._sim.post("/_sim/buy", {"shop": shop, "lines": lines, "paid": paid})
        if bought["order"] is not None:
            self._done.bought += 1
            self._orders.append(Order(shop, bought["order"], paid))

    async def _edit(self) -> None:
        order = self._random.choice(self._orders[-60:])
        if order.cancelled:
            return
        do = self._random.choices(("cancel", "set_line", "touch", "pay"), (5, 3, 1, 0 if order.paid else 20))[0]
        # A line of a Tmall trade can only be taken away whole.
        units = self._random.choice((0, 1)) if order.shop.startswith("shopify") else 0
        order.cancelled, order.paid = do == "cancel", order.paid or do == "pay"
        body = {"do": do, "order": order.number, "line": 0, "qty": units}
        await self._sim.post(f"/_sim/shops/{order.shop}/edit", body)
        self._done.cancelled += do == "cancel"
        self._done.edited += do != "cancel"


class Warehouse:
    """Ships most of what is reserved; receives and counts goods."""

    def __init__(self, hub: Hub, skus: Sequence[int], seed: int, done: Done) -> None:
        self._hub = hub
        self._skus = skus
        self._random = Random(f"warehouse {seed}")  # noqa: S311  # repeatable on purpose
        self._done = done
        self._deliveries = 0

    async def ship_some(self) -> None:
        """Until cancelled."""
        while True:
            for order_id in await self._patiently(self._ready) or ():
                if self._random.random() < 0.4:
                    shipment = await self._patiently(partial(_ship, order_id))
                    self._done.shipped |= {shipment} if shipment else set()
            await asyncio.sleep(0.7)

    async def receive_some(self) -> None:
        """Until cancelled."""
        while True:
            self._deliveries += 1
            number, sku_id = self._deliveries, self._random.choice(self._skus)
            if self._random.random() < 0.8:
                qty = self._random.randint(3, 15)
                move = await self._patiently(partial(_receive, sku_id, qty, number))
                self._done.received |= {move} if move else set()
            else:
                delta = self._random.choice((-4, -2, -1, 2))
                move = await self._patiently(partial(_count, sku_id, delta, number))
                self._done.counted |= {move} if move else set()
            await asyncio.sleep(self._random.uniform(0.5, 1.5))

    async def _ready(self, session: Session) -> list[UUID]:
        return await ready_to_ship(session, older_than_seconds=_SHIP_AFTER_SECONDS, limit=20)

    async def _patiently(self, act: Callable[[Session], Awaitable[Any]]) -> Any:
        """One transaction, asked for again while the answer does not come. None = refused, or nobody ever answered."""
        for _ in range(_TRIES):
            try:
                async with self._hub.db.transaction() as session:
                    return await act(session)
            except HubError as error:
                log.info("refused", reason=str(error)[:200])
                return None
            except Exception as error:
                if not (isinstance(error, RedisError) or is_connection_trouble(error)):
                    raise
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
        return None


async def _ship(order_id: UUID, session: Session) -> UUID:
    return await ship(session, order_id, carrier="SF", waybill=f"SF{order_id.int % 10**12:012d}", actor=ACTOR)


async def _receive(sku_id: int, qty: int, number: int, session: Session) -> UUID:
    return await receive(session, sku_id=sku_id, qty=qty, unit_cost=_COST, reference=f"PO-{number}", actor=ACTOR)


async def _count(sku_id: int, delta: int, number: int, session: Session) -> UUID:
    found = await adjust(
        session, sku_id=sku_id, qty_delta=delta, reason="count", reference=f"COUNT-{number}", actor=ACTOR
    )
    return found.move_id
