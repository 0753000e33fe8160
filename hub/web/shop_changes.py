"""Changing a shop's buffer and pace, for the console and for programs alike.

Invariant: the offers of the shop are marked in the transaction that changes its buffer, before the shop's row is
locked (as pulls do, so that the two never cross); the trail tells what it was and what it became.
"""

from hub.core import audit
from hub.core.shops import Shop, change_shop, get_shop
from hub.web.ask import Ask
from stockpool.offers.listings import offers_follow


async def change(ask: Ask, shop_id: int, *, buffer_units: int | None, poll_seconds: int | None) -> Shop:
    """The shop as it is afterwards. Raises Invalid and NotFound."""
    before = await get_shop(ask.session, shop_id)
    if buffer_units is not None and buffer_units != before.buffer_units:
        await offers_follow(ask.session, shop_id)
        ask.wake("relay")
    await change_shop(ask.session, shop_id, buffer_units=buffer_units, poll_seconds=poll_seconds)
    after = await get_shop(ask.session, shop_id)
    await audit.record(
        ask.session, ask.person.name, "shop.change", f"shop:{shop_id}", before=_told(before), after=_told(after)
    )
    return after


def _told(shop: Shop) -> dict[str, int]:
    return {"buffer_units": shop.buffer_units, "poll_seconds": shop.poll_seconds}
