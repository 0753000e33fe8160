"""Builds the merchant's world before the first sale: goods, opening stock, shops, listings.

Invariant: everything enters as a merchant's would: stock by `receive`, listings by the adapters' own import, the first
numbers of the shops by the hub's pushes. The shops begin empty, so nothing can be bought before the hub has published.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from hub.core.keys import add_key
from hub.core.people import Role
from hub.core.shops import connect_shop
from stockpool.catalogue import NewSku, add_skus, default_warehouse
from stockpool.floor.receive import Receipt, receive_many
from stockpool.outcome import Waiting, waiting
from workers.context import Hub
from workers.markets import import_listings
from workers.replay.caller import Caller, CallFailed
from workers.replay.goods import Good, shop_kinds
from workers.replay.together import Stuck

ACTOR = "replay"
_GOODS_PER_TRANSACTION = 500
_LISTINGS_PER_CALL = 2_000
_CURRENCY = "CNY"
_LIMITS = {"per_second": 5_000, "burst": 10_000}  # the year in minutes: the shops' own limits are lifted on both sides
_STUCK_SECONDS = 60.0

T = TypeVar("T")
Told = Callable[[int, int], None]
"""(done, of how many)"""


def chunks(rows: Sequence[T], size: int) -> Iterator[list[T]]:
    """The rows, `size` at a time."""
    waiting_rows = iter(rows)
    while part := list(islice(waiting_rows, size)):
        yield part


async def answers(caller: Caller, path: str, seconds: float = 60.0) -> None:
    """Wait until a program that was just started answers. Raises Stuck."""
    for _ in range(int(seconds / 0.2)):
        try:
            await caller.get(path)
        except CallFailed:
            await asyncio.sleep(0.2)
        else:
            return
    raise Stuck(f"{caller.url} does not answer; its log says why.")


async def stock_up(hub: Hub, goods: Sequence[Good], told: Told) -> None:
    """Enter all goods and receive their opening stock."""
    done = 0
    for part in chunks(goods, _GOODS_PER_TRANSACTION):
        async with hub.db.transaction() as session:
            place = await default_warehouse(session)
            ids = await add_skus(session, [NewSku(good.code, good.title) for good in part])
            receipts = [Receipt(ids[good.code], good.opening, good.cost, "OPENING", place) for good in part]
            await receive_many(session, receipts, ACTOR)
        done += len(part)
        told(done, len(goods))
    await hub.bell.ring("handle_events")


async def open_shops(sim: Caller, goods: Sequence[Good], shops: int, told: Told) -> list[dict[str, Any]]:
    """Make the simulated shops, each with all goods and nothing to sell. Returns them as the simulator shows them."""
    made = []
    for number, kind in enumerate(shop_kinds(shops)):
        name = f"{kind}-{number + 1}"
        made.append(
            await sim.post(
                "/_sim/shops", {"id": name, "kind": kind, "name": name, "currency": _CURRENCY, "limits": _LIMITS}
            )
        )
        for part in chunks(goods, _LISTINGS_PER_CALL):
            listings = [
                {"sku": good.code, "code": good.code, "title": good.title, "price": str(good.price), "qty": 0}
                for good in part
            ]
            await sim.post(f"/_sim/shops/{name}/listings", {"listings": listings})
        told(number + 1, shops)
    for part in chunks(goods, _LISTINGS_PER_CALL):
        await sim.post("/_sim/stock", {good.code: good.opening for good in part})
    return made


async def connect(hub: Hub, sim: Caller, made: Sequence[dict[str, Any]]) -> list[int]:
    """Connect the hub to the shops, webhooks too. Returns the hub's shop ids."""
    ids = []
    for shop in made:
        async with hub.db.transaction() as session:
            shop_id = await connect_shop(
                session,
                hub.seal,
                kind=shop["kind"],
                name=shop["name"],
                base_url=shop["base_url"],
                credentials=shop["secrets"],
                settings={**shop["settings"], "limits": {"default": _LIMITS}},
                currency=_CURRENCY,
            )
        await sim.post(f"/_sim/shops/{shop['id']}", {"webhook_url": f"{hub.settings.console_url}/hooks/{shop_id}"})
        ids.append(shop_id)
    return ids


async def import_catalogues(hub: Hub, shop_ids: Sequence[int], told: Told) -> None:
    """Read every shop's catalogue through its adapter."""
    for number, shop_id in enumerate(shop_ids, start=1):
        if not await import_listings(hub, shop_id):
            raise Stuck(f"The listings of shop {shop_id} could not be imported; the log says why.")
        told(number, len(shop_ids))


async def hire(hub: Hub) -> str:
    """An API key for the warehouse."""
    async with hub.db.transaction() as session:
        return await add_key(session, "replay warehouse", Role.WAREHOUSE, ACTOR)


async def first_publish(hub: Hub, listings: int, told: Told) -> None:
    """Wait until every listing shows its first number. Raises Stuck."""
    await hub.bell.ring("relay")
    still = Stillness()
    while True:
        async with hub.db.transaction() as session:
            left = await waiting(session)
        if not (left.dirty or left.behind):
            told(listings, listings)
            return
        told(max(0, listings - left.behind) if not left.dirty else 0, listings)
        still.note(left, f"{_words(left)} wait for their first number")
        await asyncio.sleep(0.5)


def _words(left: Waiting) -> str:
    return f"{left.dirty} goods and {left.behind} listings"


class Stillness:
    """Notices when nothing moves any more."""

    def __init__(self, seconds: float = _STUCK_SECONDS) -> None:
        self._seconds = seconds
        self._last: object = None
        self._since = asyncio.get_running_loop().time()

    def note(self, state: object, words: str) -> None:
        """Compare with the state before. Raises Stuck when it has been the same for a minute."""
        now = asyncio.get_running_loop().time()
        if state != self._last:
            self._last, self._since = state, now
        elif now - self._since > self._seconds:
            raise Stuck(f"Nothing moves any more: {words}.")
